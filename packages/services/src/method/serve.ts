import { type Exchange, fieldsOf, type ServerCall } from "@tfs/rpc";
import { background, Code, type Ctx, type Failure, newError } from "@tfs/std";
import type { Method } from "./method.ts";
import { serveUnary } from "./unary.ts";

/** FailureOf gives what a caller is told of what was thrown while a method ran; the exchange tells who asked. */
export type FailureOf = (err: unknown, method: string, exchange: Exchange) => Failure;

/** serveMethod answers a call by a method; one that comes by another verb, kind of body or codec than the method has is refused. With `life` a unary call ends as its reason says. */
export function serveMethod(call: ServerCall, method: Method, failureOf: FailureOf, life: Ctx = background()): void {
  const { path, codec, bare, protocol, method: verb } = call.dialect;
  if (verb !== "POST") {
    call.headers(fieldsOf(["allow", "POST"]));
    call.refuse(newError(Code.Unknown, `${path} is called by POST`), 405);
  } else if (protocol === "connect" && bare !== (method.kind === "unary")) {
    call.refuse(newError(Code.Unimplemented, `${path} is ${method.kind}: its content-type is application/${bare ? "connect+" : ""}${codec}`), 415);
  } else if (codec !== "proto" && codec !== "json") {
    call.refuse(newError(Code.Unimplemented, `codec ${JSON.stringify(codec.slice(0, 32))} is not supported; supported: proto, json`), 415);
  } else if (method.kind === "unary") serveUnary(call, method, codec, failureOf, life);
  else method.open(call, codec);
}
