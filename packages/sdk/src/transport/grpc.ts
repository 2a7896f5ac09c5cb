import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  GetModelMetadataRequestSchema,
  GetModelMetadataResponseSchema,
  GetModelStatusRequestSchema,
  GetModelStatusResponseSchema,
  PredictRequestEnvelopeSchema,
  PredictResponseEnvelopeSchema,
} from "@tfs/proto";
import { newChannel } from "@tfs/rpc";
import { discard, systemClock } from "@tfs/std";
import { opened, sealed } from "./envelope.ts";
import type { Transport, TransportOptions } from "./transport.ts";

const prediction = "/tensorflow.serving.PredictionService";
const models = "/tensorflow.serving.ModelService";

/** newGrpcTransport speaks gRPC over cleartext HTTP/2. Node only. */
export function newGrpcTransport(options: TransportOptions): Transport {
  const address = options.target.replace(/^(grpc|http):\/\//, "").replace(/\/+$/, "");
  const channel = newChannel({ address, clock: systemClock(), logger: discard(), limits: { maxMessageBytes: 1 << 30 } });
  return {
    name: "grpc",
    needsSignature: false,
    async predict(ctx, call) {
      const { message } = await channel.unary(ctx, `${prediction}/Predict`, toBinary(PredictRequestEnvelopeSchema, sealed(call)), call.headers);
      return opened(fromBinary(PredictResponseEnvelopeSchema, message));
    },
    async metadata(ctx, spec, headers) {
      const request = create(GetModelMetadataRequestSchema, { modelSpec: spec, metadataField: ["signature_def"] });
      const { message } = await channel.unary(ctx, `${prediction}/GetModelMetadata`, toBinary(GetModelMetadataRequestSchema, request), headers);
      return fromBinary(GetModelMetadataResponseSchema, message);
    },
    async status(ctx, spec, headers) {
      const request = create(GetModelStatusRequestSchema, { modelSpec: spec });
      const { message } = await channel.unary(ctx, `${models}/GetModelStatus`, toBinary(GetModelStatusRequestSchema, request), headers);
      return fromBinary(GetModelStatusResponseSchema, message);
    },
    close: () => channel.close(),
  };
}
