import type { ConnectionOptions } from "node:tls";
import type { TlsOptions } from "./transport.ts";

/** connectionOptions puts tls options into Node's words. Node only. */
export function connectionOptions({ ca, cert, key, serverName }: TlsOptions): ConnectionOptions {
  const options: ConnectionOptions = {};
  if (ca !== undefined) options.ca = pem(ca);
  if (cert !== undefined) options.cert = pem(cert);
  if (key !== undefined) options.key = pem(key);
  if (serverName !== undefined) options.servername = serverName;
  return options;
}

function pem(text: string | Uint8Array): string | Buffer {
  return typeof text === "string" ? text : Buffer.from(text.buffer, text.byteOffset, text.byteLength);
}
