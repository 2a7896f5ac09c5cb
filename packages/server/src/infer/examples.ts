import { create, toBinary } from "@bufbuild/protobuf";
import { toText } from "@bufbuild/protobuf/txtpb";
import {
  type ClassificationRequest,
  type ClassificationResponse,
  ClassificationResponseSchema,
  type ClassificationResult,
  ClassificationResultSchema,
  ExampleSchema,
  type InferenceResult,
  InferenceResultSchema,
  type Input,
  type MultiInferenceRequest,
  type MultiInferenceResponse,
  MultiInferenceResponseSchema,
  type RegressionRequest,
  type RegressionResponse,
  RegressionResponseSchema,
  type RegressionResult,
  RegressionResultSchema,
  type SignatureDef,
  SignatureDefSchema,
} from "@tfs/proto";
import { Code, type Ctx, newError } from "@tfs/std";
import { DType, dtypeEnumName, newTensor, shapeText, type Tensor } from "@tfs/tensor";
import { keepClassify, keepMultiInference, keepRegress } from "./kept.ts";
import { defaultSignature, type InferOptions, type Seen } from "./options.ts";
import { specOf, tensorName } from "./predict.ts";

const classifyMethod = "tensorflow/serving/classify";
const regressMethod = "tensorflow/serving/regress";

/** classify gives the classes of each example. */
export async function classify(ctx: Ctx, request: ClassificationRequest, options: InferOptions, seen?: Seen): Promise<ClassificationResponse> {
  using handle = options.manager.acquire(request.modelSpec);
  const name = request.modelSpec?.signatureName || defaultSignature;
  seen?.found(handle.servable, name);
  const signature = signatureFor(handle.servable.signatures, name);
  const outputs = classifyOutputs(signature, options.checkMethodName);
  const examples = examplesOf(request.input);
  const started = performance.now();
  const values = await handle.servable.run(
    ctx,
    new Map([[inputName(signature), examples]]),
    outputs.map((alias) => tensorName(signature.outputs[alias])),
  );
  options.runs.ran(handle.servable, "Classify", started);
  const result = classifications(new Map(outputs.map((alias, i) => [alias, values[i]!])), examples.data.length);
  const response = create(ClassificationResponseSchema, { modelSpec: specOf(handle.servable.name, handle.servable.version, name), result });
  const keep = options.log?.take(ctx, handle.servable.name);
  if (keep !== undefined) keepClassify(keep, request, response);
  return response;
}

/** regress gives the value of each example. */
export async function regress(ctx: Ctx, request: RegressionRequest, options: InferOptions, seen?: Seen): Promise<RegressionResponse> {
  using handle = options.manager.acquire(request.modelSpec);
  const name = request.modelSpec?.signatureName || defaultSignature;
  seen?.found(handle.servable, name);
  const signature = signatureFor(handle.servable.signatures, name);
  checkRegress(signature, options.checkMethodName);
  const examples = examplesOf(request.input);
  const started = performance.now();
  const [value] = await handle.servable.run(ctx, new Map([[inputName(signature), examples]]), [tensorName(signature.outputs["outputs"])]);
  options.runs.ran(handle.servable, "Regress", started);
  const result = regressions(value!, examples.data.length);
  const response = create(RegressionResponseSchema, { modelSpec: specOf(handle.servable.name, handle.servable.version, name), result });
  const keep = options.log?.take(ctx, handle.servable.name);
  if (keep !== undefined) keepRegress(keep, request, response);
  return response;
}

