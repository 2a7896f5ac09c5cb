import { create, type DescMethodUnary, type MessageInitShape } from "@bufbuild/protobuf";
import {
  PredictionService,
  type PredictRequestEnvelope,
  PredictRequestEnvelopeSchema,
  type PredictResponseEnvelope,
  PredictResponseEnvelopeSchema,
} from "@tfs/proto";
import { decode, encode } from "@tfs/tensor";
import type { TransportPredict, TransportPrediction } from "./transport.ts";

/** Predict with each tensor left as bytes: equal on the wire, and bulk data is never touched by generated code. */
export const predictMethod: DescMethodUnary<typeof PredictRequestEnvelopeSchema, typeof PredictResponseEnvelopeSchema> = {
  ...PredictionService.method.predict,
  input: PredictRequestEnvelopeSchema,
  output: PredictResponseEnvelopeSchema,
};

/** sealed makes the request message of a predict call. */
export function sealed(call: TransportPredict): PredictRequestEnvelope {
  const inputs = Object.fromEntries([...call.inputs].map(([alias, t]) => [alias, encode(t)]));
  return create(PredictRequestEnvelopeSchema, { modelSpec: call.spec, inputs, outputFilter: [...call.outputFilter] } satisfies MessageInitShape<
    typeof PredictRequestEnvelopeSchema
  >);
}

/** opened reads the answer; its tensors are views of the answer's bytes where they are aligned. */
export function opened(response: PredictResponseEnvelope): TransportPrediction {
  const outputs = new Map(Object.entries(response.outputs).map(([alias, bytes]) => [alias, decode(bytes, { name: alias })]));
  return { outputs, spec: response.modelSpec };
}
