import { create, createRegistry, type DescMessage, fromBinary, fromJsonString, type MessageShape, toBinary, toJsonString } from "@bufbuild/protobuf";
import {
  type ModelServerConfig,
  ModelService,
  PredictionService,
  PredictRequestEnvelopeSchema,
  PredictRequestSchema,
  PredictResponseEnvelopeSchema,
  PredictResponseSchema,
  type ReloadConfigRequest,
  type ReloadConfigResponse,
  ReloadConfigResponseSchema,
  SignatureDefMapSchema,
  type TensorProto,
} from "@tfs/proto";
import { Code, type Ctx, isFailure, messageOf, newError, race } from "@tfs/std";
import { decode, encode, type Form, fromMessage, type Tensor, toMessage } from "@tfs/tensor";
import { classify, type InferOptions, metadata, multiInference, predict, regress, status } from "../infer/index.ts";

/** Answer gives the answer's bytes for a request's. */
export type Answer = (ctx: Ctx, request: Uint8Array) => Promise<Uint8Array>;

/** Method is one method of a service, for each of the codecs that it may be called in. */
export interface Method {
  readonly name: string;
  readonly proto: Answer;
  readonly json: Answer;
}

export interface MethodOptions {
  readonly infer: InferOptions;
  /** reload changes the configuration, and waits until new models are available. */
  readonly reload: (config: ModelServerConfig) => Promise<void>;
  /** form is how answers carry tensors. */
  readonly form: Form;
}

/** newMethods gives the methods that are served, by path. */
export function newMethods(options: MethodOptions): ReadonlyMap<string, Method> {
  const { infer } = options;
  const { method } = PredictionService;
  const all = [
    newPredict(options),
    newMethod(method.classify, (ctx, request) => classify(ctx, request, infer)),
    newMethod(method.regress, (ctx, request) => regress(ctx, request, infer)),
    newMethod(method.multiInference, (ctx, request) => multiInference(ctx, request, infer)),
    newMethod(method.getModelMetadata, async (_, request) => metadata(request, infer)),
    newMethod(ModelService.method.getModelStatus, async (_, request) => status(request, infer)),
    newMethod(ModelService.method.handleReloadConfigRequest, (ctx, request) => reloadConfig(ctx, request, options.reload)),
  ];
  return new Map(all.map(([path, made]) => [path, made]));
}

/** reloadConfig goes on when its caller has gone. No metric is kept under an internal name, so what is asked of them is zero, as of any unknown one. */
async function reloadConfig(ctx: Ctx, request: ReloadConfigRequest, reload: MethodOptions["reload"]): Promise<ReloadConfigResponse> {
  if (request.config?.config.case !== "modelConfigList") {
    const text = "ServerModelConfig type not supported by HandleReloadConfigRequest. Only ModelConfigList is currently supported";
    throw newError(Code.InvalidArgument, text);
  }
  await race(ctx, reload(request.config));
  const metric = request.metricNames.map((name) => ({ name, valueIncrease: { case: "int64ValueIncrease" as const, value: 0n } }));
  return create(ReloadConfigResponseSchema, { status: {}, metric });
}

/** Unary is what generated code says of a method. */
interface Unary<I extends DescMessage, O extends DescMessage> {
  readonly parent: { readonly typeName: string };
  readonly name: string;
  readonly input: I;
  readonly output: O;
}

type Verb<I extends DescMessage, O extends DescMessage> = (ctx: Ctx, request: MessageShape<I>) => Promise<MessageShape<O>>;

function newMethod<I extends DescMessage, O extends DescMessage>(desc: Unary<I, O>, verb: Verb<I, O>): [path: string, Method] {
  const { input, output } = desc;
  return [pathOf(desc), { name: desc.name, proto: binary(input, output, verb), json: json(input, output, verb) }];
}

/** Predict in binary leaves each tensor as bytes: the envelope is equal on the wire. In JSON it takes the true messages. */
function newPredict({ infer, form }: MethodOptions): [path: string, Method] {
  const proto = binary(PredictRequestEnvelopeSchema, PredictResponseEnvelopeSchema, async (ctx, request) => {
    const inputs = tensorsOf(request.inputs, (bytes) => decode(bytes));
    const { outputs, spec } = await predict(ctx, { spec: request.modelSpec, inputs, outputFilter: request.outputFilter }, infer);
    const encoded = Object.fromEntries([...outputs].map(([alias, t]) => [alias, encode(t, form)]));
    return create(PredictResponseEnvelopeSchema, { modelSpec: spec, outputs: encoded });
  });
  const text = json(PredictRequestSchema, PredictResponseSchema, async (ctx, request) => {
    const inputs = tensorsOf(request.inputs, (message: TensorProto) => fromMessage(message));
    const { outputs, spec } = await predict(ctx, { spec: request.modelSpec, inputs, outputFilter: request.outputFilter }, infer);
    const messages = Object.fromEntries([...outputs].map(([alias, t]) => [alias, toMessage(t, form)]));
    return create(PredictResponseSchema, { modelSpec: spec, outputs: messages });
  });
  const desc = PredictionService.method.predict;
  return [pathOf(desc), { name: desc.name, proto, json: text }];
}

function pathOf({ parent, name }: { readonly parent: { readonly typeName: string }; readonly name: string }): string {
  return `/${parent.typeName}/${name}`;
}

function binary<I extends DescMessage, O extends DescMessage>(input: I, output: O, verb: Verb<I, O>): Answer {
  return async (ctx, bytes) => {
    let request: MessageShape<I>;
    try {
      request = fromBinary(input, bytes);
    } catch (err) {
      throw newError(Code.Internal, `parse binary: ${messageOf(err)}`, err); // gRPC's own list of codes has it so
    }
    return toBinary(output, await verb(ctx, request));
  };
}

/** Metadata is an Any, and JSON has to know what is in it. Unknown fields are ignored: a client may be newer than we are. */
const jsonOptions = { registry: createRegistry(SignatureDefMapSchema), ignoreUnknownFields: true };

function json<I extends DescMessage, O extends DescMessage>(input: I, output: O, verb: Verb<I, O>): Answer {
  return async (ctx, bytes) => {
    let request: MessageShape<I>;
    try {
      request = fromJsonString(input, new TextDecoder().decode(bytes), jsonOptions);
    } catch (err) {
      throw newError(Code.InvalidArgument, messageOf(err), err);
    }
    return new TextEncoder().encode(toJsonString(output, await verb(ctx, request), jsonOptions));
  };
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
