import { type ClientHttp2Stream, constants, type IncomingHttpHeaders, type OutgoingHttpHeaders, type ServerHttp2Stream } from "node:http2";
import { type Channel, formatTimeout, parseTimeout, trailersFor } from "@tfs/rpc";
import {
  background,
  type Clock,
  Code,
  type CancelCtx,
  deadlineExceeded,
  type Failure,
  isFailure,
  newError,
  remainingMs,
  toFailure,
  withTimeout,
} from "@tfs/std";
import type { Pool } from "../backend/index.ts";

/** Headers of one hop, or that the next hop gets anew. */
const dropped = new Set([
  ":authority",
  ":scheme",
  "host",
  "connection",
  "keep-alive",
  "proxy-connection",
  "transfer-encoding",
  "upgrade",
  "grpc-timeout",
  "content-length",
]);

/** forward picks a backend, passes the call on, and passes back what comes: headers, messages, trailers, resets. Deadlines shrink; a client that goes away cancels. */
export async function forward(client: ServerHttp2Stream, headers: IncomingHttpHeaders, pool: Pool, clock: Clock): Promise<void> {
  client.on("error", () => {}); // the peer's reset: its close is what counts
  let timeoutMs: number;
  try {
    timeoutMs = parseTimeout(headers["grpc-timeout"] as string | undefined);
  } catch (err) {
    refuse(client, err as Failure);
    return;
  }
  using ctx = withTimeout(background(), timeoutMs);
  const onClose = (): void => ctx.cancel();
  client.once("close", onClose);
  try {
    const server = await pool.reach((channel: Channel) => channel.open(ctx, requestHeaders(headers, ctx)));
    await join(client, server, ctx, clock);
  } catch (err) {
    refuse(client, toFailure(err));
  } finally {
    client.off("close", onClose);
  }
}

function requestHeaders(headers: IncomingHttpHeaders, ctx: CancelCtx): OutgoingHttpHeaders {
  const out: OutgoingHttpHeaders = {};
  for (const [name, value] of Object.entries(headers)) if (!dropped.has(name)) out[name] = value;
  if (ctx.deadline !== Number.POSITIVE_INFINITY) out["grpc-timeout"] = formatTimeout(remainingMs(ctx));
  return out;
}

/** refuse ends a call that got no answer: a trailers-only response. */
export function refuse(client: ServerHttp2Stream, failure: Failure): void {
  if (client.destroyed || client.headersSent) {
    if (!client.destroyed) client.close(constants.NGHTTP2_INTERNAL_ERROR);
    return;
  }
  client.respond({ ":status": 200, "content-type": "application/grpc", ...trailersFor(failure) }, { endStream: true });
  client.resume(); // a request body that is still coming is read and dropped
}

/** join pipes both ways until the call has ended. */
function join(client: ServerHttp2Stream, server: ClientHttp2Stream, ctx: CancelCtx, clock: Clock): Promise<void> {
  return new Promise((resolve) => {
    let trailers: OutgoingHttpHeaders | undefined;
    let answered = false;

    const finish = (failure: Failure | undefined): void => {
      timer?.cancel();
      ctx.signal.removeEventListener("abort", onAbort);
      if (failure !== undefined && !client.destroyed) refuse(client, failure);
      resolve();
    };
    const onAbort = (): void => {
      server.close(constants.NGHTTP2_CANCEL);
      finish(isFailure(ctx.signal.reason) ? ctx.signal.reason : undefined);
    };
    const left = remainingMs(ctx);
    // The backend has the deadline too; this timer is for one that does not keep it.
    const timer = left === Number.POSITIVE_INFINITY ? undefined : clock.after(left, () => ctx.cancel(deadlineExceeded));
    ctx.signal.addEventListener("abort", onAbort, { once: true });

    client.pipe(server);
    server.on("response", (headers: IncomingHttpHeaders, flags: number) => {
      answered = true;
      if (client.destroyed) return;
      const { [":status"]: status, ...rest } = headers;
      const end = (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0;
      for (const name of ["connection", "transfer-encoding"]) rest[name] = undefined;
      if (end) client.respond({ ":status": status, ...rest } as OutgoingHttpHeaders, { endStream: true });
      else {
        client.respond({ ":status": status, ...rest } as OutgoingHttpHeaders, { waitForTrailers: true });
        server.pipe(client);
      }
    });
    server.on("trailers", (t: IncomingHttpHeaders) => {
      trailers = t as OutgoingHttpHeaders;
    });
    client.on("wantTrailers", () =>
      client.sendTrailers(trailers ?? trailersFor(newError(Code.Unavailable, "the model server ended the call without a status"))),
    );
    server.once("close", () => {
      if (server.rstCode !== constants.NGHTTP2_NO_ERROR && trailers === undefined) {
        finish(
          newError(
            Code.Unavailable,
            answered ? "the model server reset the call" : `the model server closed the call before it answered (HTTP/2 error ${server.rstCode})`,
          ),
        );
      } else if (!answered) {
        finish(newError(Code.Unavailable, "the model server closed the connection before it answered"));
      } else {
        finish(undefined);
      }
    });
  });
}
