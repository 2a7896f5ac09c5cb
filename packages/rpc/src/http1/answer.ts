// Data plane. One answer after the other on one connection. What a handler says within one turn leaves in one write.
import type { Fields } from "../fields.ts";
import type { Output } from "../output.ts";
import type { Head } from "./head.ts";
import { type Printed, type Printer, printTrailers } from "./print.ts";

/** newAnswer makes the sending side of a connection. `keepAliveMs` is promised to clients. */
export function newAnswer(output: Output, printer: Printer, keepAliveMs: number): Answer {
  return new Answer(output, printer, keepAliveMs);
}

/** Up to this size an answer is put together in one buffer; above it, copying costs more than a list of buffers. */
const joinBytes = 32 * 1024;
/** So many bytes are not held back for the end of the turn. */
const holdBytes = 64 * 1024;

class Answer {
  readonly #output: Output;
  readonly #printer: Printer;
  readonly #kept: string;
  #head: Head | undefined = undefined;
  #printed: Printed | undefined = undefined;
  #pieces: Uint8Array[] = [];
  #bytes = 0;
  #chunked = false;
  /** Bytes that a given content-length still asks for; -1 if there is none. */
  #owed = -1;
  /** started: the head is on its way. */
  started = false;
  /** blocked: the peer reads more slowly than we write; the connection clears it. */
  blocked = false;

  constructor(output: Output, printer: Printer, keepAliveMs: number) {
    this.#output = output;
    this.#printer = printer;
    this.#kept = `connection: keep-alive\r\nkeep-alive: timeout=${Math.floor(keepAliveMs / 1000)}\r\n`;
  }

  /** begin makes it ready to answer this request. */
  begin(head: Head): void {
    this.#head = head;
    this.#printed = undefined;
    this.#drop();
    this.#chunked = false;
    this.#owed = -1;
    this.started = false;
  }

  /** respond takes the fields. It gives the fault that keeps them from being sent. */
  respond(fields: Fields): string | undefined {
    const printed = this.#printer.print(fields);
    if (printed.fault !== undefined) return printed.fault;
    this.#printed = printed;
    return undefined;
  }

