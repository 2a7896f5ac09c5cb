// Data plane. From body bytes to messages: copied once, from where they were read to their place; decompressed if asked, handed on one by one as the taker wants them.
import { Code, type Failure, newError, toFailure } from "@tfs/std";
import { type MessageSink, newAssembler } from "../assembler.ts";
import { decompress } from "../compression.ts";
import type { Message } from "../frame.ts";

/** ReaderSink is who a reader works for. */
export interface ReaderSink {
  /** A message, the sink's to keep. False holds back what follows until resume. Nothing comes after onFault. */
  onMessage(bytes: Uint8Array, compressed: boolean): boolean;
  /** All messages were given. */
  onLast(): void;
  /** The body cannot be read, or a message is too large. */
  onFault(failure: Failure): void;
  /** So many bytes of the wire are done with, so that as many may follow. */
  credit(bytes: number): void;
}

export interface ReaderOptions {
  /** maxMessageBytes bounds one message, before and after it is decompressed. */
  readonly maxMessageBytes: number;
  /** bare: the body is one message, without an envelope. */
  readonly bare: boolean;
  /** encoding is the stream's; undefined if it named none. */
  readonly encoding: string | undefined;
  /** plain: messages are decompressed; otherwise they are handed on as they came, and `compressed` tells. */
  readonly plain: boolean;
}

/** newReader makes a reader. It holds at most one message, and beside it what the wire has credit for. */
export function newReader(sink: ReaderSink, options: ReaderOptions): Reader {
  return new Reader(sink, options);
}

interface Chunk {
  readonly bytes: Uint8Array;
  readonly wireBytes: number;
}

class Reader implements MessageSink {
  readonly #sink: ReaderSink;
  readonly #options: ReaderOptions;
  readonly #cutter: Cutter;
  /** Received while nothing was wanted. */
  readonly #chunks: Chunk[] = [];
  /** Cut and not handed on. */
  readonly #messages: Message[] = [];
  #next = 0;
  /** What is wrong behind them. */
  #wrong: unknown = undefined;
  /** A message that had to be decompressed. */
  #plain: Uint8Array | undefined = undefined;
  #held = false;
  #busy = false;
  #running = false;
  #ended = false;
  #cutAll = false;
  #over = false;

  constructor(sink: ReaderSink, options: ReaderOptions) {
    this.#sink = sink;
    this.#options = options;
    this.#cutter = options.bare ? newWhole(this, options) : newAssembler(this, options);
  }

  /** push takes buffer[start, end), of which it keeps nothing; `wireBytes` are owed to the wire for them. */
  push(buffer: Uint8Array, start: number, end: number, wireBytes: number): void {
    if (this.#over) return void this.#sink.credit(wireBytes);
    const waits = this.#held || this.#busy || this.#running || this.#chunks.length > 0;
    if (waits) this.#chunks.push({ bytes: Uint8Array.prototype.slice.call(buffer, start, end), wireBytes });
    else this.#cut(buffer, start, end, wireBytes);
    this.#run();
  }

  /** end: nothing more will come. */
  end(): void {
    this.#ended = true;
    this.#run();
  }

  /** resume asks for more after a false. */
  resume(): void {
    this.#held = false;
    this.#run();
  }

  /** stop drops everything. */
  stop(): void {
    this.#over = true;
    this.#messages.length = this.#next = 0;
    for (const { wireBytes } of this.#chunks.splice(0)) this.#sink.credit(wireBytes);
  }

  #run(): void {
    if (this.#running) return; // a sink that resumes from within onMessage
    this.#running = true;
    try {
      while (!this.#held && !this.#busy && !this.#over && this.#step()) {}
    } catch (err) {
      this.#fault(err);
    } finally {
      this.#running = false;
    }
  }

  /** #step does the next thing; false if there is none. */
  #step(): boolean {
    if (this.#plain !== undefined) {
      const plain = this.#plain;
      this.#plain = undefined;
      this.#held = !this.#sink.onMessage(plain, false);
    } else if (this.#next < this.#messages.length) this.#hand(this.#messages[this.#next++]!);
    else if (this.#wrong !== undefined) throw this.#wrong;
    else if (this.#chunks.length > 0) {
      const { bytes, wireBytes } = this.#chunks.shift()!;
      this.#cut(bytes, 0, bytes.length, wireBytes);
    } else if (!this.#ended) return false;
    else if (!this.#cutAll) {
      this.#cutAll = true;
      this.#cutter.end();
    } else {
      this.#sink.onLast();
      this.#over = true;
    }
    return true;
  }

  #cut(buffer: Uint8Array, start: number, end: number, wireBytes: number): void {
    this.#sink.credit(wireBytes);
    try {
      this.#cutter.push(buffer, start, end);
    } catch (err) {
      this.#wrong = err;
    }
  }

  /** onMessage is the cutter's. */
  onMessage(bytes: Uint8Array, compressed: boolean): void {
    if (this.#next === this.#messages.length) this.#messages.length = this.#next = 0;
    this.#messages.push({ bytes, compressed });
  }

  #hand(message: Message): void {
    const { plain, encoding, maxMessageBytes } = this.#options;
    const { bytes, compressed } = message;
    if (!plain || !compressed || bytes.length === 0) {
      this.#held = !this.#sink.onMessage(bytes, compressed && bytes.length > 0); // nothing is the same, compressed or not
      return;
    }
    this.#busy = true;
    decompress(message, encoding, maxMessageBytes).then(
      (decompressed) => {
        this.#busy = false;
        this.#plain = decompressed;
        this.#run();
      },
      (err: unknown) => {
        this.#busy = false;
        this.#fault(err);
      },
    );
  }

  #fault(err: unknown): void {
    if (this.#over) return;
    this.stop();
    this.#sink.onFault(toFailure(err));
  }
}
export type { Reader };

/** Cutter finds messages in a body, and keeps nothing of what it is given. */
interface Cutter {
  push(buffer: Uint8Array, start: number, end: number): void;
  /** end gives what the end of the body completes. */
  end(): void;
}

/** newWhole takes the body for one message. */
function newWhole(sink: MessageSink, { maxMessageBytes, encoding }: ReaderOptions): Cutter {
  const parts: Uint8Array[] = [];
  let size = 0;
  return {
    push(buffer, start, end) {
      size += end - start;
      if (size > maxMessageBytes) throw newError(Code.ResourceExhausted, `message is larger than the limit of ${maxMessageBytes} bytes`);
      parts.push(Uint8Array.prototype.slice.call(buffer, start, end));
    },
    end: () => sink.onMessage(parts.length === 1 ? parts[0]! : Buffer.concat(parts, size), encoding !== undefined && encoding !== "identity"),
  };
}
