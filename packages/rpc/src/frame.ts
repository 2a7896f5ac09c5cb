// Data plane: one pass over the bytes, no copy of a message that arrives in one piece.
import { Code, carve, newError } from "@tfs/std";

/** The flag byte and four bytes of length in front of each message (gRPC over HTTP/2, "Length-Prefixed-Message"). */
export const prefixBytes = 5;

/** Message is one length-prefixed message; `bytes` may view what was pushed. */
export interface Message {
  readonly compressed: boolean;
  readonly bytes: Uint8Array;
}

/** Deframer cuts a byte stream into messages. */
export interface Deframer {
  /** push takes the next bytes, which it may keep, and gives the messages they complete. Throws Internal for a bad flag, ResourceExhausted past the limit. */
  push(chunk: Uint8Array): readonly Message[];
  /** end throws Internal if the stream stops inside a message. */
  end(): void;
}

/** frameMessage puts the prefix before a message; the result is a copy. */
export function frameMessage(bytes: Uint8Array, compressed = false): Uint8Array {
  const framed = new Uint8Array(prefixBytes + bytes.length);
  framed[0] = compressed ? 1 : 0;
  new DataView(framed.buffer).setUint32(1, bytes.length);
  framed.set(bytes, prefixBytes);
  return framed;
}

/** newDeframer refuses a message of more than maxMessageBytes when its prefix has come, before any of it is stored. */
export function newDeframer(options: { readonly maxMessageBytes: number }): Deframer {
  const { maxMessageBytes } = options;
  let kept: Uint8Array[] = []; // received, not yet part of a message
  let keptBytes = 0;
  let wantBytes = prefixBytes; // a prefix, or a prefix and its message
  return {
    push(chunk) {
      kept.push(chunk);
      keptBytes += chunk.length;
      if (keptBytes < wantBytes) return [];
      const messages: Message[] = [];
      let bytes = kept.length === 1 ? chunk : Buffer.concat(kept, keptBytes);
      while (bytes.length >= prefixBytes) {
        wantBytes = prefixBytes + messageLength(bytes, 0, maxMessageBytes);
        if (bytes.length < wantBytes) break;
        messages.push({ compressed: bytes[0] === 1, bytes: bytes.subarray(prefixBytes, wantBytes) });
        bytes = bytes.subarray(wantBytes);
        wantBytes = prefixBytes;
      }
      kept = bytes.length === 0 ? [] : [bytes];
      keptBytes = bytes.length;
      return messages;
    },
    end() {
      if (keptBytes > 0) throw newError(Code.Internal, `stream ended inside a message: ${keptBytes} of ${wantBytes} bytes came`);
    },
  };
}

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

/** messageLength reads the prefix at an offset. */
function messageLength(bytes: Uint8Array, at: number, maxMessageBytes: number): number {
  if (bytes[at]! > 1) throw newError(Code.Internal, `invalid message flags ${bytes[at]}, expected 0 or 1`);
  const length = ((bytes[at + 1]! << 24) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 8) | bytes[at + 4]!) >>> 0;
  if (length > maxMessageBytes) throw newError(Code.ResourceExhausted, `message of ${length} bytes is larger than the limit of ${maxMessageBytes}`);
  return length;
}
