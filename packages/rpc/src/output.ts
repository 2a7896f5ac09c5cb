// Data plane. Bytes out, straight to what a socket stands on: through the socket's own write one costs twice as much, and a small call makes two of them.
import { Socket } from "node:net";
import { getSystemErrorName } from "node:util";

/** newOutput makes the outgoing side of a connection. `onDrain` hears when all that waited has left. */
export function newOutput(socket: Socket, onDrain: () => void): Output {
  return new Output(socket, onDrain);
}

/** Node's own names, not in its types: what a TCP or unix socket stands on, and a write that it did not finish at once. */
interface Handle {
  readonly writeQueueSize: number;
  readonly bytesWritten: number;
  writeBuffer(request: WriteRequest, bytes: Uint8Array): number;
  writev(request: WriteRequest, pieces: readonly Uint8Array[], allBuffers: true): number;
}
interface WriteRequest {
  /** getAsyncId gives -1 for a request that was not needed. */
  getAsyncId(): number;
  oncomplete?: (status: number) => void;
  /** What is being written must not be collected meanwhile. */
  written?: Uint8Array | readonly Uint8Array[];
}

const unneeded = -1;
/** The class of those requests; undefined where this Node does not write in the way that we know. Then, and over TLS, sockets write as they always do. */
const RequestOf: (new () => WriteRequest) | undefined = findRequest();
/** A request serves again while it is not needed: most writes finish at once. */
let spare: WriteRequest | undefined;

class Output {
  readonly #socket: Socket;
  readonly #onDrain: () => void;
  /** A plain socket, which hands on what it is given as it is. */
  readonly #plain: boolean;
  /** Writes that did not finish at once, and have not yet. */
  #pending = 0;

  constructor(socket: Socket, onDrain: () => void) {
    this.#socket = socket;
    this.#onDrain = onDrain;
    this.#plain = RequestOf !== undefined && socket.constructor === Socket;
    socket.on("drain", onDrain);
  }

  /** unsent is how many bytes were written and have not left. The socket refers to them where they lie. */
  get unsent(): number {
    if (this.#pending === 0) return this.#socket.writableLength;
    return handleOf(this.#socket)?.writeQueueSize ?? 0;
  }

  /** sent is how many bytes have left; it only grows. */
  get sent(): number {
    if (this.#pending === 0) return this.#socket.bytesWritten - this.#socket.writableLength;
    const handle = handleOf(this.#socket);
    return handle === null ? 0 : handle.bytesWritten - handle.writeQueueSize;
  }

  /** write sends bytes, which must stay as they are while any are unsent. */
  write(bytes: Uint8Array): void {
    const handle = this.#handle();
    if (handle === undefined) return void this.#socket.write(bytes);
    const request = (spare ??= new RequestOf!());
    this.#wrote(request, handle.writeBuffer(request, bytes), bytes);
  }

  /** writeAll sends pieces in one go. The array is the output's from now on. */
  writeAll(pieces: readonly Uint8Array[]): void {
    const handle = this.#handle();
    if (handle === undefined) {
      const socket = this.#socket;
      socket.cork();
      for (const piece of pieces) socket.write(piece);
      socket.uncork();
      return;
    }
    const request = (spare ??= new RequestOf!());
    this.#wrote(request, handle.writev(request, pieces, true), pieces);
  }

  /** #handle gives what to write to; undefined where the socket must do it, as it has yet to connect or has begun itself. */
  #handle(): Handle | undefined {
    const socket = this.#socket;
    if (!this.#plain || socket.connecting || socket.writableLength > 0) return undefined;
    return handleOf(socket) ?? undefined;
  }

  #wrote(request: WriteRequest, status: number, written: Uint8Array | readonly Uint8Array[]): void {
    if (status === 0 && request.getAsyncId() === unneeded) return;
    spare = undefined;
    if (status !== 0) return void this.#fail(status);
    this.#pending++;
    request.written = written;
    request.oncomplete = (result) => {
      this.#pending--;
      if (result !== 0) this.#fail(result);
      else if (this.#pending === 0) this.#onDrain();
    };
  }

  #fail(status: number): void {
    const code = getSystemErrorName(status);
    if (!this.#socket.destroyed) this.#socket.destroy(Object.assign(new Error(`write ${code}`), { code, syscall: "write" }));
  }
}
export type { Output };

function handleOf(socket: Socket): Handle | null {
  return (socket as unknown as { readonly _handle: Handle | null })._handle;
}

/** findRequest has a socket write to a handle that only looks at what it is asked. */
function findRequest(): (new () => WriteRequest) | undefined {
  let found: unknown;
  const look = (request: object | null): number => {
    found = request?.constructor; // none in Node 26, whose own writes cost less
    return 0;
  };
  const handle = { writeBuffer: look, readStart: () => 0, readStop: () => 0, close() {}, getAsyncId: () => 0 };
  try {
    new Socket({ handle, manualStart: true } as ConstructorParameters<typeof Socket>[0]).write(Buffer.alloc(1));
    const Found = found as new () => WriteRequest;
    return new Found().getAsyncId() === unneeded ? Found : undefined;
  } catch {
    return undefined; // this Node asks more of a handle
  }
}
