import { Code, newError } from "@tfs/std";

/** Query is a unary call that came as GET (Connect protocol, "Unary-Get-Request"). */
export interface Query {
  readonly codec: string;
  readonly encoding: string;
  readonly version: string | undefined;
  /** message as it stands in the query, percent-decoded. */
  readonly message: string;
  readonly base64: boolean;
}

/** readQuery reads what follows the question mark; undefined if it is not that of a Connect call: `encoding` and `message` must be there. */
export function readQuery(text: string): Query | undefined {
  const found = new URLSearchParams(text);
  const codec = found.get("encoding");
  const message = found.get("message");
  if (codec === null || message === null) return undefined;
  return {
    codec,
    encoding: found.get("compression") ?? "identity",
    version: found.get("connect") ?? undefined,
    message,
    base64: found.get("base64") === "1",
  };
}

/** messageOf gives the message's bytes, which may be compressed. Throws InvalidArgument for what is not base64, of either alphabet, padded or not. */
export function messageOf(query: Query): Uint8Array {
  if (!query.base64) return Buffer.from(query.message);
  if (!/^[\w+/-]*={0,2}$/.test(query.message)) throw newError(Code.InvalidArgument, "the message in the query is not base64");
  return Buffer.from(query.message, "base64url");
}
