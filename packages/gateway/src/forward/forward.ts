// Data plane: bytes in, bytes out. Both directions push back: a slow reader pauses its writer and nothing else.
import { constants, type IncomingHttpHeaders, type OutgoingHttpHeaders, type ServerHttp2Stream } from "node:http2";
import { type Call, type CallHandler, formatTimeout, parseTimeout, splitHeaders, trailersFor, trailersOnly } from "@tfs/rpc";
import { type Clock, Code, deadlineExceeded, type Failure, newError } from "@tfs/std";
import type { Pool } from "../backend/index.ts";
import { newReplay } from "./replay.ts";

export interface ForwardOptions {
  readonly pool: Pool;
  readonly clock: Clock;
}

/** Headers of one hop, or that the next hop gets anew. */
const dropped = new Set(["host", "connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade", "grpc-timeout", "content-length"]);

/**
 * forward sends the call to the backend with the fewest in flight, and passes back what comes: headers, messages, trailers, resets. A backend that refuses
 * the call unseen is passed over for the next, each once. The deadline that is left travels on; a client that goes away cancels.
 */
export function forward(client: ServerHttp2Stream, headers: IncomingHttpHeaders, raw: readonly string[], options: ForwardOptions): void {
  const { clock } = options;
  client.on("error", () => {}); // the peer's reset: its close is what counts
  let deadline: number;
  try {
    const timeout = headers["grpc-timeout"];
    deadline = timeout === undefined ? Number.POSITIVE_INFINITY : clock.now() + parseTimeout(String(timeout));
  } catch (err) {
    refuse(client, err as Failure);
    return;
  }
  const backends = options.pool.order();
  const replay = newReplay();
  let call: Call | undefined;
  let trailers: OutgoingHttpHeaders | undefined;
  let over = false;

  const finish = (failure?: Failure): void => {
    if (over) return;
    over = true;
    timer?.cancel();
    if (failure !== undefined) refuse(client, failure);
  };
  const timer = deadline === Number.POSITIVE_INFINITY ? undefined : clock.after(deadline - clock.now(), expire);
  function expire(): void {
    call?.cancel();
    finish(deadlineExceeded);
  }

  const handler: CallHandler = {
    onHeaders(received, end) {
      replay.drop();
      if (client.destroyed) return;
      client.respond(withoutHop(received), end ? { endStream: true } : { waitForTrailers: true });
      if (end) finish();
    },
    onData: (chunk) => client.destroyed || client.write(chunk),
    onTrailers(received) {
      trailers = received as OutgoingHttpHeaders;
    },
    onEnd() {
      if (!client.destroyed && !client.writableEnded) client.end(); // asks for the trailers
      finish();
    },
    onError(failure, refused) {
      if (!(refused && replay.whole && next())) finish(failure);
    },
    onDrain: () => void client.resume(),
  };

  /** next opens the call on the next backend and says again what the client has said so far. */
  function next(): boolean {
    const channel = backends.shift();
    if (channel === undefined) return false;
    const opened = channel.open(requestHeaders(splitHeaders(headers, raw), channel.address, deadline - clock.now()), handler);
    call = opened;
    for (const chunk of replay.chunks) opened.write(chunk);
    if (replay.ended) opened.end();
    return true;
  }

  client.on("wantTrailers", () => client.sendTrailers(trailers ?? trailersFor(newError(Code.Unavailable, "the model server ended the call without a status"))));
  client.on("data", (chunk: Buffer) => {
    replay.push(chunk);
    if (call?.write(chunk) === false) client.pause();
  });
  client.on("end", () => {
    replay.end();
    call?.end();
  });
  client.on("drain", () => call?.resume());
  client.once("close", () => {
    if (!over) call?.cancel();
    finish();
  });
  if (!next()) finish(newError(Code.Unavailable, "there are no backends"));
}

function requestHeaders(headers: IncomingHttpHeaders, authority: string, leftMs: number): OutgoingHttpHeaders {
  const out: OutgoingHttpHeaders = {};
  for (const [name, value] of Object.entries(headers)) if (!dropped.has(name)) out[name] = value;
  out[":authority"] = authority;
  out[":scheme"] = "http";
  if (leftMs !== Number.POSITIVE_INFINITY) out["grpc-timeout"] = formatTimeout(leftMs);
  return out;
}

function withoutHop(headers: IncomingHttpHeaders): OutgoingHttpHeaders {
  const out: OutgoingHttpHeaders = {};
  for (const [name, value] of Object.entries(headers)) if (!dropped.has(name)) out[name] = value;
  return out;
}

/** refuse ends a call that failed here: trailers-only if nothing was answered yet, else a reset. */
function refuse(client: ServerHttp2Stream, failure: Failure): void {
  if (client.destroyed) return;
  if (client.headersSent) {
    client.close(failure.code === Code.DeadlineExceeded ? constants.NGHTTP2_CANCEL : constants.NGHTTP2_INTERNAL_ERROR);
    return;
  }
  client.respond(trailersOnly(failure), { endStream: true });
  client.resume(); // a body that is still coming is read and dropped
}
