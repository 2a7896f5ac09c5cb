// What a request is depends on its fields alone, and most requests have the same fields as one before: it is decided once for fields that come again.
import { isApi, route, type Target } from "@tfs/rest";
import { type Cors, type Dialect, dialectOf, type Exchange, type Fields, type Opened } from "@tfs/rpc";
import { isStandard, type Methods } from "@tfs/services";
import { Code, type Failure, newError } from "@tfs/std";
import { type ForwardOptions, requestFields } from "../forward/index.ts";
import { countBackends, type Meter, type Metrics, type Model, type Protocol } from "../metrics/index.ts";
import { type Shape, shapeOf } from "../peek/index.ts";
import type { Schema } from "../schema/index.ts";
import { type Plan, planOf, type TranslateOptions } from "../translate/index.ts";
import { requestIdName } from "./ids.ts";
import type { Own } from "./own.ts";
import { predictTarget } from "./predict.ts";

/** Kind is who answers a request. */
export type Kind =
  | { readonly is: "forward"; readonly fields: Fields; readonly options: ForwardOptions; readonly wantsId: boolean }
  | { readonly is: "refused"; readonly failure: Failure; readonly options: ForwardOptions }
  | { readonly is: "translate"; readonly plan: Plan; readonly options: TranslateOptions; readonly opened: Opened | undefined }
  | ({ readonly is: "own"; readonly opened: Opened | undefined } & Own)
  | { readonly is: "preflight"; readonly answer: Fields }
  | { readonly is: "predict"; readonly target: Target; readonly model: Model; readonly opened: Opened | undefined }
  | { readonly is: "plain"; readonly model: Model | undefined; readonly opened: Opened | undefined };

export interface KindOptions extends TranslateOptions {
  readonly metrics: Metrics;
  /** schema has the methods that are known: their messages may come as JSON. */
  readonly schema: Schema;
  /** refuseUnknown: calls of other methods are refused, and not forwarded. */
  readonly refuseUnknown: boolean;
  /** idsForGrpc: gRPC calls too get an id when they came with none. It costs what is remembered of fields that come again. */
  readonly idsForGrpc: boolean;
  /** own are the methods that are answered here. */
  readonly own: Methods;
  /** cors, if pages of other origins may call. */
  readonly cors: Cors | undefined;
}

/** Kinds decides about requests. */
export interface Kinds {
  of(exchange: Exchange): Kind;
  /** rest counts REST's calls. */
  readonly rest: Meter;
}

/** newKinds makes what decides. Each protocol and shape of request has a meter of its own. */
export function newKinds(options: KindOptions): Kinds {
  const { metrics, schema, own, cors, backends, clock, deadlines } = options;
  const rest = metrics.meter("rest");
  const forwarded = byShape((shape): ForwardOptions => ({ backends, clock, deadlines, meter: metrics.meter("grpc", shape) }));
  const counted = (protocol: Protocol): ByShape<TranslateOptions> =>
    byShape((shape) => ({ ...translateOptions(options), backends: countBackends(backends, { meter: metrics.meter(protocol, shape), clock }) }));
  const translated = { "grpc-web": counted("grpc_web"), connect: counted("connect") };

  /** Of gRPC's own services we answer all or nothing. */
  const whole = new Set([...own.keys()].map(serviceOf).filter(isStandard));

  /** Probes of health are no calls that anybody wants to see among the others, nor are questions of reflection. */
  function ownOf(dialect: Dialect, protocol: Protocol): Own | undefined {
    const method = own.get(dialect.path);
    if (method === undefined) return undefined;
    return { method, dialect, meter: isStandard(serviceOf(dialect.path)) ? undefined : metrics.meter(protocol) };
  }

  /** unknown is the failure of a call that is to be refused because of its path. */
  function unknown(path: string): Failure | undefined {
    const refused = whole.has(serviceOf(path)) || (options.refuseUnknown && schema.method(path) === undefined);
    return refused ? newError(Code.Unimplemented, `unknown method ${path}`) : undefined;
  }

  function grpcKind(fields: Fields, dialect: Dialect): Kind {
    const { path } = dialect;
    const called = ownOf(dialect, "grpc");
    if (called !== undefined) return { is: "own", opened: undefined, ...called };
    const way = forwarded[shapeOf(path) ?? "plain"];
    const failure = unknown(path);
    if (failure !== undefined) return { is: "refused", failure, options: way };
    const wantsId = options.idsForGrpc && fields.get(requestIdName) === undefined;
    return { is: "forward", fields: requestFields(fields), options: way, wantsId };
  }

  function translateKind(fields: Fields, dialect: Dialect & { readonly protocol: "grpc-web" | "connect" }): Kind {
    const called = ownOf(dialect, dialect.protocol === "connect" ? "connect" : "grpc_web");
    if (called !== undefined) return { is: "own", opened: cors?.open(fields), ...called };
    const failure = unknown(dialect.path);
    const plan: Plan = failure === undefined ? planOf(fields, dialect, schema) : { is: "refuse", dialect, failure, httpStatus: 404, allow: undefined };
    return { is: "translate", plan, options: translated[dialect.protocol][shapeOf(dialect.path) ?? "plain"], opened: cors?.open(fields) };
  }

  function plainKind(fields: Fields): Kind {
    const opened = cors?.open(fields);
    const target = predictTarget(fields);
    if (target !== undefined) return { is: "predict", target, model: rest.named(target.model), opened };
    const model = modelOf(fields);
    return { is: "plain", model: model === undefined ? undefined : rest.named(model), opened };
  }

  return {
    rest,
    of({ wire, fields }) {
      const answer = cors?.preflight(fields);
      if (answer !== undefined) return { is: "preflight", answer };
      const dialect = dialectOf(fields);
      if (dialect === undefined) return plainKind(fields);
      const { protocol, path } = dialect;
      if (protocol === "grpc") return wire === "http2" ? grpcKind(fields, dialect) : plainKind(fields);
      // JSON is TensorFlow Serving's own dialect where its API is, and Connect's everywhere else.
      return isApi(path) ? plainKind(fields) : translateKind(fields, { ...dialect, protocol });
    },
  };
}

/** serviceOf gives the full name of a path's service. */
function serviceOf(path: string): string {
  return path.slice(1, Math.max(1, path.lastIndexOf("/")));
}

type ByShape<T> = Readonly<Record<Shape | "plain", T>>;

function byShape<T>(make: (shape?: Shape) => T): ByShape<T> {
  return { spec: make("spec"), task: make("task"), plain: make() };
}

/** translateOptions are what is needed to translate, and nothing else. */
function translateOptions({ backends, clock, deadlines, maxRequestBytes, maxAnswerBytes }: KindOptions): TranslateOptions {
  return { backends, clock, deadlines, maxRequestBytes, maxAnswerBytes };
}

/** modelOf is the model that a REST call names, "" if it names none that can be read; undefined for what is no call. */
function modelOf(fields: Fields): string | undefined {
  const target = fields.get(":path") ?? "";
  if (!isApi(target)) return undefined;
  try {
    const call = route(fields.get(":method") ?? "", target);
    return call.kind === "preflight" ? undefined : call.model;
  } catch {
    return ""; // whoever answers it says why
  }
}
