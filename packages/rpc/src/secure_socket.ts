// Node's modules for TLS take 7 MB and 15 ms to load, which a server without TLS does not pay: whoever needs them asks for them then.
import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";

/** isSecure tells whether a connection speaks TLS. */
export function isSecure(socket: Socket): socket is TLSSocket {
  return (socket as Partial<TLSSocket>).encrypted === true; // of every TLSSocket, and of nothing else
}

/** tls is Node's module of that name. */
export function tls(): typeof import("node:tls") {
  return process.getBuiltinModule("node:tls");
}

/** crypto is Node's module of that name. */
export function crypto(): typeof import("node:crypto") {
  return process.getBuiltinModule("node:crypto");
}
