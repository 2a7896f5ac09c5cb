import { create, createRegistry, type DescMethodUnary } from "@bufbuild/protobuf";
import { ConnectError, type ConnectRouter, createConnectRouter, type HandlerContext } from "@connectrpc/connect";
import { compressionBrotli, compressionGzip } from "@connectrpc/connect-node";
import {
  ModelService,
  PredictionService,
  PredictRequestEnvelopeSchema,
  PredictResponseEnvelopeSchema,
  PredictResponseSchema,
  SignatureDefMapSchema,
  type TensorProto,
} from "@tfs/proto";
import { type Exchange, fieldsOf, type ListenerOptions, trailersOnly } from "@tfs/rpc";
import { as, background, Code, type Ctx, canceled, type Failure, isFailure, type Logger, newError, toFailure, withSignal, withTimeout } from "@tfs/std";
import { decode, encode, type Form, fromMessage, type Tensor, toMessage } from "@tfs/tensor";
import { classify, type InferOptions, metadata, multiInference, predict, regress, status } from "../infer/index.ts";
import { timedOut } from "../servable/index.ts";
import { newUniversal } from "./universal.ts";

export interface GrpcOptions {
  readonly infer: InferOptions;
  /** form is how answers carry tensors. */
  readonly form: Form;
  readonly logger: Logger;
}

/** A message may have 2^31-1 bytes, compressed or not, and answers are never compressed: both as in TensorFlow Serving. */
const limits = { readMaxBytes: 0x7fffffff, writeMaxBytes: 0x7fffffff, compressMinBytes: 0x7fffffff, acceptCompression: [compressionGzip, compressionBrotli] };

/** Metadata is an Any, and JSON has to know what is in it. */
const jsonOptions = { registry: createRegistry(SignatureDefMapSchema) };

/** newGrpcHandler answers requests of all three protocols, told apart by content type. */
export function newGrpcHandler(options: GrpcOptions): ListenerOptions["onExchange"] {
  // Binary codecs leave tensors as bytes; JSON codecs need the true messages. The paths are the same.
  const binary = newUniversal(routes(createConnectRouter(limits), options, predictAsBytes(options)), notFound);
  const json = newUniversal(routes(createConnectRouter({ ...limits, jsonOptions }), options, predictAsMessages(options)), notFound);
  return (exchange) => {
    if (exchange.fields.get("content-type")?.includes("json")) json(exchange);
    else binary(exchange);
  };
}

/** A path that no service has: gRPC clients get a trailers-only response, others the HTTP status. */
function notFound(exchange: Exchange): void {
  const grpc = exchange.fields.get("content-type")?.startsWith("application/grpc") === true;
  if (grpc && exchange.wire === "http2")
    exchange.respond(trailersOnly(newError(Code.Unimplemented, `unknown method ${exchange.fields.get(":path") ?? ""}`)), true);
  else exchange.respond(fieldsOf([":status", "404"], ["content-length", "0"]), true);
}

type Bind = (router: ConnectRouter) => void;

function routes(router: ConnectRouter, options: GrpcOptions, bindPredict: Bind): ConnectRouter {
  const { infer } = options;
  bindPredict(router);
  const { method } = PredictionService;
  router.rpc(method.classify, (request, context) => answered(context, options, (ctx) => classify(ctx, request, infer)));
  router.rpc(method.regress, (request, context) => answered(context, options, (ctx) => regress(ctx, request, infer)));
  router.rpc(method.multiInference, (request, context) => answered(context, options, (ctx) => multiInference(ctx, request, infer)));
  router.rpc(method.getModelMetadata, (request, context) => answered(context, options, async () => metadata(request, infer)));
  router.rpc(ModelService.method.getModelStatus, (request, context) => answered(context, options, async () => status(request, infer)));
  return router;
}

/** Predict with each tensor left as bytes: the envelope is equal on the wire. */
const predictEnvelope: DescMethodUnary<typeof PredictRequestEnvelopeSchema, typeof PredictResponseEnvelopeSchema> = {
  ...PredictionService.method.predict,
  input: PredictRequestEnvelopeSchema,
  output: PredictResponseEnvelopeSchema,
};

function predictAsBytes(options: GrpcOptions): Bind {
  return (router) =>
    router.rpc(predictEnvelope, (request, context) =>
      answered(context, options, async (ctx) => {
        const inputs = tensorsOf(request.inputs, (bytes) => decode(bytes));
        const { outputs, spec } = await predict(ctx, { spec: request.modelSpec, inputs, outputFilter: request.outputFilter }, options.infer);
        return create(PredictResponseEnvelopeSchema, {
          modelSpec: spec,
          outputs: Object.fromEntries([...outputs].map(([alias, t]) => [alias, encode(t, options.form)])),
        });
      }),
    );
}

function predictAsMessages(options: GrpcOptions): Bind {
  return (router) =>
    router.rpc(PredictionService.method.predict, (request, context) =>
      answered(context, options, async (ctx) => {
        const inputs = tensorsOf(request.inputs, (message: TensorProto) => fromMessage(message));
        const { outputs, spec } = await predict(ctx, { spec: request.modelSpec, inputs, outputFilter: request.outputFilter }, options.infer);
        return create(PredictResponseSchema, {
          modelSpec: spec,
          outputs: Object.fromEntries([...outputs].map(([alias, t]) => [alias, toMessage(t, options.form)])),
        });
      }),
    );
}

/** tensorsOf gives a reader for each of a request's inputs. The text of what does not decode starts as TensorFlow Serving's does, and goes on to say what is wrong. */
function tensorsOf<T>(inputs: { readonly [alias: string]: T }, read: (value: T) => Tensor): Map<string, () => Tensor> {
  const readAs = (alias: string, value: T): Tensor => {
    try {
      return read(value);
    } catch (err) {
      if (!isFailure(err)) throw err;
      throw newError(err.code, `tensor parsing error: ${alias}: ${err.message}`, err);
    }
  };
  return new Map(Object.entries(inputs).map(([alias, value]) => [alias, () => readAs(alias, value)]));
}

/** answered runs a verb within the caller's deadline and cancellation, and turns a Failure into the error that the protocol sends. */
async function answered<T>(context: HandlerContext, options: GrpcOptions, verb: (ctx: Ctx) => Promise<T>): Promise<T> {
  using cancelled = withSignal(background(), context.signal);
  const ms = context.timeoutMs();
  using ctx = withTimeout(cancelled, ms ?? Number.POSITIVE_INFINITY);
  try {
    return await verb(ctx);
  } catch (err) {
    const failure = endOf(err);
    if (failure.code === Code.Internal) options.logger.error("call failed", { method: context.method.name, error: err });
    throw connectError(failure);
  }
}

/** endOf reads an error, also the reason that Connect gives when a call's deadline passes or its client goes away: a context has it as its own reason's cause. */
function endOf(err: unknown): Failure {
  const end = as(err, ConnectError);
  if (end !== undefined) return (end.code as number) === Code.DeadlineExceeded ? timedOut : canceled;
  return toFailure(err);
}

/** A text longer than this is cut, as in TensorFlow Serving: a trailer must stay small. */
const maxTextBytes = 1024;

function connectError(failure: Failure): ConnectError {
  const bytes = new TextEncoder().encode(failure.message);
  const text = bytes.length > maxTextBytes ? `${new TextDecoder().decode(bytes.subarray(0, maxTextBytes))}...TRUNCATED` : failure.message;
  return new ConnectError(text, failure.code as number);
}
