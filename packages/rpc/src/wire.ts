// Data plane. Bytes are read into a buffer that a connection keeps, without the allocation and the stream machinery that a "data" event costs (20-35 % of a small call).
import { type NetConnectOpts, connect as netConnect, Socket } from "node:net";
import { type ConnectionOptions, connect as tlsConnect, TLSSocket } from "node:tls";
import { type OnRead, readInto } from "./onread.ts";
import { endRead, flushAll } from "./turn.ts";

/** Buffers start small, for the many connections that say little, and grow for those that fill them. */
const smallBytes = 16 * 1024;
const largeBytes = 256 * 1024;

/** Buffers that a connection has lent to sockets that had not written them out, and that it will want again; past it they are left to the collector. */
const lentMax = 8;

/** Lent is a buffer that `socket` still reads, until it has written so many bytes in all. */
interface Lent {
  readonly buffer: Buffer;
  readonly socket: Socket;
  readonly until: number;
}

/** newWire takes over a socket that somebody accepted. The one it hands back in `socket` may be another object for the same connection. */
export function newWire(accepted: Socket): Wire {
  const wire = new Wire();
  wire.socket = adopt(accepted, wire);
  wire.socket.on("data", (chunk: Buffer) => wire.take(chunk, chunk.length, true));
  return wire;
}

/** dialWire opens a connection; onBytes must be set before the first turn ends. */
export function dialWire(options: NetConnectOpts): Wire {
  const wire = new Wire();
  wire.socket = netConnect({ ...options, onread: wire.onread } as NetConnectOpts);
  wire.socket.on("data", (chunk: Buffer) => wire.take(chunk, chunk.length, true));
  return wire;
}

/** dialSecureWire opens a connection that speaks TLS. What is written before the handshake is over goes out after it. */
export function dialSecureWire(options: ConnectionOptions): Wire {
  const wire = new Wire();
  wire.socket = tlsConnect({ ...options, onread: wire.onread } as ConnectionOptions);
  wire.socket.on("data", (chunk: Buffer) => wire.take(chunk, chunk.length, true));
  return wire;
}

/** wrapWire takes a socket as it is. Over TLS, in the turn in which the handshake ended, nothing is read yet, and what comes goes into the wire's own buffer. */
export function wrapWire(socket: Socket): Wire {
  const wire = new Wire();
  wire.socket = socket;
  if (socket instanceof TLSSocket) readInto(socket, wire.onread);
  socket.on("data", (chunk: Buffer) => wire.take(chunk, chunk.length, true));
  return wire;
}

/** Writer is who hands bytes to a socket. */
export interface Writer {
  readonly socket: Socket | undefined;
  /** secure: the socket encrypts, and does not say which bytes it was handed have left. */
  readonly secure: boolean;
  /** holding: the socket still refers to bytes that it was handed. */
  readonly holding: boolean;
}

/** Wire is one connection's bytes. */
class Wire {
  /** Set once, by whoever made the wire. */
  socket!: Socket;
  /** onBytes hears buffer[start, end). The bytes are the wire's again when it returns, unless it called keep. */
  onBytes: (buffer: Buffer, start: number, end: number) => void = () => {};
  /** received counts bytes. */
  received = 0;
  readonly onread: OnRead;
  #buffer: Buffer | undefined = undefined;
  #full = false;
  #kept: Writer[] = [];
  #lent: Lent[] = [];

  constructor() {
    this.onread = {
      buffer: () => {
        const size = this.#full ? largeBytes : smallBytes;
        if (this.#buffer === undefined || this.#buffer.length < size) this.#buffer = this.#returned(size) ?? Buffer.allocUnsafeSlow(size);
        return this.#buffer;
      },
      callback: (length, buffer) => {
        if (length === buffer.length) this.#full = true;
        this.take(buffer, length, false);
        return true;
      },
    };
  }

  /** keep says that what was read is about to be written by `target` as it is. The buffer is let go if it has not left by the end of the read. */
  keep(target: Writer): void {
    if (!this.#kept.includes(target)) this.#kept.push(target);
  }

  /** take hands received bytes on; `own` buffers are never read into again. */
  take(buffer: Buffer, length: number, own: boolean): void {
    this.received += length;
    this.onBytes(buffer, 0, length);
    const kept = this.#kept;
    if (kept.length > 0) {
      flushAll();
      if (!own) this.#lend(buffer);
      kept.length = 0;
    }
    endRead();
  }

  /** #lend parts with the buffer if a socket that it was written to has not got rid of it. */
  #lend(buffer: Buffer): void {
    const kept = this.#kept;
    let holders = 0;
    let holder: Writer | undefined;
    for (let i = 0; i < kept.length; i++) {
      if (!kept[i]!.holding) continue;
      holder = kept[i]!;
      holders++;
    }
    if (holder === undefined) return;
    this.#buffer = undefined;
    const { socket, secure } = holder;
    if (holders === 1 && !secure && socket !== undefined && this.#lent.length < lentMax) this.#lent.push({ buffer, socket, until: socket.bytesWritten });
  }

  /** #returned gives a lent buffer of that size that nobody reads any more. */
  #returned(size: number): Buffer | undefined {
    const lent = this.#lent;
    for (let i = 0; i < lent.length; i++) {
      const { buffer, socket, until } = lent[i]!;
      if (socket.destroyed || socket.bytesWritten - socket.writableLength < until) continue;
      lent[i] = lent[lent.length - 1]!;
      lent.pop();
      if (buffer.length === size) return buffer;
      i--;
    }
    return undefined;
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
