// Data plane. The buffer that one connection's bytes are read into: small for the many connections that say little, larger for those that fill it.
import { reads } from "./buffers.ts";

/** newReadBuffer allocates nothing yet. */
export function newReadBuffer(): ReadBuffer {
  return new ReadBuffer();
}

/** Bounds of a buffer, and the step between sizes. A request of a few numbers is a few hundred bytes; past 256 KiB what is read does not stay in the processor's cache. */
const firstBytes = 1024;
const lastBytes = reads.sizeBytes;
const step = 4;
/** So many reads in a row that a smaller buffer would have done for make it smaller. */
const patience = 64;
/** All buffers of the process together may be larger than at first by this; past it none grows until others have shrunk or gone. */
const grownMaxBytes = 64 * 1024 * 1024;
let grownBytes = 0;

class ReadBuffer {
  #buffer: Buffer | undefined = undefined;
  #bytes = firstBytes;
  /** Reads in a row that a smaller buffer would have done for. */
  #slack = 0;

  /** next gives the buffer for the next read. */
  next(): Buffer {
    if (this.#buffer === undefined || this.#buffer.length !== this.#bytes)
      this.#buffer = this.#bytes === lastBytes ? reads.take() : Buffer.allocUnsafeSlow(this.#bytes);
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

  /** part gives up the buffer that was last read into, since somebody still refers to what is in it. */
  part(): Buffer {
    const buffer = this.#buffer!;
    this.#buffer = undefined;
    return buffer;
  }

  /** close: nothing is read any more. */
  close(): void {
    this.#resize(firstBytes);
    this.#buffer = undefined;
  }

  #resize(bytes: number): void {
    grownBytes += bytes - this.#bytes;
    this.#bytes = bytes;
  }
}
export type { ReadBuffer };
