// Data plane: bytes in, bytes out. Both directions push back: a slow reader pauses its writer and nothing else.
import {
  constants,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
  type ServerHttp2Stream,
  type ServerStreamResponseOptions,
  sensitiveHeaders,
} from "node:http2";
import { type Call, type CallHandler, formatTimeout, parseTimeout, splitHeaders, trailersFor, trailersOnly } from "@tfs/rpc";
import { type Clock, deadlineExceeded, type Failure, toFailure } from "@tfs/std";

/** Backends starts calls on some backend; the headers may be asked for more than once. */
export interface Backends {
  open(headers: () => OutgoingHttpHeaders, handler: CallHandler): Call;
}

export interface ForwardOptions {
  readonly backends: Backends;
  readonly clock: Clock;
}

/** Headers of one hop, or that the next hop gets anew. HTTP/2 forbids most of them anyway. */
const dropped = new Set([
  "host",
  "connection",
  "keep-alive",
  "proxy-connection",
  "transfer-encoding",
  "upgrade",
  "http2-settings",
  "grpc-timeout",
  "content-length",
]);

/** setTimeout fires at once when asked for more; a deadline that far away needs no timer. */
const maxTimerMs = 0x7fffffff;

/** Node adds a date to what it answers; a forwarded answer is the backend's. The option is Node's own, its types lack it. */
const asItIs = { sendDate: false } as ServerStreamResponseOptions;

/**
 * forward sends a call on and passes back what comes: headers, messages, trailers. The deadline that is left travels on; a client that goes away, or
 * whose deadline passes, cancels. A failure between here and the backend ends the call with a status of its own.
 */
export function forward(client: ServerHttp2Stream, headers: IncomingHttpHeaders, raw: readonly string[], options: ForwardOptions): void {
  const { clock } = options;
  let deadline = Number.POSITIVE_INFINITY;
  try {
    const timeout = headers["grpc-timeout"];
    if (timeout !== undefined) deadline = clock.now() + parseTimeout(String(timeout));
  } catch (err) {
    refuse(client, toFailure(err), clock);
    return;
  }
  let trailers: OutgoingHttpHeaders | undefined;
  let over = false;

  /** finish tells once that nothing more comes from the backend. */
  const finish = (failure?: Failure): void => {
    if (over) return;
    over = true;
    timer?.cancel();
    if (failure === undefined || client.destroyed) return;
    if (!client.headersSent) refuse(client, failure, clock);
    else if (!client.writableEnded) {
      trailers = trailersFor(failure);
      client.end();
    }
  };

  const call = options.backends.open(() => requestHeaders(splitHeaders(headers, raw), deadline - clock.now()), {
    onHeaders(received, end) {
      if (client.destroyed) return;
      const out = withoutHop(received);
      if (!end) client.respond(out, { ...asItIs, waitForTrailers: true });
      else {
        client.respond(out, { ...asItIs, endStream: true });
        letGo(client, clock);
      }
    },
    onData: (chunk) => client.destroyed || client.writableEnded || client.write(chunk),
    onTrailers(received) {
      trailers = withoutHop(received);
    },
    onEnd() {
      if (!over && !client.destroyed && !client.writableEnded) client.end(); // asks for the trailers
      finish();
    },
    onError: (failure) => finish(failure),
    onDrain: () => void client.resume(),
  });
  const leftMs = deadline - clock.now();
  const timer = leftMs > maxTimerMs ? undefined : clock.after(leftMs, expire);
  function expire(): void {
    call.cancel();
    finish(deadlineExceeded);
  }

  client.on("wantTrailers", () => {
    client.sendTrailers(trailers ?? {}); // none came: none are sent, and what the end means is the client's to judge
    letGo(client, clock);
  });
  client.on("data", (chunk: Buffer) => {
    if (!call.write(chunk)) client.pause();
  });
  client.on("end", () => call.end());
  client.on("drain", () => call.resume());
  const onGone = (): void => {
    if (!over) call.cancel();
    finish();
  };
  client.on("aborted", onGone); // comes also while data of a paused stream is still unread
  client.on("close", onGone);
}

function requestHeaders(headers: IncomingHttpHeaders, leftMs: number): OutgoingHttpHeaders {
  const out = withoutHop(headers);
  out[":scheme"] = "http"; // how we talk to backends, whatever the client's side is
  out[":authority"] ??= typeof headers.host === "string" ? headers.host : "localhost";
  if (leftMs !== Number.POSITIVE_INFINITY) out["grpc-timeout"] = formatTimeout(leftMs);
  return out;
}

function withoutHop(headers: IncomingHttpHeaders): OutgoingHttpHeaders {
  const out: OutgoingHttpHeaders = {};
  for (const name in headers) if (!dropped.has(name)) out[name] = headers[name];
  // Names that must not enter compression tables stay marked; the types of headers have no place for Node's symbol.
  const sensitive = (headers as Record<symbol, unknown>)[sensitiveHeaders];
  if (sensitive !== undefined) (out as Record<symbol, unknown>)[sensitiveHeaders] = sensitive;
  return out;
}

/** refuse ends a call that was answered nothing yet: a status and no more. */
function refuse(client: ServerHttp2Stream, failure: Failure, clock: Clock): void {
  if (client.destroyed) return;
  client.respond(trailersOnly(failure), { endStream: true });
  letGo(client, clock);
}

/** How long a client may go on sending after its answer is complete. */
const lingerMs = 1000;

/** letGo drops what a client still sends after its answer is complete, and soon stops it: RST_STREAM with NO_ERROR (RFC 9113, section 8.1). Not at once, since a reset overtakes the answer. */
function letGo(client: ServerHttp2Stream, clock: Clock): void {
  if (client.readableEnded) return;
  client.resume();
  const timer = clock.after(lingerMs, () => client.close(constants.NGHTTP2_NO_ERROR), { background: true });
  client.once("close", () => timer.cancel());
}
