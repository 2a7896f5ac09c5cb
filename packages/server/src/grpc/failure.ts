import { type FailureOf, isUnreadable } from "@tfs/services";
import { Code, deadlineExceeded, type Failure, type Logger, newError, toFailure } from "@tfs/std";
import { type Meter, traceField } from "../meter/index.ts";
import { timedOut } from "../servable/index.ts";

/** shuttingDown is how calls end that a drain does not wait for any longer. */
export const shuttingDown: Failure = newError(Code.Unavailable, "the server is shutting down");

/** newFailureOf tells callers what failed as TensorFlow Serving does, and the log what is our fault, with the trace that it is part of. */
export function newFailureOf(logger: Logger, meter: Pick<Meter, "traceOf">): FailureOf {
  return (err, method, exchange) => {
    const failure = err === deadlineExceeded ? timedOut : toFailure(err);
    if (failure.code === Code.Internal && !isUnreadable(failure)) logger.error("call failed", { method, ...traceField(meter, exchange), error: err });
    return cut(failure);
  };
}

/** A text longer than this is cut, as in TensorFlow Serving: a trailer must stay small. */
const maxTextBytes = 1024;

function cut(failure: Failure): Failure {
  if (failure.message.length * 3 <= maxTextBytes) return failure; // no UTF-16 unit takes more than three bytes
  const bytes = new TextEncoder().encode(failure.message);
  if (bytes.length <= maxTextBytes) return failure;
  let end = maxTextBytes;
  while ((bytes[end]! & 0xc0) === 0x80) end--; // not within a character
  return newError(failure.code, `${new TextDecoder().decode(bytes.subarray(0, end))}...TRUNCATED`, failure, failure.details);
}
