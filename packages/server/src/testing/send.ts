import { type Agent, request } from "node:http";

/** Reply is an answer over HTTP/1.1, with its body as text and as bytes. */
export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
  readonly bytes: Buffer;
}

/** send speaks plain HTTP/1.1: fetch refuses some of what a server must bear, and undoes codings. */
export function send(method: string, url: string, body?: string | Uint8Array, headers: Record<string, string> = {}, agent?: Agent): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const req = request(url, { method, headers, agent }, (res) => {
      const pieces: Buffer[] = [];
      res.on("data", (piece: Buffer) => pieces.push(piece));
      res.on("end", () => {
        const bytes = Buffer.concat(pieces);
        resolve({ status: res.statusCode ?? 0, headers: res.headers, body: bytes.toString("utf8"), bytes });
      });
      res.on("error", reject);
    });
    req.on("error", reject);
    req.end(body);
  });
}
