import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  GetModelMetadataRequestSchema,
  GetModelMetadataResponseSchema,
  GetModelStatusRequestSchema,
  GetModelStatusResponseSchema,
  PredictRequestEnvelopeSchema,
  PredictResponseEnvelopeSchema,
} from "@tfs/proto";
import { type Channel, newChannel } from "@tfs/rpc";
import { discard, systemClock } from "@tfs/std";
import { opened, sealed } from "./envelope.ts";
import { addressOf } from "./target.ts";
import { connectionOptions } from "./tls.ts";
import type { Transport, TransportOptions } from "./transport.ts";

const prediction = "/tensorflow.serving.PredictionService";
const models = "/tensorflow.serving.ModelService";

/** GrpcTransport is a transport that makes any other call too. */
export interface GrpcTransport extends Transport {
  /** calls are of any method, with messages as bytes: one each way, or any number. */
  readonly calls: Pick<Channel, "unary" | "stream">;
}

/** newGrpcTransport speaks gRPC over HTTP/2, in plaintext or over TLS, to a port or a unix socket. Node only. Throws InvalidArgument for a malformed target. */
export function newGrpcTransport(options: TransportOptions): GrpcTransport {
  const { address, encrypted } = addressOf(options);
  const channel = newChannel({
    address,
    clock: systemClock(),
    logger: discard(),
    limits: { maxMessageBytes: 1 << 30 },
    ...(encrypted ? { tls: connectionOptions(options.tls ?? {}) } : {}),
  });
  return {
    name: "grpc",
    needsSignature: false,
    calls: channel,
    async predict(ctx, call) {
      const { message } = await channel.unary(ctx, `${prediction}/Predict`, toBinary(PredictRequestEnvelopeSchema, sealed(call)), { metadata: call.headers });
      return opened(fromBinary(PredictResponseEnvelopeSchema, message));
    },
    async metadata(ctx, spec, headers) {
      const request = create(GetModelMetadataRequestSchema, { modelSpec: spec, metadataField: ["signature_def"] });
      const { message } = await channel.unary(ctx, `${prediction}/GetModelMetadata`, toBinary(GetModelMetadataRequestSchema, request), { metadata: headers });
      return fromBinary(GetModelMetadataResponseSchema, message);
    },
    async status(ctx, spec, headers) {
      const request = create(GetModelStatusRequestSchema, { modelSpec: spec });
      const { message } = await channel.unary(ctx, `${models}/GetModelStatus`, toBinary(GetModelStatusRequestSchema, request), { metadata: headers });
      return fromBinary(GetModelStatusResponseSchema, message);
    },
    close: () => channel.close(),
  };
}
