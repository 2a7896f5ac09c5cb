import { create, createRegistry, type DescMessage } from "@bufbuild/protobuf";
import {
  type ModelServerConfig,
  ModelService,
  PredictionService,
  PredictRequestEnvelopeSchema,
  type PredictRequestSchema,
  PredictResponseEnvelopeSchema,
  PredictResponseSchema,
  type ReloadConfigRequest,
  type ReloadConfigResponse,
  ReloadConfigResponseSchema,
  SignatureDefMapSchema,
  type TensorProto,
} from "@tfs/proto";
import { answerIn, type Described, type Methods, newForm, newUnary, pathOf, type Unary, type Verb } from "@tfs/services";
import { Code, type Ctx, newError, race } from "@tfs/std";
import { decode, encode, type Form, fromMessage, type Tensor, toMessage } from "@tfs/tensor";
import { classify, type InferOptions, metadata, multiInference, predict, regress, status } from "../infer/index.ts";
import type { Admission } from "../admission/index.ts";
import { admitted } from "./admitted.ts";
import { newSessionRun } from "./session.ts";
import { readerOf } from "./tensors.ts";

export interface MethodOptions {
  readonly infer: InferOptions;
  /** admission says when a call that runs a model may. */
  readonly admission: Pick<Admission, "run">;
  /** reload changes the configuration, and waits until new models are available. */
  readonly reload: (config: ModelServerConfig) => Promise<void>;
  /** form is how answers carry tensors. */
  readonly form: Form;
  /** sessionRun: SessionRun is served. */
  readonly sessionRun: boolean;
}

/** Served is TensorFlow Serving's methods by path, and Predict among them. */
export interface Served {
  readonly methods: Methods;
  readonly predict: Unary;
  /** runs are the paths of methods that run a model. */
  readonly runs: ReadonlySet<string>;
}

/** newMethods gives the methods that are served. */
export function newMethods(options: MethodOptions): Served {
  const { infer } = options;
  const { method } = PredictionService;
  const [predictPath, plain] = newPredict(options);
  const predict = admitted(plain, options.admission);
  const running: readonly [path: string, method: Unary][] = [
    newMethod(method.classify, (ctx, request) => classify(ctx, request, infer)),
    newMethod(method.regress, (ctx, request) => regress(ctx, request, infer)),
    newMethod(method.multiInference, (ctx, request) => multiInference(ctx, request, infer)),
    ...(options.sessionRun ? [newSessionRun(options)] : []),
  ];
  const methods = new Map<string, Unary>([
    [predictPath, predict],
    ...running.map(([path, served]): [string, Unary] => [path, admitted(served, options.admission)]),
    newMethod(method.getModelMetadata, async (_, request) => metadata(request, infer)),
    newMethod(ModelService.method.getModelStatus, async (_, request) => status(request, infer)),
    newMethod(ModelService.method.handleReloadConfigRequest, (ctx, request) => reloadConfig(ctx, request, options.reload)),
  ]);
  return { methods, predict, runs: new Set([predictPath, ...running.map(([path]) => path)]) };
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

/** Metadata is an Any, and JSON has to know what is in it. */
const registry = createRegistry(SignatureDefMapSchema);

function newMethod<I extends DescMessage, O extends DescMessage>(desc: Described<I, O>, verb: Verb<I, O>): [path: string, method: Unary] {
  return newUnary(desc, verb, { registry });
}

/** Predict in binary leaves each tensor as bytes: the envelope is equal on the wire. In JSON it takes the true messages. */
function newPredict({ infer, form }: MethodOptions): [path: string, method: Unary] {
  const desc = PredictionService.method.predict;
  const binary = newForm({ input: PredictRequestEnvelopeSchema, output: PredictResponseEnvelopeSchema }, "proto");
  const proto = answerIn<typeof PredictRequestEnvelopeSchema, typeof PredictResponseEnvelopeSchema>(binary, async (ctx, request) => {
    const inputs = tensorsOf(request.inputs, (bytes) => decode(bytes));
    const { outputs, spec } = await predict(ctx, { spec: request.modelSpec, inputs, outputFilter: request.outputFilter }, infer);
    const encoded = Object.fromEntries([...outputs].map(([alias, t]) => [alias, encode(t, form)]));
    return create(PredictResponseEnvelopeSchema, { modelSpec: spec, outputs: encoded });
  });
  const json = answerIn<typeof PredictRequestSchema, typeof PredictResponseSchema>(newForm(desc, "json"), async (ctx, request) => {
    const inputs = tensorsOf(request.inputs, (message: TensorProto) => fromMessage(message));
    const { outputs, spec } = await predict(ctx, { spec: request.modelSpec, inputs, outputFilter: request.outputFilter }, infer);
    const messages = Object.fromEntries([...outputs].map(([alias, t]) => [alias, toMessage(t, form)]));
    return create(PredictResponseSchema, { modelSpec: spec, outputs: messages });
  });
  return [pathOf(desc), { kind: "unary", name: desc.name, proto, json }];
}

function tensorsOf<T>(inputs: { readonly [alias: string]: T }, read: (value: T) => Tensor): Map<string, () => Tensor> {
  return new Map(Object.entries(inputs).map(([alias, value]) => [alias, readerOf(alias, value, read)]));
}
