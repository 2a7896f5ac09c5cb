// Data plane: follows the envelopes of messages that pass by, without keeping any of their bytes.
import { prefixBytes } from "./frame.ts";

/** newBoundary follows one direction of a call. */
export function newBoundary(): Boundary {
  return new Boundary();
}

class Boundary {
  /** Bytes of the message that are to come. */
  #left = 0;
  /** Bytes of an envelope's prefix that have come, and the length that they say. */
  #prefix = 0;
  #length = 0;

  /** clean tells that the next byte begins an envelope. */
  get clean(): boolean {
    return this.#left === 0 && this.#prefix === 0;
  }

  /** pass sees buffer[start, end). False: the flags of an envelope are none that gRPC knows, and nothing after it can be told apart. */
  pass(buffer: Uint8Array, start: number, end: number): boolean {
    let at = start;
    while (at < end) {
      if (this.#left > 0) {
        const step = Math.min(this.#left, end - at);
        this.#left -= step;
        at += step;
        continue;
      }
      const byte = buffer[at++]!;
      if (this.#prefix === 0) {
        if (byte > 1) return false;
        this.#length = 0;
      } else this.#length = this.#length * 256 + byte;
      this.#prefix++;
      if (this.#prefix === prefixBytes) {
        this.#prefix = 0;
        this.#left = this.#length;
      }
    }
    return true;
  }
}
export type { Boundary };