/** multiInference answers several tasks over the same examples with one run. The first task's spec decides the version for all. */
export async function multiInference(ctx: Ctx, request: MultiInferenceRequest, options: InferOptions, seen?: Seen): Promise<MultiInferenceResponse> {
  const first = request.tasks[0]?.modelSpec;
  if (first === undefined || first.name === "") throw newError(Code.InvalidArgument, "ModelSpec has no name specified.");
  using handle = options.manager.acquire(first);
  const { servable } = handle;
  seen?.found(servable, request.tasks[0]?.modelSpec?.signatureName || defaultSignature);
  const names = new Set<string>();
  const tasks = request.tasks.map((task) => {
    const name = task.modelSpec?.signatureName || defaultSignature;
    if ((task.modelSpec?.name ?? "") === "") throw newError(Code.InvalidArgument, "Found ModelSpec with an empty model name.");
    if (task.modelSpec?.name !== first.name) throw newError(Code.InvalidArgument, "All ModelSpecs in a MultiInferenceRequest must access the same model name.");
    if (names.has(name)) throw newError(Code.InvalidArgument, `Duplicate evaluation of signature: ${name}`);
    names.add(name);
    const signature = servable.signatures.get(name);
    if (signature === undefined) throw newError(Code.InvalidArgument, `Requested signature not found in model graph: ${name}`);
    if (task.methodName === classifyMethod) return { name, signature, outputs: classifyOutputs(signature, options.checkMethodName), classify: true };
    if (task.methodName !== regressMethod) throw newError(Code.Unimplemented, `Unsupported signature method_name: ${task.methodName}`);
    checkRegress(signature, options.checkMethodName);
    return { name, signature, outputs: ["outputs"], classify: false };
  });
  const examples = examplesOf(request.input);
  const feeds = new Map(tasks.map((task) => [inputName(task.signature), examples]));
  const fetches = [...new Set(tasks.flatMap((task) => task.outputs.map((alias) => tensorName(task.signature.outputs[alias]))))];
  const values = await servable.run(ctx, feeds, fetches);
  options.runs.examples(servable, examples.data.length);
  const results = tasks.map((task): InferenceResult => {
    const of = new Map(task.outputs.map((alias) => [alias, values[fetches.indexOf(tensorName(task.signature.outputs[alias]))]!]));
    const modelSpec = specOf(servable.name, servable.version, task.name);
    const result = task.classify
      ? ({ case: "classificationResult", value: classifications(of, examples.data.length) } as const)
      : ({ case: "regressionResult", value: regressions(of.get("outputs")!, examples.data.length) } as const);
    return create(InferenceResultSchema, { modelSpec, result });
  });
  const response = create(MultiInferenceResponseSchema, { results });
  const keep = options.log?.take(ctx, servable.name);
  if (keep !== undefined) keepMultiInference(keep, request, response);
  return response;
}

function signatureFor(signatures: ReadonlyMap<string, SignatureDef>, name: string): SignatureDef {
  const found = signatures.get(name);
  if (found === undefined) throw newError(Code.InvalidArgument, `No signature was found with the name: ${name}`);
  return found;
}

function inputName(signature: SignatureDef): string {
  return tensorName(signature.inputs["inputs"]);
}

/** examplesOf serialises examples into a string tensor; a context goes in front of each, so that the example's features win. */
function examplesOf(input: Input | undefined): Tensor {
  const kind = input?.kind;
  const examples = kind?.value?.examples ?? [];
  if (examples.length === 0) throw newError(Code.InvalidArgument, "Input is empty.");
  const context = kind?.case === "exampleListWithContext" && kind.value.context !== undefined ? toBinary(ExampleSchema, kind.value.context) : new Uint8Array(0);
  const data = examples.map((example) => {
    const own = toBinary(ExampleSchema, example);
    const out = new Uint8Array(context.length + own.length);
    out.set(context);
    out.set(own, context.length);
    return out;
  });
  return newTensor(DType.String, [data.length], data);
}

