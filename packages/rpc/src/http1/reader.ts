// Data plane. Heads one after the other on one connection, most of them like the one before: what is the same is not read again.
import type { Field } from "../fields.ts";
import { type Head, readHead } from "./head.ts";
import { type Lines, newLines } from "./lines.ts";
import { refusal } from "./refusal.ts";
import { type RequestLine, scanField, scanRequestLine } from "./scan.ts";

/** newHeadReader makes a reader of request heads of at most `maxBytes`. */
export function newHeadReader(maxBytes: number, encrypted: boolean): HeadReader {
  return new HeadReader(maxBytes, encrypted);
}

/** A head up to this size is remembered; every connection holds one. */
const maxRememberedBytes = 4096;

class HeadReader {
  readonly #lines: Lines;
  readonly #encrypted: boolean;
  /** head is the one that was read last. */
  head: Head | undefined = undefined;
  /** The bytes of `head`, or none. Where its lines begin and end in them, and what they mean, is in #before. */
  #bytes: Buffer = Buffer.alloc(0);
  #before: Memory = { start: undefined, fields: [], from: [], to: [] };
  #now: Memory = { start: undefined, fields: [], from: [], to: [] };
  #index = 0;
  #skipped = false;

  constructor(maxBytes: number, encrypted: boolean) {
    this.#lines = newLines(this, { maxBytes, requestLine: true });
    this.#encrypted = encrypted;
  }

  /** begun tells that some of a head has come. */
  get begun(): boolean {
    return this.#lines.size > 0;
  }

  /** read takes a head out of buffer[start, end) and gives the offset behind it, with `head` set; or -1 if more is needed: then all bytes are taken. Throws a Refusal. */
  read(buffer: Buffer, start: number, end: number): number {
    if (!this.begun) {
      const size = this.#bytes.length;
      if (size > 0 && end - start >= size && this.#bytes.compare(buffer, start, start + size) === 0) {
        this.#skipped = false;
        return start + size;
      }
    }
    const lines = this.#lines;
    let from = start;
    for (;;) {
      const at = lines.read(buffer, from, end);
      if (at < 0) return -1;
      if (lines.count > 0) {
        this.#complete(buffer, from, at);
        return at;
      }
      // An empty line before a request is an old client's end of the last body (RFC 9112, section 2.2). One.
      if (this.#skipped) throw refusal(400, "empty lines before the request line");
      this.#skipped = true;
      lines.reset();
      if (at === end) return -1;
      from = at;
    }
  }

  /** line is for lines.ts. */
  line(buffer: Buffer, from: number, to: number): void {
    const now = this.#now;
    const before = this.#before;
    const index = this.#index++;
    now.from.push(from);
    now.to.push(to);
    const known = this.#isKnown(before, index, buffer, from, to);
    if (index === 0) now.start = known ? before.start : scanRequestLine(buffer, from, to);
    else now.fields.push(known ? before.fields[index - 1]! : scanField(buffer, from, to));
  }

  #isKnown(before: Memory, index: number, buffer: Buffer, from: number, to: number): boolean {
    const bytes = this.#bytes;
    if (bytes.length === 0 || index >= before.from.length) return false;
    let at = before.from[index]!;
    if (before.to[index]! - at !== to - from) return false;
    for (let i = from; i < to; i++) if (buffer[i] !== bytes[at++]) return false;
    return true;
  }

  #complete(buffer: Buffer, start: number, end: number): void {
    const now = this.#now;
    this.head = readHead(now.start!, now.fields, this.#encrypted, this.head);
    const size = end - start;
    if (!this.#lines.whole || size > maxRememberedBytes) {
      this.#bytes = nothing;
    } else {
      if (this.#bytes.length !== size) this.#bytes = Buffer.allocUnsafeSlow(size);
      buffer.copy(this.#bytes, 0, start, end);
      for (let i = 0; i < now.from.length; i++) {
        now.from[i]! -= start;
        now.to[i]! -= start;
      }
    }
    this.#now = this.#before;
    this.#before = now;
    this.#now.fields.length = this.#now.from.length = this.#now.to.length = 0;
    this.#index = 0;
    this.#skipped = false;
    this.#lines.reset();
  }
}
export type { HeadReader };

const nothing: Buffer = Buffer.alloc(0);

interface Memory {
  start: RequestLine | undefined;
  readonly fields: Field[];
  readonly from: number[];
  readonly to: number[];
}
