import { create, toBinary } from "@bufbuild/protobuf";
import {
  type ClassificationRequest,
  ClassificationRequestSchema,
  type ClassificationResponse,
  ClassificationResponseSchema,
  type ModelSpec,
  type MultiInferenceRequest,
  MultiInferenceRequestSchema,
  type MultiInferenceResponse,
  MultiInferenceResponseSchema,
  PredictRequestEnvelopeSchema,
  PredictResponseEnvelopeSchema,
  type RegressionRequest,
  RegressionRequestSchema,
  type RegressionResponse,
  RegressionResponseSchema,
} from "@tfs/proto";
import { SessionRunRequestEnvelopeSchema, SessionRunResponseEnvelopeSchema } from "@tfs/proto/gen/tfs/serving/v1/session_envelope_pb.js";
import type { Ctx } from "@tfs/std";
import { encode, type Tensor } from "@tfs/tensor";
import type { Prediction, PredictCall } from "./predict.ts";
import type { SessionCall, SessionResult } from "./session.ts";

/** CallLog decides which of the calls that were answered are kept. */
export interface CallLog {
  /** take gives what keeps this call to a model; undefined if it is not to be kept. It is asked once for each call, when that is answered. */
  take(ctx: Ctx, model: string): Keep | undefined;
}

/** Keep keeps a call: both messages, serialised when it asks for them, and the spec of what answered. It does not throw. */
export type Keep = (kind: CallKind, spec: ModelSpec, request: () => Uint8Array, response: () => Uint8Array) => void;
export type CallKind = "predict" | "classify" | "regress" | "multiInference" | "sessionRun";

/** keepPredict keeps a Predict; a request that came as a message, as it came. */
export function keepPredict(keep: Keep, { spec: modelSpec, inputs, outputFilter, sent }: PredictCall, { outputs, spec }: Prediction): void {
  const request = () =>
    sent ??
    create(PredictRequestEnvelopeSchema, {
      ...(modelSpec && { modelSpec }),
      inputs: Object.fromEntries([...inputs].map(([alias, read]) => [alias, valuesOf(read())])),
      outputFilter: [...outputFilter],
    });
  const response = () =>
    create(PredictResponseEnvelopeSchema, { modelSpec: spec, outputs: Object.fromEntries([...outputs].map(([alias, t]) => [alias, valuesOf(t)])) });
  keep(
    "predict",
    spec,
    () => toBinary(PredictRequestEnvelopeSchema, request()),
    () => toBinary(PredictResponseEnvelopeSchema, response()),
  );
}

export function keepClassify(keep: Keep, request: ClassificationRequest, response: ClassificationResponse): void {
  keep(
    "classify",
    response.modelSpec!,
    () => toBinary(ClassificationRequestSchema, request),
    () => toBinary(ClassificationResponseSchema, response),
  );
}

export function keepRegress(keep: Keep, request: RegressionRequest, response: RegressionResponse): void {
  keep(
    "regress",
    response.modelSpec!,
    () => toBinary(RegressionRequestSchema, request),
    () => toBinary(RegressionResponseSchema, response),
  );
}

/** keepMultiInference keeps a call of several signatures; the spec is the first one's. */
export function keepMultiInference(keep: Keep, request: MultiInferenceRequest, response: MultiInferenceResponse): void {
  keep(
    "multiInference",
    response.results[0]!.modelSpec!,
    () => toBinary(MultiInferenceRequestSchema, request),
    () => toBinary(MultiInferenceResponseSchema, response),
  );
}

/** keepSessionRun keeps a SessionRun. */
export function keepSessionRun(keep: Keep, call: SessionCall, { tensors, spec }: SessionResult): void {
  const { spec: modelSpec, feeds, fetches, targets, byAlias, options } = call;
  const request = () =>
    create(SessionRunRequestEnvelopeSchema, {
      ...(modelSpec && { modelSpec }),
      feed: feeds.map(([name, read]) => ({ name, tensor: valuesOf(read()) })),
      fetch: [...fetches],
      target: [...targets],
      tensorNameIsAlias: byAlias,
      ...(options && { options }),
    });
  const response = () => create(SessionRunResponseEnvelopeSchema, { modelSpec: spec, tensor: tensors.map(([name, t]) => ({ name, tensor: valuesOf(t) })) });
  keep(
    "sessionRun",
    spec,
    () => toBinary(SessionRunRequestEnvelopeSchema, request()),
    () => toBinary(SessionRunResponseEnvelopeSchema, response()),
  );
}

/** valuesOf writes a tensor as TensorFlow Serving answers: in value fields, which stay readable in lines of JSON. */
function valuesOf(t: Tensor): Uint8Array {
  return encode(t, "values");
}
