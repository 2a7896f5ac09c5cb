import { create } from "@bufbuild/protobuf";
import { type Example, type Input, InputSchema, type ModelSpec, ModelSpecSchema } from "@tfs/proto";
import { type PredictionLog, PredictionLogSchema } from "@tfs/proto/gen/tensorflow_serving/apis/prediction_log_pb.js";
import { DType, type Tensor, toMessage } from "@tfs/tensor";

/** WarmupRecord is one request of a warm-up file. Those of a request log are too. */
export type WarmupRecord = PredictionLog;

export interface RecordOptions {
  /** signature defaults to "serving_default". */
  readonly signature?: string;
  /** model is a name for readers of the file: it is not compared with anything. Default "warmup". */
  readonly model?: string;
}

export interface ExamplesOptions extends RecordOptions {
  /** context is what all examples have in common. */
  readonly context?: Example;
}

/** WarmupTask is one of a MultiInference request's. */
export interface WarmupTask {
  readonly method: "classify" | "regress";
  readonly signature: string;
}

/** predictRecord makes a Predict request; `outputs` are those that are asked for, default all. */
export function predictRecord(
  inputs: Readonly<Record<string, Tensor>>,
  { outputs = [], ...options }: RecordOptions & { readonly outputs?: readonly string[] } = {},
): WarmupRecord {
  const messages = Object.fromEntries(Object.entries(inputs).map(([alias, t]) => [alias, toMessage(t, t.dtype === DType.String ? "values" : "content")]));
  return record({ case: "predictLog", value: { request: { modelSpec: specOf(options), inputs: messages, outputFilter: [...outputs] } } });
}

/** classifyRecord makes a Classify request. */
export function classifyRecord(examples: readonly Example[], options: ExamplesOptions = {}): WarmupRecord {
  return record({ case: "classifyLog", value: { request: { modelSpec: specOf(options), input: inputOf(examples, options.context) } } });
}

/** regressRecord makes a Regress request. */
export function regressRecord(examples: readonly Example[], options: ExamplesOptions = {}): WarmupRecord {
  return record({ case: "regressLog", value: { request: { modelSpec: specOf(options), input: inputOf(examples, options.context) } } });
}

/** multiInferenceRecord makes a MultiInference request. */
export function multiInferenceRecord(
  tasks: readonly WarmupTask[],
  examples: readonly Example[],
  options: Omit<ExamplesOptions, "signature"> = {},
): WarmupRecord {
  const asked = tasks.map(({ method, signature }) => ({ modelSpec: specOf({ ...options, signature }), methodName: `tensorflow/serving/${method}` }));
  return record({ case: "multiInferenceLog", value: { request: { tasks: asked, input: inputOf(examples, options.context) } } });
}

function record(logType: NonNullable<Parameters<typeof create<typeof PredictionLogSchema>>[1]>["logType"]): WarmupRecord {
  return create(PredictionLogSchema, { ...(logType && { logType }) });
}

function specOf({ model = "warmup", signature = "" }: RecordOptions): ModelSpec {
  return create(ModelSpecSchema, { name: model, signatureName: signature });
}

function inputOf(examples: readonly Example[], context: Example | undefined): Input {
  const list = [...examples];
  if (context === undefined) return create(InputSchema, { kind: { case: "exampleList", value: { examples: list } } });
  return create(InputSchema, { kind: { case: "exampleListWithContext", value: { examples: list, context } } });
}
