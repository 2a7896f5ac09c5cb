import {
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
  serveCall,
} from "@tfs/rpc";
import { type FailureOf, type Method, type Methods, serveMethod } from "@tfs/services";
import { background, Code, type Ctx, newError } from "@tfs/std";
import type { Admission } from "../admission/index.ts";
import { saysLow } from "../priority/index.ts";
import { newShedder } from "./shed.ts";
import type { Meter, Protocol } from "../meter/index.ts";

export interface GrpcOptions {
  readonly methods: Methods;
  /** runs are the paths of methods whose calls admission may refuse. */
  readonly runs: ReadonlySet<string>;
  readonly admission: Pick<Admission, "refuse">;
  readonly meter: Pick<Meter, "begin">;
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
export function protocolOf({ fields }: Exchange): Protocol {
  const protocol = (fields.memo as Route).dialect?.protocol;
  return protocol === "grpc-web" ? "grpc_web" : (protocol ?? "grpc");
}

/** newGrpcHandler answers requests of all three protocols, told apart by content type. Answers are never compressed, as in TensorFlow Serving. */
export function newGrpcHandler({
  methods,
  runs,
  admission,
  meter,
  messages,
  maxMessageBytes,
  failureOf,
  cors,
  life = background(),
}: GrpcOptions): ListenerOptions["onExchange"] {
  const shed = newShedder();
  return (exchange) => {
    exchange.fields.memo ??= routeOf(exchange.fields, methods, runs);
    const route = exchange.fields.memo as Route;
    if (cors === undefined || route.dialect?.protocol === "grpc") return answer(exchange, route);
    const preflight = cors.preflight(exchange.fields);
    if (preflight === undefined) return answer(openTo(exchange, cors.open(exchange.fields)), route);
    ignoreBody(exchange);
    exchange.respond(preflight, true);
  };

  function answer(exchange: Exchange, route: Route): void {
    const { dialect, method } = route;
    if (dialect === undefined) return void refuse(exchange, methods);
    const refusal = route.runs ? admission.refuse(route.low) : undefined;
    if (refusal !== undefined) {
      meter.begin(protocolOf(exchange), "other", exchange).end(refusal.code, 0); // of what, its body would tell
      return void shed(exchange, dialect, refusal);
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
