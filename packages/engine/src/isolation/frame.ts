// Data plane. A frame is a length (u32, little-endian, of what follows it), then a kind (u8), three zeros, the number of the call (u32) and what the kind says.
import { Code, newError } from "@tfs/std";

/** kind says what a frame is. The engine's process answers each call with `done` or `failed` under the call's number, and with `stage` before. */
export const kind = { probe: 1, load: 2, run: 3, cancel: 4, ping: 5, close: 6, rehearse: 7, ready: 16, done: 17, failed: 18, stage: 19 } as const;

/** version of what frames say. The two processes may be of two releases, when files were replaced under a server that runs. */
export const version = 2;

/** descriptors of the engine's process: a socket for frames, and one that closes when who started it is gone. */
export const descriptors = { frames: 3, life: 4 } as const;

/** headBytes of a frame's body are kind and number. */
export const headBytes = 8;
/** lengthBytes come before the body. */
export const lengthBytes = 4;
/** maxFrameBytes bounds a body: more than the 2 GiB that a message may have, and its names. */
export const maxFrameBytes: number = 2 ** 31 + 2 ** 20;

const scratchBytes = 64 * 1024;

/** FrameReader cuts what comes in into bodies. A body is memory of its own, aligned to 8 bytes; one that is long is read into its place. */
class FrameReader {
  readonly #onBody: (body: Buffer) => void;
  readonly #maxBytes: number;
  readonly #scratch = Buffer.allocUnsafeSlow(scratchBytes);
  #have = 0;
  #body: Buffer | undefined;
  #at = 0;

  constructor(onBody: (body: Buffer) => void, maxBytes: number) {
    this.#onBody = onBody;
    this.#maxBytes = maxBytes;
  }

  /** room is where the next bytes go. */
  room(): Buffer {
    return this.#body === undefined ? this.#scratch.subarray(this.#have) : this.#body.subarray(this.#at);
  }

  /** filled tells that so many bytes have come into room. Throws DataLoss for a length that no frame has. */
  filled(n: number): void {
    if (this.#body === undefined) {
      this.#have += n;
      this.#cut();
      return;
    }
    this.#at += n;
    if (this.#at < this.#body.length) return;
    const body = this.#body;
    this.#body = undefined;
    this.#onBody(body);
  }

  /** push is filled for bytes that came elsewhere. */
  push(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; ) {
      const room = this.room();
      const n = Math.min(room.length, bytes.length - at);
      room.set(bytes.subarray(at, at + n));
      at += n;
      this.filled(n);
    }
  }

  #cut(): void {
    const [bytes, have] = [this.#scratch, this.#have];
    let at = 0;
    while (have - at >= lengthBytes) {
      const length = bytes.readUInt32LE(at);
      if (length < headBytes || length > this.#maxBytes)
        throw newError(Code.DataLoss, `a frame of ${length} bytes: expected ${headBytes} to ${this.#maxBytes}`);
      at += lengthBytes;
      const body = allocate(length);
      const come = Math.min(length, have - at);
      bytes.copy(body, 0, at, at + come);
      at += come;
      if (come < length) {
        this.#body = body;
        this.#at = come;
        break;
      }
      this.#onBody(body);
    }
    bytes.copy(bytes, 0, at, have);
    this.#have = have - at;
  }
}
export type { FrameReader };

/** newFrameReader makes one; a frame may have `maxBytes`, default maxFrameBytes. */
export function newFrameReader(onBody: (body: Buffer) => void, maxBytes: number = maxFrameBytes): FrameReader {
  return new FrameReader(onBody, maxBytes);
}

function allocate(length: number): Buffer {
  try {
    return Buffer.allocUnsafe(length);
  } catch (err) {
    throw newError(Code.ResourceExhausted, `no memory for a frame of ${length} bytes`, err);
  }
}