  /** write takes body bytes; true says that flush should not wait. */
  write(bytes: Uint8Array): boolean {
    if (bytes.length === 0 || this.#bodiless) return false;
    this.#pieces.push(bytes);
    this.#bytes += bytes.length;
    return this.#bytes >= holdBytes;
  }

  /** flush sends what there is, as more is to come. It gives a fault if that is more than the handler announced. */
  flush(close: boolean): string | undefined {
    if (this.#printed === undefined || (this.started && this.#bytes === 0)) return undefined;
    const owed = this.started ? this.#owed : this.#printed.length;
    if (owed >= 0 && owed < this.#bytes) return "more body than content-length says";
    let before = this.started ? "" : this.#open(-1, close, false);
    let after = "";
    if (owed >= 0) this.#owed = owed - this.#bytes;
    if (this.#chunked && this.#bytes > 0) {
      before += `${this.#bytes.toString(16)}\r\n`;
      after = "\r\n";
    }
    this.#send(before, after);
    return undefined;
  }

  /** end sends the rest. It gives a fault if the body is not as long as the handler announced. */
  end(trailers: Fields | undefined, close: boolean): string | undefined {
    const wanted = trailers !== undefined && this.#head!.trailers;
    const owed = this.started ? this.#owed : this.#printed!.length;
    if (owed >= 0 && owed !== this.#bytes && !this.#bodiless) return "less or more body than content-length says";
    if (!this.started && owed < 0 && !close && !wanted && this.#bytes <= joinBytes && !this.#bodiless) {
      this.#sendWhole();
      return undefined;
    }
    let before = this.started ? "" : this.#open(this.#bytes, close, wanted);
    let after = "";
    if (this.#chunked) {
      if (this.#bytes > 0) {
        before += `${this.#bytes.toString(16)}\r\n`;
        after = "\r\n";
      }
      after += `0\r\n${wanted ? printTrailers(trailers) : ""}\r\n`;
    }
    this.#send(before, after);
    return undefined;
  }

  /** bare sends a whole answer of a few bytes that no handler gave, and says that the connection closes. */
  bare(status: string, text: string): void {
    this.#drop();
    this.started = true;
    const body = text === "" ? "" : `content-type: text/plain\r\n`;
    this.#send(`HTTP/1.1 ${status}\r\n${body}${this.#printer.date}content-length: ${text.length}\r\nconnection: close\r\n\r\n${text}`, "");
  }

  /** goOn sends 100 (Continue). */
  goOn(): void {
    this.#output.write(Buffer.from("HTTP/1.1 100 Continue\r\n\r\n", "latin1"));
  }

  get #bodiless(): boolean {
    const status = this.#printed!.status;
    return this.#head!.headOnly || status === 204 || status === 304;
  }

  /** #open gives the head as text and decides how the body's end is told (RFC 9112, section 6.3). `total` is the body's length, -1 if that is not known. */
  #open(total: number, close: boolean, trailers: boolean): string {
    this.started = true;
    const printed = this.#printed!;
    const { headOnly, http10 } = this.#head!;
    const text = printed.text + this.#printer.date + (close ? "connection: close\r\n" : this.#kept);
    if (printed.status === 204) return `${text}\r\n`;
    if (printed.length >= 0) return `${text}content-length: ${printed.length}\r\n\r\n`;
    if (headOnly || printed.status === 304) return `${text}\r\n`;
    if (total >= 0 && !trailers) return `${text}content-length: ${total}\r\n\r\n`;
    if (http10) return `${text}\r\n`; // the closed connection ends it
    this.#chunked = true;
    return `${text}transfer-encoding: chunked\r\n\r\n`;
  }

  /** #sendWhole sends an answer of known length in one piece: all of its head but the length lies ready. */
  #sendWhole(): void {
    this.started = true;
    const head = this.#printer.whole(this.#printed!, this.#kept);
    const rest = `${this.#printed!.more}content-length: ${this.#bytes}\r\n\r\n`;
    const all = Buffer.allocUnsafe(head.length + rest.length + this.#bytes);
    all.set(head, 0);
    let at = head.length;
    for (let i = 0; i < rest.length; i++) all[at++] = rest.charCodeAt(i);
    const pieces = this.#pieces;
    for (let i = 0; i < pieces.length; i++) {
      all.set(pieces[i]!, at);
      at += pieces[i]!.length;
    }
    this.#pass(all);
    this.#drop();
  }

  #send(before: string, after: string): void {
    const size = before.length + this.#bytes + after.length;
    const pieces = this.#pieces;
    if (size === 0) return;
    if (size <= joinBytes) {
      const all = Buffer.allocUnsafe(size);
      let at = all.write(before, "latin1");
      for (let i = 0; i < pieces.length; i++) {
        all.set(pieces[i]!, at);
        at += pieces[i]!.length;
      }
      if (after !== "") all.write(after, at, "latin1");
      this.#pass(all);
    } else {
      const all: Uint8Array[] = [];
      if (before !== "") all.push(Buffer.from(before, "latin1"));
      for (let i = 0; i < pieces.length; i++) all.push(pieces[i]!);
      if (after !== "") all.push(Buffer.from(after, "latin1"));
      this.#output.writeAll(all);
      this.#look();
    }
    this.#drop();
  }

  #pass(all: Uint8Array): void {
    this.#output.write(all);
    this.#look();
  }

  /** #look tells whether to wait for the peer. */
  #look(): void {
    if (this.#output.unsent >= holdBytes) this.blocked = true;
  }

  #drop(): void {
    while (this.#pieces.length > 0) this.#pieces.pop(); // most often one: setting the length would cost more
    this.#bytes = 0;
  }
}
export type { Answer };
