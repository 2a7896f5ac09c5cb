// Data plane. The one message of a unary answer, put together in the buffer that it ends in.
import { Code, carve, newError } from "@tfs/std";
import { type Message, messageLength, prefixBytes } from "./frame.ts";

/** newGatherer puts together the one message of a unary call: in one buffer, whatever the pieces in which it comes. */
export function newGatherer(maxMessageBytes: number): Gatherer {
  return new Gatherer(maxMessageBytes);
}

/** A length that is announced and not yet sent is believed up to here. */
const trustBytes = 4 << 20;

class Gatherer {
  readonly #maxBytes: number;
  /** The prefix, when it comes in pieces; then what it says. */
  #prefix: Uint8Array | undefined = undefined;
  #prefixed = 0;
  #wantBytes = 0;
  #compressed = false;
  #bytes: Uint8Array = none;
  #filled = 0;

  constructor(maxMessageBytes: number) {
    this.#maxBytes = maxMessageBytes;
  }

  /** push takes a copy of buffer[start, end). Throws as Deframer.push does, and Internal for bytes past the message. */
  push(buffer: Uint8Array, start: number, end: number): void {
    let at = start;
    if (this.#prefixed < prefixBytes) {
      at = this.#takePrefix(buffer, start, end);
      if (this.#prefixed < prefixBytes) return;
    }
    const bytes = this.#filled + end - at;
    if (bytes > this.#wantBytes) throw newError(Code.Internal, "peer sent more than one message to a unary call");
    if (bytes > this.#bytes.length) {
      const size = Math.min(this.#wantBytes, Math.max(bytes, 2 * this.#bytes.length, trustBytes));
      const larger = carve(Uint8Array, size);
      larger.set(this.#bytes.subarray(0, this.#filled));
      this.#bytes = larger;
    }
    this.#bytes.set(at === 0 && end === buffer.length ? buffer : buffer.subarray(at, end), this.#filled);
    this.#filled = bytes;
  }

  /** end gives the message, or undefined if none has come. Throws Internal if it is not all there. */
  end(): Message | undefined {
    if (this.#prefixed === 0) return undefined;
    const prefixed = this.#prefixed === prefixBytes;
    if (prefixed && this.#filled === this.#wantBytes) return { compressed: this.#compressed, bytes: this.#bytes };
    const [got, want] = [this.#prefixed + this.#filled, prefixBytes + (prefixed ? this.#wantBytes : 0)];
    throw newError(Code.Internal, `stream ended inside a message: ${got} of ${want} bytes came`);
  }

  #takePrefix(buffer: Uint8Array, start: number, end: number): number {
    let prefix = buffer;
    let from = start;
    let at = start + prefixBytes;
    if (this.#prefixed === 0 && end - start >= prefixBytes) this.#prefixed = prefixBytes;
    else {
      prefix = this.#prefix ??= new Uint8Array(prefixBytes);
      from = 0;
      for (at = start; at < end && this.#prefixed < prefixBytes; ) prefix[this.#prefixed++] = buffer[at++]!;
      if (this.#prefixed < prefixBytes) return at;
    }
    this.#wantBytes = messageLength(prefix, from, this.#maxBytes);
    this.#compressed = prefix[from] === 1;
    return at;
  }
}
export type { Gatherer };

const none = new Uint8Array(0);
