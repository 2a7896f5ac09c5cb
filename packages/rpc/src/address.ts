import { Code, newError } from "@tfs/std";

/** Address is where a peer listens: a TCP port (an IPv6 host without brackets) or a unix socket. */
export type Address = { readonly host: string; readonly port: number } | { readonly path: string };

const unixPrefix = "unix:";

/** parseAddress reads HOST:PORT, [IPv6]:PORT or unix:PATH. Throws InvalidArgument naming the text. */
export function parseAddress(text: string): Address {
  if (text.startsWith(unixPrefix)) {
    const path = text.slice(unixPrefix.length).replace(/^\/\/(?=\/)/, ""); // unix:///run/x.sock is the URI form of unix:/run/x.sock
    if (path === "") throw newError(Code.InvalidArgument, `address "${text}" has no path after unix:`);
    return { path };
  }
  const found = /^(?:\[([0-9a-fA-F:.%\w]+)\]|([^:[\]/\s]+)):(\d{1,5})$/.exec(text);
  const host = found?.[1] ?? found?.[2];
  const port = Number(found?.[3]);
  if (host === undefined || port < 1 || port > 65535) {
    throw newError(Code.InvalidArgument, `address "${text}" is not HOST:PORT, [IPv6]:PORT or unix:PATH`);
  }
  return { host, port };
}

/** formatAddress is the inverse of parseAddress. */
export function formatAddress(address: Address): string {
  if ("path" in address) return unixPrefix + address.path;
  return address.host.includes(":") ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
}
