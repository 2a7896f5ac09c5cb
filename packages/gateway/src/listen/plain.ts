import type { IncomingMessage, ServerResponse } from "node:http";
import type { IncomingHttpHeaders, ServerHttp2Stream } from "node:http2";
import type { Readable } from "node:stream";

/** Request is a plain HTTP request of either version. */
export interface Request {
  readonly method: string;
  /** target is path and query. */
  readonly target: string;
  readonly headers: IncomingHttpHeaders;
  readonly http2: boolean;
  readonly body: Readable;
}

/** Answer is what a plain HTTP request gets. */
export interface Answer {
  readonly status: number;
  readonly type?: string;
  readonly body: Uint8Array;
}

/** Exchange is one request and the way back to its client. */
export interface Exchange {
  readonly request: Request;
  /** onGone calls back when the client's side is closed, also after an answer. */
  onGone(listener: () => void): void;
  /** send answers, unless the client is gone. */
  send(answer: Answer): void;
}

/** overHttp1 is an exchange over HTTP/1.1. */
export function overHttp1(req: IncomingMessage, res: ServerResponse): Exchange {
  return {
    request: { method: req.method ?? "", target: req.url ?? "", headers: req.headers, http2: false, body: req },
    onGone: (listener) => res.on("close", listener),
    send(answer) {
      if (res.destroyed) return;
      res.writeHead(answer.status, headersOf(answer)).end(answer.body);
      req.resume(); // what is left of a body that was not read: the client must get to see the answer
    },
  };
}

/** overHttp2 is an exchange over one HTTP/2 stream. */
export function overHttp2(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): Exchange {
  return {
    request: { method: headers[":method"] ?? "", target: headers[":path"] ?? "", headers, http2: true, body: stream },
    onGone: (listener) => stream.on("close", listener),
    send(answer) {
      if (stream.destroyed) return;
      stream.respond({ ":status": answer.status, ...headersOf(answer) });
      stream.end(answer.body);
      stream.resume();
    },
  };
}

function headersOf(answer: Answer): Record<string, string> {
  const headers: Record<string, string> = { "content-length": String(answer.body.length) };
  if (answer.type !== undefined) headers["content-type"] = answer.type;
  return headers;
}
