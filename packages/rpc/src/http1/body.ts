// Data plane. Chunked bodies: RFC 9112, section 7.1, to the letter.
import { isTokenCode } from "../field_text.ts";
import { type Field, type Fields, newFields } from "../fields.ts";
import { type Lines, newLines } from "./lines.ts";
import { refusal } from "./refusal.ts";
import { scanField } from "./scan.ts";

/** ChunkSink takes a chunk's bytes as they come: buffer[start, end), valid during the call. */
export interface ChunkSink {
  data(buffer: Buffer, start: number, end: number): void;
}

/** newChunks makes a decoder of chunked bodies, one after the other; trailers may have `maxTrailerBytes`. */
export function newChunks(sink: ChunkSink, maxTrailerBytes: number): Chunks {
  return new Chunks(sink, maxTrailerBytes);
}

/** Hexadecimal digits of a size: as many as a double counts exactly, with room for leading zeros. */
const maxSizeDigits = 12;
/** Extension bytes of a whole body. They mean nothing to us, and cost a stranger nothing to send. */
const maxExtensionBytes = 4096;

const at = {
  sizeStart: 0,
  size: 1,
  extensionName: 2,
  extensionNameMore: 3,
  extensionValue: 4,
  extensionToken: 5,
  extensionQuoted: 6,
  extensionEscaped: 7,
  extensionEnd: 8,
  sizeEnd: 9,
  data: 10,
  dataCr: 11,
  dataLf: 12,
  trailers: 13,
} as const;
type At = (typeof at)[keyof typeof at];

const tab = 9;
const lf = 10;
const cr = 13;
const space = 32;
const quote = 34;
const semicolon = 59;
const equals = 61;
const backslash = 92;
const del = 127;

/** Fields that decide where a message ends or whom it is for must not come behind it (RFC 9110, section 6.5.1). */
const neverTrailers: ReadonlySet<string> = new Set(["content-length", "transfer-encoding", "host", "connection", "te", "trailer", "expect", "upgrade"]);

class Chunks {
  readonly #sink: ChunkSink;
  readonly #trailers: Lines;
  #at: At = at.sizeStart;
  #left = 0;
  #digits = 0;
  #extensionBytes = 0;
  #fields: Field[] = [];

  constructor(sink: ChunkSink, maxTrailerBytes: number) {
    this.#sink = sink;
    this.#trailers = newLines(this, { maxBytes: maxTrailerBytes, requestLine: false });
  }

  /** begin makes it ready for a body. */
  begin(): void {
    this.#at = at.sizeStart;
    this.#left = 0;
    this.#digits = 0;
    this.#extensionBytes = 0;
    if (this.#fields.length > 0) this.#fields = [];
    this.#trailers.reset();
  }

  /** trailers of the body that was read. */
  get trailers(): Fields | undefined {
    return this.#fields.length === 0 ? undefined : newFields(this.#fields);
  }

  /** read takes buffer[start, end) as far as the body goes, hands its data on, and gives the offset behind it, or -1 if more is needed: then all bytes are taken. Throws a Refusal. */
  read(buffer: Buffer, start: number, end: number): number {
    let i = start;
    while (i < end) {
      if (this.#at === at.trailers) return this.#trailers.read(buffer, i, end);
      if (this.#at === at.data) {
        const to = Math.min(end, i + this.#left);
        this.#left -= to - i;
        if (this.#left === 0) this.#at = at.dataCr;
        this.#sink.data(buffer, i, to);
        i = to;
      } else {
        this.#at = this.#step(this.#at, buffer[i]!);
        i++;
      }
    }
    return -1;
  }

  /** line is for lines.ts. */
  line(buffer: Buffer, from: number, to: number): void {
    const field = scanField(buffer, from, to);
    if (neverTrailers.has(field.name)) throw refusal(400, `${field.name} among the trailers`);
    this.#fields.push(field);
  }

  /** #step takes one byte of what stands between data. */
  #step(state: At, byte: number): At {
    switch (state) {
      case at.sizeStart:
      case at.size: {
        const digit = hexDigit(byte);
        if (digit >= 0) return this.#digit(digit);
        if (state === at.sizeStart) throw refusal(400, "a chunk without a size");
        if (byte === cr) return at.sizeEnd;
        if (byte === semicolon) return at.extensionName;
        throw refusal(400, "a chunk size that is not a number");
      }
      case at.sizeEnd:
        if (byte !== lf) throw refusal(400, "a carriage return without a line feed in a chunk size");
        this.#digits = 0;
        return this.#left === 0 ? at.trailers : at.data;
      case at.dataCr:
        if (byte !== cr) throw refusal(400, "a chunk longer than its size");
        return at.dataLf;
      case at.dataLf:
        if (byte !== lf) throw refusal(400, "a chunk longer than its size");
        return at.sizeStart;
      default:
        return this.#extension(state, byte);
    }
  }

  #digit(digit: number): At {
    if (++this.#digits > maxSizeDigits) throw refusal(400, "a chunk size with too many digits");
    this.#left = this.#left * 16 + digit;
    return at.size;
  }

  #extension(state: At, byte: number): At {
    if (++this.#extensionBytes > maxExtensionBytes) throw refusal(400, `more than ${maxExtensionBytes} bytes of chunk extensions`);
    const token = isTokenCode(byte);
    switch (state) {
      case at.extensionName:
        if (token) return at.extensionNameMore;
        break;
      case at.extensionNameMore:
        if (token) return state;
        if (byte === equals) return at.extensionValue;
        return extensionEnd(byte);
      case at.extensionValue:
        if (token) return at.extensionToken;
        if (byte === quote) return at.extensionQuoted;
        break;
      case at.extensionToken:
        return token ? state : extensionEnd(byte);
      case at.extensionQuoted:
        if (byte === quote) return at.extensionEnd;
        if (byte === backslash) return at.extensionEscaped;
        if (isText(byte)) return state;
        break;
      case at.extensionEscaped:
        if (isText(byte)) return at.extensionQuoted;
        break;
      default:
        return extensionEnd(byte);
    }
    throw refusal(400, "a chunk extension that is not a name with or without a value");
  }
}
export type { Chunks };

function extensionEnd(byte: number): At {
  if (byte === semicolon) return at.extensionName;
  if (byte === cr) return at.sizeEnd;
  throw refusal(400, "a chunk extension that is not a name with or without a value");
}

function isText(byte: number): boolean {
  return byte === tab || (byte >= space && byte !== del);
}

function hexDigit(byte: number): number {
  if (byte >= 48 && byte <= 57) return byte - 48;
  const letter = byte | 32;
  return letter >= 97 && letter <= 102 ? letter - 87 : -1;
}
