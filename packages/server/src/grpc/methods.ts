import { create, createRegistry } from "@bufbuild/protobuf";
import {
  type ModelServerConfig,
  type ModelSpec,
  ModelService,
  PredictionService,
  type PredictRequestEnvelope,
  PredictRequestEnvelopeSchema,
  PredictResponseSchema,
  type ReloadConfigRequest,
  type ReloadConfigResponse,
  ReloadConfigResponseSchema,
  SignatureDefMapSchema,
  type TensorProto,
} from "@tfs/proto";
import { newAnswerEncoder } from "@tfs/rest";
import type { Fields } from "@tfs/rpc";
import { type Form as MessageForm, type Methods, newForm, pathOf, type Unary } from "@tfs/services";
import { Code, type Ctx, carve, newError, race } from "@tfs/std";
import { decode, type Form, fromMessage, type Tensor, toMessage } from "@tfs/tensor";
import { classify, type InferOptions, metadata, multiInference, type Prediction, predict, regress, status } from "../infer/index.ts";
import type { Admission } from "../admission/index.ts";
import type { Meter } from "../meter/index.ts";
import { saysLow } from "../priority/index.ts";
import { type Counting, newCounting, type Through } from "./counted.ts";
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
  /** ctxOf adds what a request's metadata say of how it is to be run; without it they say nothing. */
  readonly ctxOf?: ((ctx: Ctx, fields: Fields) => Ctx) | undefined;
  /** sessionRun: SessionRun is served. */
  readonly sessionRun: boolean;
  readonly meter: Meter;
  /** metrics reads what was counted by now: of each metric, by its name, its first cell, as a whole number. */
  readonly metrics: () => ReadonlyMap<string, number>;
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
  const { infer, meter } = options;
  const { method } = PredictionService;
  const { unary } = newCounting(meter);
  const running = newCounting(meter, whenAdmitted(options));
  const [predictPath, predict] = newPredict(options, running);
  const runs: readonly [path: string, method: Unary][] = [
    [predictPath, predict],
    running.unary(method.classify, { method: "classify", modelOf: nameOf }, (ctx, request, seen) => classify(ctx, request, infer, seen)),
    running.unary(method.regress, { method: "regress", modelOf: nameOf }, (ctx, request, seen) => regress(ctx, request, infer, seen)),
    running.unary(method.multiInference, { method: "multi_inference", modelOf: ({ tasks }) => nameOf(tasks[0] ?? {}) }, (ctx, request, seen) =>
      multiInference(ctx, request, infer, seen),
    ),
    ...(options.sessionRun ? [newSessionRun(options, running)] : []),
  ];
  const methods = new Map<string, Unary>([
    ...runs,
    unary(method.getModelMetadata, { method: "metadata", modelOf: nameOf, registry }, async (_, request, seen) => metadata(request, infer, seen)),
    unary(ModelService.method.getModelStatus, { method: "status", modelOf: nameOf }, async (_, request) => status(request, infer)),
    unary(ModelService.method.handleReloadConfigRequest, { method: "reload_config" }, (ctx, request) => reloadConfig(ctx, request, options)),
  ]);
  return { methods, predict, runs: new Set(runs.map(([path]) => path)) };
}

/** whenAdmitted lets a call that runs a model wait for its turn, and know what its metadata say. */
function whenAdmitted({ admission, ctxOf }: MethodOptions): Through {
  return (ctx, { fields }, work) => admission.run(ctx, saysLow(fields), () => work(ctxOf === undefined ? ctx : ctxOf(ctx, fields)));
}

/** nameOf is the model that a request names. */
function nameOf({ modelSpec }: { readonly modelSpec?: ModelSpec | undefined }): string {
  return modelSpec?.name ?? "";
}

/** reloadConfig goes on when its caller has gone. Of each metric that is asked for it tells by how much its first cell has grown meanwhile: nothing, if there is none. */
async function reloadConfig(ctx: Ctx, request: ReloadConfigRequest, { reload, metrics }: MethodOptions): Promise<ReloadConfigResponse> {
  if (request.config?.config.case !== "modelConfigList") {
    const text = "ServerModelConfig type not supported by HandleReloadConfigRequest. Only ModelConfigList is currently supported";
    throw newError(Code.InvalidArgument, text);
  }
  const before = metrics();
  await race(ctx, reload(request.config));
  const after = metrics();
  const grown = (name: string): bigint => BigInt((after.get(name) ?? 0) - (before.get(name) ?? 0));
  const metric = request.metricNames.map((name) => ({ name, valueIncrease: { case: "int64ValueIncrease" as const, value: grown(name) } }));
  return create(ReloadConfigResponseSchema, { status: {}, metric });
}

/** Metadata is an Any, and JSON has to know what is in it. */
const registry = createRegistry(SignatureDefMapSchema);

/** Predict in binary leaves each tensor as bytes: the envelope is equal on the wire. In JSON it takes the true messages. */
function newPredict({ infer, form }: MethodOptions, { answer }: Counting): [path: string, method: Unary] {
  const desc = PredictionService.method.predict;
  const asked = { method: "predict", modelOf: nameOf } as const;
  const { read } = newForm({ input: PredictRequestEnvelopeSchema, output: PredictResponseSchema }, "proto");
  const encode = newAnswerEncoder({ form, allocate });
  const binary: MessageForm<PredictRequestEnvelope, Prediction> = { read, write: ({ outputs, spec }) => encode(outputs, spec) };
  const proto = answer(asked, binary, (ctx, request, seen) => {
    const inputs = tensorsOf(request.inputs, (bytes) => decode(bytes));
    return predict(ctx, { spec: request.modelSpec, inputs, outputFilter: request.outputFilter, sent: request, seen }, infer);
  });
  const json = answer(asked, newForm(desc, "json"), async (ctx, request, seen) => {
    const inputs = tensorsOf(request.inputs, (message: TensorProto) => fromMessage(message));
    const { outputs, spec } = await predict(ctx, { spec: request.modelSpec, inputs, outputFilter: request.outputFilter, seen }, infer);
    const messages = Object.fromEntries([...outputs].map(([alias, t]) => [alias, toMessage(t, form)]));
    return create(PredictResponseSchema, { modelSpec: spec, outputs: messages });
  });
  return [pathOf(desc), { kind: "unary", name: desc.name, lends: true, proto, json }];
}

/** Node cuts what is smaller from a block of its own, which an answer that waits for its reader would keep. */
const ownBytes = 4096;

function allocate(bytes: number): Uint8Array {
  return bytes < ownBytes ? carve(Uint8Array, bytes) : Buffer.allocUnsafeSlow(bytes);
}

function tensorsOf<T>(inputs: { readonly [alias: string]: T }, read: (value: T) => Tensor): Map<string, () => Tensor> {
  return new Map(Object.entries(inputs).map(([alias, value]) => [alias, readerOf(alias, value, read)]));
}