/** show prints a signature as protobuf's DebugString does in C++: text format over several lines, maps in order, no colon before a message. */
function show(signature: SignatureDef): string {
  const { inputs, outputs } = signature;
  const ordered = create(SignatureDefSchema, { ...signature, inputs: inOrder(inputs), outputs: inOrder(outputs) });
  return toText(SignatureDefSchema, ordered).replace(/^( *\w+): \{/gm, "$1 {");
}

function inOrder<T>(map: { readonly [key: string]: T }): { [key: string]: T } {
  return Object.fromEntries(Object.entries(map).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function classifyOutputs(signature: SignatureDef, checkMethod: boolean): string[] {
  if (checkMethod && signature.methodName !== classifyMethod)
    throw newError(Code.InvalidArgument, `Expected classification signature method_name to be ${classifyMethod}. Was: ${signature.methodName}`);
  const outputs = Object.keys(signature.outputs);
  if (Object.keys(signature.inputs).length !== 1) throw newError(Code.InvalidArgument, "Expected one input Tensor.");
  if (outputs.length !== 1 && outputs.length !== 2) throw newError(Code.InvalidArgument, `Expected one or two output Tensors, found ${outputs.length}`);
  if (signature.inputs["inputs"] === undefined) throw newError(Code.InvalidArgument, `No classification inputs found in SignatureDef: ${show(signature)}`);
  const known = ["classes", "scores"].filter((alias) => signature.outputs[alias] !== undefined);
  if (known.length === 0)
    throw newError(
      Code.InvalidArgument,
      `Expected classification signature outputs to contain at least one of "classes" or "scores". Signature was: ${show(signature)}`,
    );
  return known;
}

function checkRegress(signature: SignatureDef, checkMethod: boolean): void {
  if (checkMethod && signature.methodName !== regressMethod)
    throw newError(Code.InvalidArgument, `Expected regression signature method_name to be ${regressMethod}. Was: ${signature.methodName}`);
  if (Object.keys(signature.inputs).length !== 1) throw newError(Code.InvalidArgument, "Expected one input Tensor.");
  if (Object.keys(signature.outputs).length !== 1) throw newError(Code.InvalidArgument, "Expected one output Tensor.");
  if (signature.inputs["inputs"] === undefined) throw newError(Code.InvalidArgument, `No regression inputs found in SignatureDef: ${show(signature)}`);
  if (signature.outputs["outputs"] === undefined) throw newError(Code.InvalidArgument, `No regression outputs found in SignatureDef: ${show(signature)}`);
}

function classifications(outputs: ReadonlyMap<string, Tensor>, examples: number): ClassificationResult {
  const [classes, scores] = [outputs.get("classes"), outputs.get("scores")];
  for (const [name, t, want, type] of [
    ["classes", classes, DType.String, "DT_STRING"],
    ["scores", scores, DType.Float, "DT_FLOAT"],
  ] as const) {
    if (t === undefined) continue;
    if (t.shape.length !== 2) throw newError(Code.InvalidArgument, `Expected Tensor shape: [batch_size num_classes] but got ${shapeText(t.shape)}`);
    if (t.dtype !== want) throw newError(Code.InvalidArgument, `Expected ${name} Tensor of ${type}. Got: ${dtypeEnumName(t.dtype)}`);
    if (t.shape[0] !== examples) throw newError(Code.InvalidArgument, `Expected ${name} output batch size of ${examples}. Got: ${t.shape[0]}`);
  }
  if (classes !== undefined && scores !== undefined && classes.shape[1] !== scores.shape[1]) {
    throw newError(Code.InvalidArgument, `Tensors class and score should match in dim_size(1). Got ${classes.shape[1]} vs. ${scores.shape[1]}`);
  }
  const count = (classes ?? scores)?.shape[1] ?? 0;
  const text = new TextDecoder();
  const label = (i: number): string => (classes === undefined ? "" : text.decode((classes.data as readonly Uint8Array[])[i]));
  const score = (i: number): number => (scores === undefined ? 0 : (scores.data as Float32Array)[i]!);
  return create(ClassificationResultSchema, {
    classifications: Array.from({ length: examples }, (_, row) => ({
      classes: Array.from({ length: count }, (_, c) => ({ label: label(row * count + c), score: score(row * count + c) })),
    })),
  });
}

function regressions(t: Tensor, examples: number): RegressionResult {
  const flat = t.shape.length === 1 || (t.shape.length === 2 && t.shape[1] === 1);
  if (!flat) throw newError(Code.InvalidArgument, `Expected output Tensor shape to be either [batch_size] or [batch_size, 1] but got ${shapeText(t.shape)}`);
  if (t.shape[0] !== examples) throw newError(Code.InvalidArgument, `Input batch size did not match output batch size: ${examples} vs. ${t.shape[0]}`);
  if (t.dtype !== DType.Float) throw newError(Code.InvalidArgument, `Expected output Tensor of DT_FLOAT.  Got: ${dtypeEnumName(t.dtype)}`);
  return create(RegressionResultSchema, { regressions: Array.from(t.data as Float32Array, (value) => ({ value })) });
}
