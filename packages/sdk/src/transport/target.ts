import { Code, newError } from "@tfs/std";
import type { TransportOptions } from "./transport.ts";

/** Ports of the schemes that may leave theirs out. */
const ports: Readonly<Record<string, string>> = { http: ":80", https: ":443" };

/** splitTarget reads a target of gRPC: scheme or not, the address behind it, and whether to encrypt. Throws InvalidArgument for a scheme or a path that gRPC has not. */
export function splitTarget({ target, tls }: TransportOptions): { readonly address: string; readonly encrypted: boolean } {
  const [, scheme = "", rest = ""] = /^(?:([a-z]+):\/\/)?(.*?)\/*$/.exec(target) ?? [];
  if (scheme === "unix" || target.startsWith("unix:")) return { address: target, encrypted: tls !== undefined };
  if (!["", "grpc", "http", "https"].includes(scheme)) {
    throw newError(Code.InvalidArgument, `target "${target}" has the scheme ${scheme}: gRPC takes HOST:PORT, unix:PATH, or an http:// or https:// URL`);
  }
  if (rest.includes("/")) throw newError(Code.InvalidArgument, `target "${target}" has a path: gRPC has none`);
  if (scheme === "http" && tls !== undefined) throw newError(Code.InvalidArgument, `target "${target}" says plaintext, and there are tls options`);
  const port = /:\d+$/.test(rest) ? "" : (ports[scheme] ?? "");
  return { address: rest + port, encrypted: scheme === "https" || tls !== undefined };
}
