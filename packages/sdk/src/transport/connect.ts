// Connect and gRPC-Web through the connect packages; importing them converts errors at this one place.
import { create, type DescMessage, type DescMethodUnary, type MessageInitShape, type MessageShape } from "@bufbuild/protobuf";
import { ConnectError, type Transport as ConnectTransport } from "@connectrpc/connect";
import { GetModelMetadataRequestSchema, GetModelStatusRequestSchema, ModelService, PredictionService } from "@tfs/proto";
import { Code, type Ctx, deadlineExceeded, isFailure, newError, remainingMs, toCode } from "@tfs/std";
import { opened, predictMethod, sealed } from "./envelope.ts";
import type { Headers, Transport } from "./transport.ts";

/** overConnect makes a transport of ours from one of connect's. */
export function overConnect(name: "connect" | "grpc-web", inner: ConnectTransport): Transport {
  async function unary<I extends DescMessage, O extends DescMessage>(
    ctx: Ctx,
    method: DescMethodUnary<I, O>,
    message: MessageInitShape<I>,
    headers: Headers,
  ): Promise<MessageShape<O>> {
    const ms = remainingMs(ctx);
    try {
      return (await inner.unary(method, ctx.signal, ms === Number.POSITIVE_INFINITY ? undefined : Math.max(1, Math.ceil(ms)), headers, message)).message;
    } catch (err) {
      if (ctx.signal.aborted && isFailure(ctx.signal.reason)) throw ctx.signal.reason;
      if (ctx.deadline <= performance.now()) throw deadlineExceeded;
      const failure = ConnectError.from(err);
      throw newError(isTlsError(failure.cause) ? Code.Unavailable : toCode(failure.code), failure.rawMessage, err);
    }
  }
  const { getModelMetadata } = PredictionService.method;
  return {
    name,
    needsSignature: false,
    predict: async (ctx, call) => opened(await unary(ctx, predictMethod, sealed(call), call.headers)),
    metadata: (ctx, spec, headers) =>
      unary(ctx, getModelMetadata, create(GetModelMetadataRequestSchema, { modelSpec: spec, metadataField: ["signature_def"] }), headers),
    status: (ctx, spec, headers) => unary(ctx, ModelService.method.getModelStatus, create(GetModelStatusRequestSchema, { modelSpec: spec }), headers),
    close: async () => {},
  };
}

/** isTlsError tells whether no connection came about because of TLS, as Node names that; Connect takes it for Internal. */
function isTlsError(cause: unknown): boolean {
  return cause instanceof Error && "code" in cause && /CERT|^UNABLE_TO_|^ERR_TLS_|^ERR_SSL_/.test(String(cause.code));
}
