// Data plane. The buffer that one connection's bytes are read into: small for the many connections that say little, larger for those that fill it.

import type { Socket } from "node:net";

/** newReadBuffer allocates nothing yet. */
export function newReadBuffer(): ReadBuffer {
  return new ReadBuffer();
}

/** Bounds of a buffer, and the step between sizes. A request of a few numbers is a few hundred bytes; past 256 KiB a read costs no less per byte. */
const firstBytes = 4 * 1024;
const lastBytes = 256 * 1024;
const step = 4;
/** So many reads in a row that a smaller buffer would have done for make it smaller. */
const patience = 64;
/** All buffers of the process together may be larger than at first by this; past it none grows until others have shrunk or gone. */
const grownMaxBytes = 64 * 1024 * 1024;
let grownBytes = 0;
/** Buffers that were lent to sockets that had not written them out, and will be wanted again; past it they are left to the collector. */
const lentMax = 8;

/** Lent is a buffer that `socket` still reads, until it has written so many bytes in all. */
interface Lent {
  readonly buffer: Buffer;
  readonly socket: Socket;
  readonly until: number;
}

class ReadBuffer {
  #buffer: Buffer | undefined = undefined;
  #bytes = firstBytes;
  /** Reads in a row that a smaller buffer would have done for. */
  #slack = 0;
  #lent: Lent[] = none;

  /** next gives the buffer for the next read. */
  next(): Buffer {
    if (this.#buffer === undefined || this.#buffer.length !== this.#bytes) this.#buffer = this.#returned() ?? Buffer.allocUnsafeSlow(this.#bytes);
    return this.#buffer;
  }

  /** took tells how much of it a read has filled. */
  took(bytes: number): void {
    if (bytes === this.#bytes) {
      this.#slack = 0;
      if (bytes < lastBytes && grownBytes + bytes * (step - 1) <= grownMaxBytes) this.#resize(bytes * step);
    } else if (this.#bytes > firstBytes) {
      if (bytes * step > this.#bytes) this.#slack = 0;
      else if (++this.#slack >= patience) {
        this.#slack = 0;
        this.#resize(this.#bytes / step);
      }
    }
  }

  /** lend parts with the buffer, since somebody still refers to what was read into it; if that is one socket alone, until it has written that. */
  lend(socket: Socket | undefined): void {
    const buffer = this.#buffer;
    this.#buffer = undefined;
    if (buffer === undefined || socket === undefined || this.#lent.length >= lentMax) return;
    if (this.#lent === none) this.#lent = [];
    this.#lent.push({ buffer, socket, until: socket.bytesWritten });
  }

  /** close: nothing is read any more. */
  close(): void {
    this.#resize(firstBytes);
    this.#buffer = undefined;
    this.#lent = none;
  }

  /** #returned gives a lent buffer of the right size that nobody reads any more. */
  #returned(): Buffer | undefined {
    const lent = this.#lent;
    for (let i = 0; i < lent.length; i++) {
      const { buffer, socket, until } = lent[i]!;
      if (socket.destroyed || socket.bytesWritten - socket.writableLength < until) continue;
      lent[i] = lent[lent.length - 1]!;
      lent.pop();
      if (buffer.length === this.#bytes) return buffer;
      i--;
    }
    return undefined;
  }

  #resize(bytes: number): void {
    grownBytes += bytes - this.#bytes;
    this.#bytes = bytes;
  }
}
export type { ReadBuffer };

const none: Lent[] = [];
