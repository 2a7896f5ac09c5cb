import { create } from "@bufbuild/protobuf";
import { type ModelSpec, ModelSpecSchema, type PredictRequestEnvelope, type SignatureDef } from "@tfs/proto";
import { Code, type Ctx, newError } from "@tfs/std";
import { fromMessage, type Tensor } from "@tfs/tensor";
import type { Servable } from "../servable/index.ts";
import { keepPredict } from "./kept.ts";
import { defaultSignature, type InferOptions, type Seen } from "./options.ts";

export interface PredictCall {
  readonly spec: ModelSpec | undefined;
  /** inputs are read when the call has passed the checks before them: nothing is decoded for a model that is not there. A reader throws a Failure. */
  readonly inputs: ReadonlyMap<string, () => Tensor>;
  readonly outputFilter: readonly string[];
  /** sent is the message that the call came as, if it did: logged as it is. */
  readonly sent?: PredictRequestEnvelope;
  readonly seen?: Seen;
}

/** Prediction is the computed outputs by alias, and the spec of what computed them: name, version, signature. */
export interface Prediction {
  readonly outputs: ReadonlyMap<string, Tensor>;
  readonly spec: ModelSpec;
}

const methods = ["tensorflow/serving/predict", "tensorflow/serving/classify", "tensorflow/serving/regress"];

/** predict finds the version that a call asks for, and runs it. */
export async function predict(ctx: Ctx, call: PredictCall, options: InferOptions): Promise<Prediction> {
  using handle = options.manager.acquire(call.spec);
  call.seen?.found(handle.servable, call.spec?.signatureName || defaultSignature);
  return await predictOn(ctx, handle.servable, call, options); // await: the handle is held until the run has ended
}

/** signatureOf gives the signature that a spec asks for; REST needs it before it can read a body. undefined if the version has none of that name. */
export function signatureOf(servable: Servable, spec: ModelSpec | undefined): SignatureDef | undefined {
  return servable.signatures.get(spec?.signatureName || defaultSignature);
}

/**
 * predictOn checks a call against its signature and runs it on a version that the caller holds. Declared shapes are not checked, as in TensorFlow Serving: the
 * graph decides.
 */
export async function predictOn(ctx: Ctx, servable: Servable, call: PredictCall, options: InferOptions): Promise<Prediction> {
  const signatureName = call.spec?.signatureName || defaultSignature;
  const signature = signatureOf(servable, call.spec);
  if (signature === undefined) throw newError(Code.FailedPrecondition, `Serving signature key "${signatureName}" not found.`);
  if (options.checkMethodName && !methods.includes(signature.methodName)) {
    throw newError(Code.Internal, `Expected prediction signature method_name to be one of {${methods.join(", ")}}. Was: ${signature.methodName}`);
  }
  const feeds = feedsOf(signature, call.inputs);
  const aliases = outputsOf(signature, call.outputFilter);
  const started = performance.now();
  const values = await servable.run(
    ctx,
    feeds,
    aliases.map((alias) => tensorName(signature.outputs[alias])),
  );
  options.runs.ran(servable, "Predict", started);
  const outputs = new Map<string, Tensor>();
  for (let i = 0; i < aliases.length; i++) outputs.set(aliases[i]!, values[i]!);
  const prediction = { outputs, spec: specOf(servable.name, servable.version, signatureName) };
  const keep = options.log?.take(ctx, servable.name);
  if (keep !== undefined) keepPredict(keep, call, prediction);
  return prediction;
}

/** specOf is the spec of an answer: the label of the request is not echoed. */
export function specOf(name: string, version: bigint, signatureName: string): ModelSpec {
  return create(ModelSpecSchema, { name, signatureName, versionChoice: { case: "version", value: { value: version } } });
}

/** tensorName gives the graph name behind an alias; sparse and composite tensors have none and fail in the runtime by an empty name. */
export function tensorName(info: SignatureDef["inputs"][string] | undefined): string {
  return info?.encoding.case === "name" ? info.encoding.value : ":0";
}

/** Names are a signature's aliases, sorted. */
interface Names {
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly defaults: readonly string[];
}

const names = new WeakMap<SignatureDef, Names>();

function namesOf(signature: SignatureDef): Names {
  let found = names.get(signature);
  if (found === undefined) {
    const { inputs, outputs, defaults } = signature;
    found = { inputs: Object.keys(inputs).sort(), outputs: Object.keys(outputs).sort(), defaults: Object.keys(defaults).sort() };
    names.set(signature, found);
  }
  return found;
}

function feedsOf(signature: SignatureDef, inputs: PredictCall["inputs"]): Map<string, Tensor> {
  const { inputs: wanted, defaults } = namesOf(signature);
  const given = (): string[] => [...inputs.keys()].sort();
  if (inputs.size > wanted.length || (inputs.size < wanted.length && defaults.length === 0)) {
    const extra = given().filter((name) => !wanted.includes(name));
    const missing = wanted.filter((name) => !inputs.has(name));
    throw newError(
      Code.InvalidArgument,
      `input size does not match signature: ${inputs.size}!=${wanted.length} len({${given().join(",")}}) != len({${wanted.join(",")}}). Sent extra: {${extra.join(",")}}. Missing but required: {${missing.join(",")}}.`,
    );
  }
  const feeds = new Map<string, Tensor>();
  let used = 0;
  for (let i = 0; i < wanted.length; i++) {
    const alias = wanted[i]!;
    const info = signature.inputs[alias];
    const sent = inputs.get(alias);
    if (sent !== undefined) {
      used++;
      feeds.set(tensorName(info), sent());
      continue;
    }
    const fallback = signature.defaults[alias];
    if (fallback === undefined) {
      throw newError(
        Code.InvalidArgument,
        `Signature input alias: ${alias}(feed name: ${tensorName(info)}) not found in request and no default value provided. Inputs expected to be in the request {${given().join(",")}}, or default input alias set: ${defaults.join(",")}`,
      );
    }
    feeds.set(tensorName(info), fromMessage(fallback, { name: alias }));
  }
  if (used !== inputs.size) {
    const known = wanted.filter((alias) => inputs.has(alias));
    throw newError(Code.InvalidArgument, `Inputs contains invalid name. Used request inputs: ${known.join(",")}, request input: ${given().join(",")}`);
  }
  return feeds;
}

function outputsOf(signature: SignatureDef, filter: readonly string[]): readonly string[] {
  const { outputs: known } = namesOf(signature);
  if (filter.length === 0) return known;
  const seen = new Set<string>();
  for (const alias of filter) {
    if (!known.includes(alias))
      throw newError(Code.InvalidArgument, `output tensor alias not found in signature: ${alias} Outputs expected to be in the set {${known.join(",")}}.`);
    if (seen.has(alias)) throw newError(Code.InvalidArgument, `duplicate output tensor alias: ${alias}`);
    seen.add(alias);
  }
  return [...filter];
}
