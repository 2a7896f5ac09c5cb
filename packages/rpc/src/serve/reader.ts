// Data plane. From body bytes to messages: cut, decompressed if asked, handed on one by one as the taker wants them.
import { Code, type Failure, newError, toFailure } from "@tfs/std";
import { decompress } from "../compression.ts";
import { type Message, newDeframer } from "../frame.ts";

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

class Reader {
  readonly #sink: ReaderSink;
  readonly #options: ReaderOptions;
  readonly #cutter: Cutter;
  /** Received while nothing was wanted. */
  readonly #chunks: Chunk[] = [];
  /** Cut and not handed on. */
  #messages: readonly Message[] = none;
  #next = 0;
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
    this.#cutter = options.bare ? newWhole(options) : newEnvelopes(options.maxMessageBytes);
  }

  /** push takes bytes, which it keeps; `wireBytes` of them are owed to the wire. */
  push(bytes: Uint8Array, wireBytes: number): void {
    if (this.#over) return void this.#sink.credit(wireBytes);
    this.#chunks.push({ bytes, wireBytes });
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
    this.#messages = none;
    this.#next = 0;
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
    else if (this.#messages.length > 0)
      this.#take(this.#cutter.push(noBytes)); // what is wrong behind them shows now
    else if (this.#chunks.length > 0) {
      const { bytes, wireBytes } = this.#chunks.shift()!;
      this.#sink.credit(wireBytes);
      this.#take(this.#cutter.push(bytes));
    } else if (!this.#ended) return false;
    else if (!this.#cutAll) {
      this.#cutAll = true;
      this.#take(this.#cutter.end());
    } else {
      this.#sink.onLast();
      this.#over = true;
    }
    return true;
  }

  #take(messages: readonly Message[]): void {
    this.#messages = messages;
    this.#next = 0;
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

const none: readonly Message[] = [];
const noBytes = new Uint8Array(0);

/** Cutter finds messages in a body. */
interface Cutter {
  push(chunk: Uint8Array): readonly Message[];
  /** end gives what the end of the body completes. */
  end(): readonly Message[];
}

function newEnvelopes(maxMessageBytes: number): Cutter {
  const deframer = newDeframer({ maxMessageBytes, late: true });
  return {
    push: (chunk) => deframer.push(chunk),
    end() {
      deframer.end();
      return none;
    },
  };
}

/** newWhole takes the body for one message. */
function newWhole({ maxMessageBytes, encoding }: ReaderOptions): Cutter {
  const parts: Uint8Array[] = [];
  let size = 0;
  return {
    push(chunk) {
      size += chunk.length;
      if (size > maxMessageBytes) throw newError(Code.ResourceExhausted, `message is larger than the limit of ${maxMessageBytes} bytes`);
      parts.push(chunk);
      return none;
    },
    end: () => [{ bytes: parts.length === 1 ? parts[0]! : Buffer.concat(parts, size), compressed: encoding !== undefined && encoding !== "identity" }],
  };
}
