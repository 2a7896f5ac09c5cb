import type { IncomingHttpHeaders, OutgoingHttpHeaders } from "node:http2";
import type { Call, CallHandler, Channel } from "@tfs/rpc";
import { Code, type Failure, newError } from "@tfs/std";
import { newReplay } from "./replay.ts";

/** Most bytes a call may have said before it is tied to its backend. */
const replayBytes = 1 << 20;

/**
 * openFirst opens a call on the first backend; one that refuses it unseen is passed over for the next, each once. `headers` is asked again for each. What the
 * handler hears as onError is final, and tells strangers nothing of the fleet: addresses stay in the cause.
 */
export function openFirst(backends: readonly Channel[], headers: () => OutgoingHttpHeaders, handler: CallHandler): Call {
  const replay = newReplay(replayBytes);
  let next = 0;
  let current: Call;
  let over = false;

  const relay: CallHandler = {
    onHeaders(received: IncomingHttpHeaders, end: boolean) {
      replay.drop();
      handler.onHeaders(received, end);
    },
    onData: (chunk) => handler.onData(chunk),
    onTrailers: (trailers) => handler.onTrailers(trailers),
    onEnd: () => handler.onEnd(),
    onDrain: () => handler.onDrain(),
    onError(failure, refused) {
      if (over) return;
      if (refused && replay.whole && next < backends.length) open();
      else handler.onError(forStrangers(failure, refused), false);
    },
  };

  function open(): void {
    const channel = backends[next++];
    if (channel === undefined) throw new Error("a pool has at least one backend");
    current = channel.open(headers(), relay);
    for (const chunk of replay.chunks) current.write(chunk);
    if (replay.ended) current.end();
  }

  open();
  return {
    write(chunk) {
      replay.push(chunk);
      return current.write(chunk);
    },
    end() {
      replay.end();
      current.end();
    },
    cancel() {
      over = true;
      current.cancel();
    },
    resume: () => current.resume(),
  };
}

/** A failure of ours names an address; one that the backend meant for the caller passes as it is. */
function forStrangers(failure: Failure, refused: boolean): Failure {
  if (failure.code === Code.Unavailable)
    return newError(Code.Unavailable, refused ? "no model server is available" : "the connection to the model server was lost", failure);
  if (refused) return newError(failure.code, "too many calls wait for a model server", failure);
  return failure;
}
