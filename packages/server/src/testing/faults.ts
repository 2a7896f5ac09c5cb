import { createServer, request as forward } from "node:http";
import { listening } from "./listening.ts";

/** Fault is what becomes of one request: an answer of the proxy's own, or the true one, up to some bytes and then cut or left hanging. */
export type Fault = { readonly status: number; readonly body?: string } | { readonly cutAfter: number } | { readonly hangAfter: number } | undefined;

export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly range: string | undefined;
  readonly authorization: string | undefined;
}

/** Faulty is a proxy before an HTTP server that does harm. */
export interface Faulty extends AsyncDisposable {
  readonly url: string;
  /** asked are the requests so far. */
  readonly asked: readonly Asked[];
  /** mostAtOnce is how many were under way at a time. */
  readonly mostAtOnce: number;
  /** hanging resolves when an answer is left hanging. */
  readonly hanging: Promise<void>;
}

/** startFaulty starts a proxy; `fault` is asked for each request. */
export async function startFaulty(target: string, fault: (asked: Asked) => Fault | Promise<Fault>): Promise<Faulty> {
  const asked: Asked[] = [];
  let [now, most] = [0, 0];
  let hangs = (): void => {};
  const hanging = new Promise<void>((resolve) => {
    hangs = resolve;
  });
  const server = createServer(async (request, response) => {
    const { method = "GET", url: path = "/", headers } = request;
    const one: Asked = { method, path, range: headers.range, authorization: headers.authorization };
    asked.push(one);
    most = Math.max(most, ++now);
    response.once("close", () => now--);
    const harm = await fault(one);
    if (harm !== undefined && "status" in harm) {
      response.writeHead(harm.status).end(harm.body ?? "");
      return;
    }
    const onward = forward(new URL(path, target), { method, headers, agent: false }, (answer) => {
      response.writeHead(answer.statusCode ?? 500, answer.headers);
      if (harm === undefined) {
        answer.pipe(response);
        return;
      }
      let left = "cutAfter" in harm ? harm.cutAfter : harm.hangAfter;
      response.flushHeaders();
      answer.on("end", () => (left > 0 ? response.end() : undefined)); // it was shorter than where harm begins
      answer.on("data", (chunk: Buffer) => {
        if (left <= 0) return;
        const part = chunk.subarray(0, left);
        left -= part.byteLength;
        response.write(part, () => {
          if (left > 0) return;
          if ("cutAfter" in harm) response.destroy();
          else hangs();
        });
      });
    });
    onward.on("error", () => response.destroy());
    request.pipe(onward);
  });
  const { url, close } = await listening(server, "http");
  return {
    url,
    asked,
    get mostAtOnce() {
      return most;
    },
    hanging,
    [Symbol.asyncDispose]: close,
  };
}
