// Methods of the gateway's own.
import { type Dialect, type Exchange, serveCall } from "@tfs/rpc";
import { type Answer, type Method, serveMethod } from "@tfs/services";
import { type Clock, Code, codeOf, type Logger, toFailure } from "@tfs/std";
import type { Meter } from "../metrics/index.ts";

/** Own is a call of such a method. */
export interface Own {
  readonly method: Method;
  readonly dialect: Dialect;
  /** meter counts the calls of unary methods, if they are to be counted. */
  readonly meter: Meter | undefined;
}

export interface OwnOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  /** maxRequestBytes bounds one message, if the method has no bound of its own. */
  readonly maxRequestBytes: number;
}

/** serveOwn answers a call. */
export function serveOwn(exchange: Exchange, { method, dialect, meter }: Own, { clock, logger, maxRequestBytes }: OwnOptions): void {
  const call = serveCall(exchange, dialect, { maxMessageBytes: method.maxRequestBytes ?? maxRequestBytes });
  if (call === undefined) return;
  const known = meter === undefined ? method : counted(method, meter, clock);
  serveMethod(call, known, (err) => {
    const failure = toFailure(err);
    if (failure.code === Code.Internal) logger.error("call failed", { method: dialect.path, err });
    return failure;
  });
}

function counted(method: Method, meter: Meter, clock: Clock): Method {
  if (method.kind !== "unary") return method;
  const count =
    (answer: Answer): Answer =>
    async (ctx, request, exchange) => {
      const began = clock.now();
      let code: Code = Code.Ok;
      let sent = 0;
      meter.begin();
      try {
        const bytes = await answer(ctx, request, exchange);
        sent = bytes.length;
        return bytes;
      } catch (err) {
        code = codeOf(toFailure(err));
        throw err;
      } finally {
        meter.end(meter.unknown, code, clock.now() - began, request.length, sent);
      }
    };
  return { ...method, proto: count(method.proto), json: count(method.json) };
}
