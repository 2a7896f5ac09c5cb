import { Code, newError } from "@tfs/std";
import type { TransportOptions } from "./transport.ts";

/** Ports of the schemes that may leave theirs out. */
const ports: Readonly<Record<string, string>> = { http: ":80", https: ":443" };

/** addressOf reads a target of gRPC: the address behind its scheme, and whether to encrypt. Throws InvalidArgument for a scheme or a path that gRPC has not. */
export function addressOf(options: TransportOptions): { readonly address: string; readonly encrypted: boolean } {
  const { target, tls } = options;
  if (target.startsWith("unix:")) return { address: target, encrypted: tls !== undefined };
  const [, scheme = "", rest = ""] = /^(?:([a-z]+):\/\/)?(.*?)\/*$/.exec(target) ?? [];
  if (!["", "grpc", "http", "https"].includes(scheme)) {
    throw newError(Code.InvalidArgument, `target "${target}" has the scheme ${scheme}: gRPC takes HOST:PORT, unix:PATH, or an http:// or https:// URL`);
  }
  if (rest.includes("/")) throw newError(Code.InvalidArgument, `target "${target}" has a path: gRPC has none`);
  refuseBoth(options);
  const port = /:\d+$/.test(rest) ? "" : (ports[scheme] ?? "");
  return { address: rest + port, encrypted: scheme === "https" || tls !== undefined };
}

/** urlOf makes the URL of a target that may be given as host:port. Throws InvalidArgument for a unix socket, which no URL names. */
export function urlOf(options: TransportOptions): string {
  const { target, tls } = options;
  if (target.startsWith("unix:")) throw newError(Code.InvalidArgument, `target "${target}" is a unix socket: only transport "grpc" speaks to one`);
  refuseBoth(options);
  const url = /^https?:\/\//.test(target) ? target : `${tls === undefined ? "http" : "https"}://${target}`;
  return url.replace(/\/+$/, "");
}

/** withoutTls throws InvalidArgument if there are tls options, with the reason why they cannot be heeded. */
export function withoutTls(options: TransportOptions, why: string): void {
  if (options.tls !== undefined) throw newError(Code.InvalidArgument, `tls options are given, and ${why}`);
}

function refuseBoth({ target, tls }: TransportOptions): void {
  if (target.startsWith("http://") && tls !== undefined) {
    throw newError(Code.InvalidArgument, `target "${target}" says plaintext, and there are tls options: say https://, or leave them out`);
  }
}
