// Data plane: each byte of a message is copied once, from the connection's read buffer to its place.
import { messageLength, prefixBytes } from "./frame.ts";

/** MessageSink takes a whole message. The bytes are its own, and `compressed` is what the prefix said. */
export interface MessageSink {
  onMessage(bytes: Uint8Array, compressed: boolean): void;
}

/**
 * newAssembler makes messages of bytes that belong to somebody else: where a deframer views what it is given, an assembler copies it, so that a message lies
 * in one piece, and lets nothing else live on. Past maxMessageBytes a message is refused when its prefix has come.
 */
export function newAssembler(sink: MessageSink, options: { readonly maxMessageBytes: number }): Assembler {
  return new Assembler(sink, options.maxMessageBytes);
}

/** A length that is announced and not yet sent is believed up to here. */
const trustBytes = 4 << 20;

class Assembler {
  readonly #sink: MessageSink;
  readonly #maxMessageBytes: number;
  readonly #prefix = Buffer.alloc(prefixBytes);
  #prefixAt = 0;
  #message: Buffer | undefined = undefined; // of the current message, as large as its length or as what we believe of it
  #length = 0;
  #at = 0;

  constructor(sink: MessageSink, maxMessageBytes: number) {
    this.#sink = sink;
    this.#maxMessageBytes = maxMessageBytes;
  }

  /** inside tells whether a message has begun and not ended. */
  get inside(): boolean {
    return this.#prefixAt > 0;
  }

  /** push takes buffer[start, end), and hands on what it completes. Throws Internal for a bad flag, ResourceExhausted past the limit, after the messages before it. */
  push(buffer: Buffer, start: number, end: number): void {
    let at = start;
    while (at < end) {
      if (this.#message === undefined) {
        while (at < end && this.#prefixAt < prefixBytes) this.#prefix[this.#prefixAt++] = buffer[at++]!;
        if (this.#prefixAt < prefixBytes) return;
        this.#length = messageLength(this.#prefix, 0, this.#maxMessageBytes);
        this.#message = Buffer.allocUnsafe(Math.min(this.#length, trustBytes));
        this.#at = 0;
      }
      const bytes = Math.min(end - at, this.#length - this.#at);
      if (bytes > 0) this.#take(buffer, at, at + bytes);
      at += bytes;
      if (this.#at === this.#length) this.#deliver();
    }
  }

  #take(buffer: Buffer, start: number, end: number): void {
    let message = this.#message!;
    const needed = this.#at + end - start;
    if (needed > message.length) {
      const larger = Buffer.allocUnsafe(Math.min(this.#length, Math.max(needed, 2 * message.length)));
      message.copy(larger, 0, 0, this.#at);
      this.#message = message = larger;
    }
    buffer.copy(message, this.#at, start, end);
    this.#at = needed;
  }

  #deliver(): void {
    const message = this.#message!;
    this.#message = undefined;
    this.#prefixAt = 0;
    this.#sink.onMessage(message, this.#prefix[0] === 1);
  }
}
export type { Assembler };
