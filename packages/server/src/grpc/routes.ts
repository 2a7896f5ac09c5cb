import { type Dialect, dialectOf, type Exchange, type Fields, fieldsOf, type ListenerOptions, type ServerCall, serveCall } from "@tfs/rpc";
import { Code, type Logger, newError } from "@tfs/std";
import { type Method, type MethodOptions, newMethods } from "./methods.ts";
import { serveUnary } from "./unary.ts";

export interface GrpcOptions extends MethodOptions {
  readonly logger: Logger;
}

/** A message may have 2^31-1 bytes, compressed or not, and answers are never compressed: both as in TensorFlow Serving. */
const maxMessageBytes = 0x7fffffff;

/** Route is what a request's fields say: of which protocol it is, and which method it calls. */
interface Route {
  readonly dialect: Dialect | undefined;
  readonly method: Method | undefined;
}

/** newGrpcHandler answers requests of all three protocols, told apart by content type. */
export function newGrpcHandler(options: GrpcOptions): ListenerOptions["onExchange"] {
  const methods = newMethods(options);
  return (exchange) => {
    exchange.fields.memo ??= routeOf(exchange.fields, methods);
    const { dialect, method } = exchange.fields.memo as Route;
    if (dialect === undefined) return refuse(exchange, methods);
    const call = serveCall(exchange, dialect, { maxMessageBytes });
    if (call !== undefined) serve(call, method, options.logger);
  };
}

function routeOf(fields: Fields, methods: ReadonlyMap<string, Method>): Route {
  const dialect = dialectOf(fields);
  return { dialect, method: dialect === undefined ? undefined : methods.get(dialect.path) };
}

function serve(call: ServerCall, method: Method | undefined, logger: Logger): void {
  const { path, codec, bare, protocol, method: verb } = call.dialect;
  if (method === undefined) call.refuse(newError(Code.Unimplemented, `unknown method ${path}`), 404);
  else if (verb !== "POST") {
    call.headers(fieldsOf(["allow", "POST"]));
    call.refuse(newError(Code.Unknown, `${path} is called by POST`), 405);
  } else if (protocol === "connect" && !bare) call.refuse(newError(Code.Unimplemented, `${path} is unary: its content-type is application/${codec}`), 415);
  else if (codec === "proto") serveUnary(call, method.proto, method.name, logger);
  else if (codec === "json") serveUnary(call, method.json, method.name, logger);
  else call.refuse(newError(Code.Unimplemented, `codec ${JSON.stringify(codec.slice(0, 32))} is not supported; supported: proto, json`), 415);
}

/** refuse answers what is plain HTTP: there is nothing here but methods. */
function refuse(exchange: Exchange, methods: ReadonlyMap<string, Method>): void {
  exchange.handler = { onData: (_buffer, start, end) => exchange.consumed(end - start), onEnd() {}, onReset() {}, onDrain() {} };
  const path = (exchange.fields.get(":path") ?? "").replace(/\?.*$/s, "");
  if (!methods.has(path)) exchange.respond(fieldsOf([":status", "404"], ["content-length", "0"]), true);
  else if (exchange.fields.get(":method") !== "POST") exchange.respond(fieldsOf([":status", "405"], ["allow", "POST"], ["content-length", "0"]), true);
  else exchange.respond(fieldsOf([":status", "415"], ["content-length", "0"]), true);
}
