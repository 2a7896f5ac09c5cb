import { create } from "@bufbuild/protobuf";
import {
  ClassificationRequestSchema,
  GetModelMetadataRequestSchema,
  GetModelStatusRequestSchema,
  type ModelSpec,
  ModelSpecSchema,
  RegressionRequestSchema,
} from "@tfs/proto";
import {
  type Kernel,
  type Numbers,
  npyType,
  npzType,
  parseExamples,
  type PredictDocument,
  parsePredict,
  printClassify,
  printMetadata,
  printPredict,
  printRegress,
  printStatus,
  type Route,
  type Target,
} from "@tfs/rest";
import { Code, type Ctx, newError } from "@tfs/std";
import type { Tensor } from "@tfs/tensor";
import { classify, defaultSignature, type InferOptions, metadata, predictOn, regress, type Seen, signatureOf, status } from "../infer/index.ts";
import { type Answer, json } from "./answer.ts";
import { type Arrays, printArrays, readArrays } from "./binary.ts";
import type { Scratches } from "./scratches.ts";

export interface CallOptions {
  readonly infer: InferOptions;
  /** numbers is how floats are printed. */
  readonly numbers: Numbers;
  /** floats reads those of large bodies, if they are not to be read as those of small ones. */
  readonly floats: Kernel | undefined;
  readonly scratches: Scratches;
}

/** Call is a request to one model, with its whole body. */
export interface Call {
  readonly call: Exclude<Route, { kind: "preflight" }>;
  readonly body: Uint8Array;
  /** arrays, if tensors do not travel as JSON both ways. */
  readonly arrays: Arrays | undefined;
  readonly seen: Seen;
}

/** run answers a request to one model. */
export async function run(ctx: Ctx, { call, body, arrays, seen }: Call, options: CallOptions): Promise<Answer> {
  const { infer } = options;
  const said = (printed: Uint8Array): Answer => ({ status: 200, body: printed, type: json });
  switch (call.kind) {
    case "predict": {
      if (arrays !== undefined && arrays.sent !== "json") return predictArrays(ctx, { call, body, arrays, seen }, options);
      const document = parsePredict(body);
      const spec = specOf(call, document.signatureName || arrays?.signatureName || "");
      using handle = acquire(document, spec, infer);
      seen.found(handle.servable, spec.signatureName || defaultSignature);
      const { floats, scratches } = options;
      const scratch = scratches.take();
      const { format, inputs } = document.inputs(signatureOf(handle.servable, spec), { floats, scratch });
      const { outputs } = await predictOn(ctx, handle.servable, { spec, inputs: readers(inputs), outputFilter: arrays?.outputs ?? [] }, infer);
      if (arrays !== undefined) return arrayAnswer(outputs, arrays, options); // which may view what was read
      const printed = printPredict(outputs, format, options);
      scratches.give(scratch); // not that of one that failed: whatever ran for it may run still
      return said(printed);
    }
    case "classify": {
      const { signatureName, input } = parseExamples(body);
      const response = await classify(ctx, create(ClassificationRequestSchema, { modelSpec: specOf(call, signatureName), input }), infer, seen);
      return said(printClassify(response.result!, options));
    }
    case "regress": {
      const { signatureName, input } = parseExamples(body);
      const response = await regress(ctx, create(RegressionRequestSchema, { modelSpec: specOf(call, signatureName), input }), infer, seen);
      return said(printRegress(response.result!, options));
    }
    case "metadata":
      return said(
        printMetadata(metadata(create(GetModelMetadataRequestSchema, { modelSpec: specOf(call, ""), metadataField: ["signature_def"] }), infer, seen)),
      );
    case "status":
      return said(printStatus(status(create(GetModelStatusRequestSchema, { modelSpec: specOf(call, "") }), infer)));
  }
}

/** predictArrays answers a predict call whose inputs came as arrays. */
async function predictArrays(
  ctx: Ctx,
  { call, body, arrays, seen }: { readonly call: Target; readonly body: Uint8Array; readonly arrays: Arrays; readonly seen: Seen },
  options: CallOptions,
): Promise<Answer> {
  const { infer } = options;
  const spec = specOf(call, arrays.signatureName);
  using handle = infer.manager.acquire(spec);
  seen.found(handle.servable, spec.signatureName || defaultSignature);
  const signature = signatureOf(handle.servable, spec);
  if (signature === undefined)
    throw newError(Code.InvalidArgument, `Serving signature name: "${arrays.signatureName || "serving_default"}" not found in signature def`);
  const inputs = readArrays(body, arrays.sent === "npz" ? "npz" : "npy", signature);
  const { outputs } = await predictOn(ctx, handle.servable, { spec, inputs: readers(inputs), outputFilter: arrays.outputs }, infer);
  return arrayAnswer(outputs, arrays, options);
}

/** arrayAnswer writes outputs as the client wants them; as JSON in columns, since arrays have no rows of their own. */
function arrayAnswer(outputs: ReadonlyMap<string, Tensor>, { wanted }: Arrays, options: CallOptions): Answer {
  if (wanted === "json") return { status: 200, body: printPredict(outputs, "columnar", options), type: json };
  return { status: 200, body: printArrays(outputs, wanted), type: wanted === "npz" ? npzType : npyType };
}

function readers(inputs: ReadonlyMap<string, Tensor>): ReadonlyMap<string, () => Tensor> {
  const all = new Map<string, () => Tensor>();
  for (const [alias, t] of inputs) all.set(alias, () => t);
  return all;
}

/** acquire holds the version that a document is for. A body that is not JSON is the first thing to complain about. */
function acquire(document: PredictDocument, spec: ModelSpec, infer: InferOptions): ReturnType<InferOptions["manager"]["acquire"]> {
  try {
    return infer.manager.acquire(spec);
  } catch (err) {
    document.check();
    throw err;
  }
}

/** specOf makes the spec of a target. */
export function specOf(target: Target, signatureName: string): ModelSpec {
  const { model, version, label } = target;
  const base = { name: model, signatureName };
  if (version !== undefined) return create(ModelSpecSchema, { ...base, versionChoice: { case: "version", value: { value: version } } });
  return create(ModelSpecSchema, label === undefined ? base : { ...base, versionChoice: { case: "versionLabel", value: label } });
}
