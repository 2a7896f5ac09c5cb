import { type Dialect, dialectOf, type Exchange, type Fields, fieldsOf, type ListenerOptions, serveCall } from "@tfs/rpc";
import { type FailureOf, type Method, type Methods, serveMethod } from "@tfs/services";
import { Code, newError } from "@tfs/std";
import type { Protocol } from "../meter/index.ts";

export interface GrpcOptions {
  readonly methods: Methods;
  readonly failureOf: FailureOf;
}

/** A message may have 2^31-1 bytes, compressed or not, and answers are never compressed: both as in TensorFlow Serving. */
const maxMessageBytes = 0x7fffffff;
/** A message in JSON is parsed in one piece, into an object for each of its objects and lists. */
const maxJsonBytes = 16 << 20;

/** Route is what a request's fields say: of which protocol it is, and which method it calls. */
interface Route {
  readonly dialect: Dialect | undefined;
  readonly method: Method | undefined;
}

/** protocolOf tells by which protocol a request came that was routed here. */
export function protocolOf({ fields }: Exchange): Protocol {
  const protocol = (fields.memo as Route).dialect?.protocol;
  return protocol === "grpc-web" ? "grpc_web" : (protocol ?? "grpc");
}

/** newGrpcHandler answers requests of all three protocols, told apart by content type. */
export function newGrpcHandler({ methods, failureOf }: GrpcOptions): ListenerOptions["onExchange"] {
  return (exchange) => {
    exchange.fields.memo ??= routeOf(exchange.fields, methods);
    const { dialect, method } = exchange.fields.memo as Route;
    if (dialect === undefined) return refuse(exchange, methods);
    const most = dialect.codec === "json" ? maxJsonBytes : maxMessageBytes;
    const call = serveCall(exchange, dialect, { maxMessageBytes: method?.maxRequestBytes ?? most });
    if (call === undefined) return;
    if (method === undefined) call.refuse(newError(Code.Unimplemented, `unknown method ${dialect.path}`), 404);
    else serveMethod(call, method, failureOf);
  };
}

function routeOf(fields: Fields, methods: Methods): Route {
  const dialect = dialectOf(fields);
  return { dialect, method: dialect === undefined ? undefined : methods.get(dialect.path) };
}

/** refuse answers what is plain HTTP: there is nothing here but methods. */
function refuse(exchange: Exchange, methods: Methods): void {
  exchange.handler = { onData: (_buffer, start, end) => exchange.consumed(end - start), onEnd() {}, onReset() {}, onDrain() {} };
  const path = (exchange.fields.get(":path") ?? "").replace(/\?.*$/s, "");
  if (!methods.has(path)) exchange.respond(fieldsOf([":status", "404"], ["content-length", "0"]), true);
  else if (exchange.fields.get(":method") !== "POST") exchange.respond(fieldsOf([":status", "405"], ["allow", "POST"], ["content-length", "0"]), true);
  else exchange.respond(fieldsOf([":status", "415"], ["content-length", "0"]), true);
}
