// Data plane: each byte of a message is copied once, from the connection's read buffer to its place.
import { Code, newError } from "@tfs/std";
import { messageLength, prefixBytes } from "./frame.ts";

/** MessageSink takes a whole message. The bytes are its own, and `compressed` is what the prefix said. */
export interface MessageSink {
  onMessage(bytes: Uint8Array, compressed: boolean): void;
}

/**
 * newAssembler makes messages of bytes that belong to somebody else: where a deframer views what it is given, an assembler copies it, so that a message lies
 * in one piece, and lets nothing else live on. A large message ends at a multiple of eight bytes in memory: a tensor's values are mostly the last thing in it, and can then be
 * viewed as numbers. Past maxMessageBytes a message is refused when its prefix has come.
 */
export function newAssembler(sink: MessageSink, options: { readonly maxMessageBytes: number }): Assembler {
  return new Assembler(sink, options.maxMessageBytes);
}

/** A length that is announced and not yet sent is believed up to so many times what has come of the message, and up to here. */
const trustTimes = 64;
const trustBytes = 4 << 20;
/** No message is given less than this, or its whole length. */
const leastBytes = 64 * 1024;
/** From this length on messages are aligned: Node cuts smaller ones from a block of its own. */
const alignedBytes = 4096;
const copyBytes = Buffer.prototype.copy;

class Assembler {
  readonly #sink: MessageSink;
  readonly #maxMessageBytes: number;
  /** The prefix, when it comes in pieces. */
  #prefix: Uint8Array | undefined = undefined;
  #prefixed = 0;
  #compressed = false;
  /** The current message: as large as its length, or as what we believe of it. */
  #message: Buffer = none;
  #length = 0;
  #at = 0;

  constructor(sink: MessageSink, maxMessageBytes: number) {
    this.#sink = sink;
    this.#maxMessageBytes = maxMessageBytes;
  }

  /** inside tells whether a message has begun and not ended. */
  get inside(): boolean {
    return this.#prefixed > 0;
  }

  /** push takes buffer[start, end), and hands on what it completes. Throws Internal for a bad flag, ResourceExhausted past the limit, after the messages before it. */
  push(buffer: Uint8Array, start: number, end: number): void {
    let at = start;
    while (at < end) {
      if (this.#prefixed < prefixBytes) at = this.#takePrefix(buffer, at, end);
      if (this.#prefixed < prefixBytes) return;
      const bytes = Math.min(end - at, this.#length - this.#at);
      if (bytes > 0) this.#take(buffer, at, at + bytes);
      at += bytes;
      if (this.#at === this.#length) this.#deliver();
    }
  }

  /** #takePrefix reads the prefix or a piece of it, and gives where it ends. */
  #takePrefix(buffer: Uint8Array, start: number, end: number): number {
    let prefix: Uint8Array = buffer;
    let from = start;
    let at = start + prefixBytes;
    if (this.#prefixed === 0 && end - start >= prefixBytes) this.#prefixed = prefixBytes;
    else {
      prefix = this.#prefix ??= new Uint8Array(prefixBytes);
      from = 0;
      for (at = start; at < end && this.#prefixed < prefixBytes; ) prefix[this.#prefixed++] = buffer[at++]!;
      if (this.#prefixed < prefixBytes) return at;
    }
    this.#length = messageLength(prefix, from, this.#maxMessageBytes);
    this.#compressed = prefix[from] === 1;
    this.#message = this.#room(Math.min(end - at, this.#length));
    this.#at = 0;
    return at;
  }

  #take(buffer: Uint8Array, start: number, end: number): void {
    const needed = this.#at + end - start;
    if (needed > this.#message.length) {
      const larger = this.#room(needed);
      this.#message.copy(larger, 0, 0, this.#at);
      this.#message = larger;
    }
    copyBytes.call(buffer, this.#message, this.#at, start, end);
    this.#at = needed;
  }

  /** #room gives room for a message of which so many bytes have come. */
  #room(bytes: number): Buffer {
    const length = this.#length;
    const believed = Math.max(leastBytes, Math.min(bytes * trustTimes, Math.max(trustBytes, bytes * 2)));
    if (length < alignedBytes) return Buffer.allocUnsafe(length);
    const pad = -length & 7;
    return Buffer.allocUnsafeSlow(pad + Math.min(length, believed)).subarray(pad);
  }

  /** end throws Internal within a message. */
  end(): void {
    if (this.inside) throw newError(Code.Internal, `stream ended inside a message: ${this.#at} of ${this.#length} bytes came`);
  }

  #deliver(): void {
    const message = this.#message;
    this.#message = none;
    this.#prefixed = 0;
    this.#sink.onMessage(message, this.#compressed);
  }
}
export type { Assembler };

const none = Buffer.alloc(0);

/**
 * letGo gives back the memory of a large message at once: nobody refers to it any more, or to a part of it, and who does all the same finds it empty. Left to the collector, messages
 * of this size cost a collection of all garbage every few dozen of them. A small one, or one that shares its memory, stays as it is.
 */
export function letGo({ buffer, byteLength }: Uint8Array): void {
  const isAlone = buffer.byteLength - byteLength < 8; // less than what aligns it
  if (byteLength >= leastBytes && isAlone) (buffer as Transferable).transfer?.(0);
}

/** Node 20 has no transfer. */
interface Transferable extends ArrayBuffer {
  transfer?(bytes: number): ArrayBuffer;
}
