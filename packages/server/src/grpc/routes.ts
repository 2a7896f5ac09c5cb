import {
  type Arrival,
  type Budget,
  type Cors,
  type Dialect,
  dialectOf,
  type Exchange,
  type Fields,
  fieldsOf,
  ignoreBody,
  type ListenerOptions,
  openTo,
  refuseCall,
  serveCall,
  trailersOnly,
} from "@tfs/rpc";
import { type FailureOf, type Method, type Methods, serveMethod } from "@tfs/services";
import { background, Code, type Ctx, type Failure, newError } from "@tfs/std";
import type { Admission } from "../admission/index.ts";
import { saysLow } from "../priority/index.ts";
import type { Meter, Protocol } from "../meter/index.ts";

export interface GrpcOptions {
  readonly methods: Methods;
  /** runs are the paths of methods whose calls admission may refuse. */
  readonly runs: ReadonlySet<string>;
  readonly admission: Pick<Admission, "refuse">;
  readonly meter: Pick<Meter, "refused">;
  /** messages bounds what requests of calls that are under way take together; one that would pass it is refused. */
  readonly messages: Budget;
  /** maxMessageBytes bounds one, compressed or not. */
  readonly maxMessageBytes: number;
  readonly failureOf: FailureOf;
  /** cors, if pages of other origins may call by gRPC-Web and Connect. */
  readonly cors?: Cors | undefined;
  /** life ends the calls that still run then, as its reason says; default it never does. */
  readonly life?: Ctx;
}

/** A message in JSON is parsed in one piece, into an object for each of its objects and lists. */
const maxJsonBytes = 16 << 20;

/** Route is what a request's fields say: of which protocol it is, and which method it calls. */
interface Route {
  readonly dialect: Dialect | undefined;
  readonly method: Method | undefined;
  /** runs: the method runs a model. */
  readonly runs: boolean;
  readonly low: boolean;
}

/** protocolOf tells by which protocol a request came that was routed here. */
export function protocolOf({ fields }: Arrival): Protocol {
  const protocol = (fields.memo as Route).dialect?.protocol;
  return protocol === "grpc-web" ? "grpc_web" : (protocol ?? "grpc");
}

/** GrpcHandler is what a listener asks. What is refused of gRPC over HTTP/2, whose calls come in floods, is refused before anything is made of it. */
export type GrpcHandler = Required<Pick<ListenerOptions, "refuse" | "onExchange">>;

/** newGrpcHandler answers requests of all three protocols, told apart by content type. Answers are never compressed, as in TensorFlow Serving. */
export function newGrpcHandler({ methods, runs, admission, meter, messages, maxMessageBytes, failureOf, cors, life = background() }: GrpcOptions): GrpcHandler {
  const answers = new Map<Failure, Fields>(); // admission has three
  return {
    refuse(fields, peer) {
      const route = routed(fields);
      if (!route.runs || route.dialect?.protocol !== "grpc") return undefined;
      const failure = admission.refuse(route.low);
      if (failure === undefined) return undefined;
      meter.refused("grpc", { wire: "http2", fields, peer }, failure.code);
      let answer = answers.get(failure);
      if (answer === undefined) answers.set(failure, (answer = trailersOnly(failure)));
      return answer;
    },
    onExchange(exchange) {
      const route = routed(exchange.fields);
      if (cors === undefined || route.dialect?.protocol === "grpc") return answer(exchange, route);
      const preflight = cors.preflight(exchange.fields);
      if (preflight === undefined) return answer(openTo(exchange, cors.open(exchange.fields)), route);
      ignoreBody(exchange);
      exchange.respond(preflight, true);
    },
  };

  function routed(fields: Fields): Route {
    return (fields.memo ??= routeOf(fields, methods, runs)) as Route;
  }

  function answer(exchange: Exchange, route: Route): void {
    const { dialect, method } = route;
    if (dialect === undefined) return void refuse(exchange, methods);
    const wasAsked = dialect.protocol === "grpc" && exchange.wire === "http2";
    const refusal = route.runs && !wasAsked ? admission.refuse(route.low) : undefined;
    if (refusal !== undefined) {
      meter.refused(protocolOf(exchange), exchange, refusal.code);
      return void refuseCall(exchange, dialect, refusal);
    }
    const held = method?.kind === "unary" ? { held: messages } : {}; // streams hand on what they take, and bound it themselves
    const most = Math.min(maxMessageBytes, method?.maxRequestBytes ?? (dialect.codec === "json" ? maxJsonBytes : maxMessageBytes));
    const call = serveCall(exchange, dialect, { maxMessageBytes: most, ...held });
    if (call === undefined) return;
    if (method === undefined) call.refuse(newError(Code.Unimplemented, `unknown method ${dialect.path}`), 404);
    else serveMethod(call, method, failureOf, life);
  }
}

function routeOf(fields: Fields, methods: Methods, runs: ReadonlySet<string>): Route {
  const dialect = dialectOf(fields);
  const path = dialect?.path ?? "";
  return { dialect, method: dialect === undefined ? undefined : methods.get(path), runs: runs.has(path), low: saysLow(fields) };
}

/** refuse answers what is plain HTTP: there is nothing here but methods. */
function refuse(exchange: Exchange, methods: Methods): void {
  ignoreBody(exchange);
  const path = (exchange.fields.get(":path") ?? "").replace(/\?.*$/s, "");
  if (!methods.has(path)) exchange.respond(fieldsOf([":status", "404"], ["content-length", "0"]), true);
  else if (exchange.fields.get(":method") !== "POST") exchange.respond(fieldsOf([":status", "405"], ["allow", "POST"], ["content-length", "0"]), true);
  else exchange.respond(fieldsOf([":status", "415"], ["content-length", "0"]), true);
}
