import { admitCall, type Exchange, fieldsOf, serveCall } from "@tfs/rpc";
import type { Clock } from "@tfs/std";
import type { Backends, Deadlines } from "../forward/index.ts";
import { translateMessages } from "./messages.ts";
import { type Plan, passes } from "./plan.ts";
import { relay } from "./relay.ts";

export interface TranslateOptions {
  readonly backends: Backends;
  readonly clock: Clock;
  readonly deadlines: Deadlines;
  /** maxRequestBytes bounds one message of a request that is held in memory: a unary call of Connect's, or JSON. */
  readonly maxRequestBytes: number;
  /** maxAnswerBytes bounds one message of such an answer. */
  readonly maxAnswerBytes: number;
}

/** translate serves a call of gRPC-Web or Connect as planned. */
export function translate(exchange: Exchange, plan: Plan, options: TranslateOptions): void {
  const { dialect } = plan;
  if (plan.is === "relay") {
    const timeoutMs = admitCall(exchange, dialect);
    if (timeoutMs !== undefined) relay(exchange, dialect, plan.fields, timeoutMs, options);
    return;
  }
  const pass = plan.is === "translate" && plan.json === undefined;
  const call = serveCall(exchange, dialect, { maxMessageBytes: options.maxRequestBytes, passes: pass ? passes : [] });
  if (call === undefined) return;
  if (plan.is === "translate") return void translateMessages(call, plan, options);
  if (plan.allow !== undefined) call.headers(fieldsOf(["allow", plan.allow]));
  call.refuse(plan.failure, plan.httpStatus);
}
