// Data plane. The one place where bytes become lines: nothing behind it sees a control character, a bare CR or a bare LF.
import { refusal } from "./refusal.ts";

/** LineSink takes lines in turn: buffer[from, to), without the CR LF, valid during the call. */
export interface LineSink {
  line(buffer: Buffer, from: number, to: number): void;
}

export interface LinesOptions {
  /** Bound of a section, line ends included. */
  readonly maxBytes: number;
  /** requestLine tells that a section begins with one: if that alone passes the bound, the status is 414. */
  readonly requestLine: boolean;
}

/** newLines makes a reader of sections of lines that end with an empty one: request heads and trailers (RFC 9112, sections 2.1 and 7.1.2). */
export function newLines(sink: LineSink, options: LinesOptions): Lines {
  return new Lines(sink, options);
}

const tab = 9;
const lf = 10;
const cr = 13;
const space = 32;
const del = 127;
const firstKeptBytes = 256;
/** At most so many lines, because a field costs more memory than its bytes. */
const maxLines = 256;

class Lines {
  readonly #sink: LineSink;
  readonly #maxBytes: number;
  readonly #requestLine: boolean;
  /** What has come of a line whose end has not. */
  #kept: Buffer | undefined = undefined;
  #keptBytes = 0;
  /** size counts the bytes of the section so far; 0 means that it has not begun. */
  size = 0;
  /** count is how many lines the sink was given. */
  count = 0;
  /** whole tells whether the section lay in one buffer. */
  whole = true;

  constructor(sink: LineSink, options: LinesOptions) {
    this.#sink = sink;
    this.#maxBytes = options.maxBytes;
    this.#requestLine = options.requestLine;
  }

  /** reset makes it ready for another section. */
  reset(): void {
    this.#kept = undefined;
    this.#keptBytes = 0;
    this.size = 0;
    this.count = 0;
    this.whole = true;
  }

  /**
   * read takes buffer[start, end) as far as the section goes and gives the offset behind it, or -1 if more is needed: then all bytes are taken. Each byte is
   * looked at a fixed number of times, however it is cut. Throws a Refusal: 400, or past the bound 414 within the first line and 431 after it.
   */
  read(buffer: Buffer, start: number, end: number): number {
    let at = start;
    while (at < end) {
      let to = lineFeed(buffer, at, end);
      const next = Math.min(to + 1, end);
      this.#measure(next - at);
      if (to === end) {
        this.#keep(buffer, at, end);
        return -1;
      }
      let [line, from] = [buffer, at];
      if (this.#keptBytes > 0) {
        this.#keep(buffer, at, next);
        line = this.#kept!;
        from = 0;
        to = this.#keptBytes - 1;
        this.#keptBytes = 0;
        lineFeed(line, 0, to); // a CR that came last before
      }
      if (to === from || line[to - 1] !== cr) throw refusal(400, "a line ends with a line feed alone");
      at = next;
      if (to - 1 === from) return at;
      if (++this.count > maxLines) throw refusal(431, `more than ${maxLines} fields`);
      this.#sink.line(line, from, to - 1);
    }
    this.whole = false;
    return -1;
  }

  #measure(bytes: number): void {
    this.size += bytes;
    if (this.size <= this.#maxBytes) return;
    throw this.#requestLine && this.count === 0
      ? refusal(414, `the request line is longer than ${this.#maxBytes} bytes`)
      : refusal(431, `the fields are longer than ${this.#maxBytes} bytes`);
  }

  #keep(buffer: Buffer, from: number, to: number): void {
    this.whole = false;
    const size = this.#keptBytes + to - from;
    if (this.#kept === undefined || this.#kept.length < size) {
      const larger = Buffer.allocUnsafeSlow(Math.max(firstKeptBytes, 2 * size));
      this.#kept?.copy(larger, 0, 0, this.#keptBytes);
      this.#kept = larger;
    }
    buffer.copy(this.#kept, this.#keptBytes, from, to);
    this.#keptBytes = size;
  }
}
export type { Lines };

/** lineFeed gives the offset of the first LF, or end; on the way it refuses what no line may hold (RFC 9110, section 5.5; RFC 9112, section 2.2). */
function lineFeed(buffer: Buffer, start: number, end: number): number {
  for (let i = start; i < end; i++) {
    const byte = buffer[i]!;
    if (byte >= space) {
      if (byte === del) throw refusal(400, "a control character in the head");
      continue;
    }
    if (byte === lf) return i;
    if (byte === tab) continue;
    if (byte !== cr) throw refusal(400, "a control character in the head");
    if (i + 1 < end && buffer[i + 1] !== lf) throw refusal(400, "a carriage return without a line feed");
  }
  return end;
}
