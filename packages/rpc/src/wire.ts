// Data plane. Bytes are read into a buffer that a connection keeps, without the allocation and the stream machinery that a "data" event costs (20-35 % of a small call).
import { type NetConnectOpts, connect as netConnect, Socket } from "node:net";
import type { ConnectionOptions } from "node:tls";
import { type OnRead, readInto } from "./onread.ts";
import { newOutput, type Output } from "./output.ts";
import { newReadBuffer } from "./read_buffer.ts";
import { isSecure, tls } from "./secure_socket.ts";
import { beginRead, endRead, flushAll } from "./turn.ts";

/** newWire takes over a socket that somebody accepted. The one it hands back in `socket` may be another object for the same connection. */
export function newWire(accepted: Socket): Wire {
  const wire = new Wire();
  return fit(wire, adopt(accepted, wire));
}

/** dialWire opens a connection; onBytes must be set before the first turn ends. */
export function dialWire(options: NetConnectOpts): Wire {
  const wire = new Wire();
  return fit(wire, netConnect({ ...options, onread: wire.onread } as NetConnectOpts));
}

/** dialSecureWire opens a connection that speaks TLS. What is written before the handshake is over goes out after it. */
export function dialSecureWire(options: ConnectionOptions): Wire {
  const wire = new Wire();
  return fit(wire, tls().connect({ ...options, onread: wire.onread } as ConnectionOptions));
}

/** wrapWire takes a socket as it is. Over TLS, in the turn in which the handshake ended, nothing is read yet, and what comes goes into the wire's own buffer. */
export function wrapWire(socket: Socket): Wire {
  const wire = new Wire();
  if (isSecure(socket)) readInto(socket, wire.onread);
  return fit(wire, socket);
}

/** fit puts a socket at the wire's end. Where it does not read into the wire's buffer, bytes come by "data" events. */
function fit(wire: Wire, socket: Socket): Wire {
  wire.socket = socket;
  wire.output = newOutput(socket, () => wire.onDrain());
  socket.on("data", (chunk: Buffer) => wire.take(chunk, chunk.length, true));
  socket.on("close", () => wire.close());
  return wire;
}

/** Writer is who hands bytes to a socket. */
export interface Writer {
  /** holding: the socket still refers to bytes that it was handed. */
  readonly holding: boolean;
  /** lend makes a read buffer the writer's until what was written of it has left. */
  lend(buffer: Buffer): void;
}

/** Wire is one connection's bytes. */
class Wire {
  /** Both are set once, by whoever made the wire. */
  socket!: Socket;
  output!: Output;
  /** onBytes hears buffer[start, end). The bytes are the wire's again when it returns, unless it called keep. */
  onBytes: (buffer: Buffer, start: number, end: number) => void = () => {};
  /** onDrain hears that all which waited to be sent has left. */
  onDrain: () => void = () => {};
  /** onClose, if there, hears that the socket is gone; a listener of the socket's own would stay for as long as it does. */
  onClose: (() => void) | undefined = undefined;
  /** received counts bytes. */
  received = 0;
  readonly onread: OnRead;
  readonly #buffer = newReadBuffer();
  /** What Node was told to read into, and whether it has since. */
  #target: Buffer | undefined = undefined;
  #read = false;
  #kept: Writer[] = [];

  constructor() {
    this.onread = {
      buffer: () => this.#next(),
      callback: (length, buffer) => {
        this.#buffer.took(length);
        this.take(buffer, length, false);
        this.#read = true;
        return true;
      },
    };
  }

  /** close: the socket is gone. */
  close(): void {
    this.#buffer.close();
    this.#target = undefined;
    this.onClose?.();
  }

  /** keep says that what was read is about to be written by `target` as it is. The buffer is let go if it has not left by the end of the read. */
  keep(target: Writer): void {
    if (!this.#kept.includes(target)) this.#kept.push(target);
  }

  /** take hands received bytes on; `own` buffers are never read into again. */
  take(buffer: Buffer, length: number, own: boolean): void {
    this.received += length;
    beginRead();
    try {
      this.onBytes(buffer, 0, length);
      if (this.#kept.length === 0) return;
      flushAll();
      if (!own) this.#lend();
      this.#kept = [];
    } finally {
      endRead();
    }
  }

  /** #next gives the buffer for the next read; undefined if that is the one of the last: to change nothing costs Node less. */
  #next(): Buffer | undefined {
    const next = this.#buffer.next();
    if (this.#read && next === this.#target) return undefined;
    this.#read = false;
    this.#target = next;
    return next;
  }

  /** #lend parts with the buffer if a socket that it was written to has not got rid of it. */
  #lend(): void {
    const kept = this.#kept;
    let holders = 0;
    let holder: Writer | undefined;
    for (let i = 0; i < kept.length; i++) {
      if (!kept[i]!.holding) continue;
      holder = kept[i]!;
      holders++;
    }
    if (holder === undefined) return;
    const buffer = this.#buffer.part();
    if (holders === 1) holder.lend(buffer); // of several, who would be the last?
  }
}
export type { Wire };

/** Node's own name for what a socket stands on; not in its types. */
interface Handled {
  _handle: { reading?: boolean; readStop?(): number } | null;
}

/**
 * adopt puts an accepted connection into a socket with a read buffer of its own: Node offers that (`onread`) for outgoing connections only. Where the handle
 * cannot be moved, and for sockets that are more than a TCP or unix connection, the accepted socket stays and delivers by "data" events.
 */
function adopt(accepted: Socket, wire: Wire): Socket {
  const handle = (accepted as unknown as Handled)._handle;
  if (accepted.constructor !== Socket || handle === null || typeof handle !== "object") return accepted;
  // One that came from another process reads already; whatever there is to read is still in the kernel.
  if (handle.reading === true) handle.readStop?.();
  handle.reading = false;
  (accepted as unknown as Handled)._handle = null;
  try {
    const options: Record<string, unknown> = { handle, onread: wire.onread, allowHalfOpen: false };
    return new Socket(options as ConstructorParameters<typeof Socket>[0]);
  } catch {
    (accepted as unknown as Handled)._handle = handle;
    return accepted;
  }
}
