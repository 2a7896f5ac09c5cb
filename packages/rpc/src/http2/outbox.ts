// Data plane. Frames are laid into one buffer, or left where they were read; a flush hands everything on in one write.
import { reads, shortWrites, writes } from "../buffers.ts";
import { encodeTableSize } from "../hpack/index.ts";
import type { Output } from "../output.ts";
import { flag, frame, frameBytes, headBytes, putHead, putUint32 } from "./frame.ts";

/** We use no table, and say so once: then a peer that lowers its limit need not be told again (RFC 7541, section 4.2). */
const noTable = encodeTableSize(0);
/** Payloads up to this size are copied: cheaper than one more piece in a write. */
const copiedBytes = 2048;
/** Node's own takes half as long as a loop over a hundred bytes, and needs no view of them. */
const copyBytes = Buffer.prototype.copy;

/** newOutbox makes an empty one. Nothing is written before there is an output. */
export function newOutbox(): Outbox {
  return new Outbox();
}

/** Loan is a read buffer that is needed until so many bytes have been sent in all. */
interface Loan {
  readonly buffer: Buffer;
  readonly until: number;
}

/** Read buffers that one connection waits for; past it they are left to the collector. */
const loansMax = 64;

class Outbox {
  output: Output | undefined = undefined;
  /** holding: not all that was flushed had left; what it lies in is referred to. */
  holding = false;
  /** dataFrames is how many were written; it only grows. */
  dataFrames = 0;
  #buffer: Buffer | undefined = undefined;
  /** [start, end) of the buffer is written and not yet among the pieces. */
  #start = 0;
  #end = 0;
  #pieces: Uint8Array[] = [];
  /** The buffers before this one that the pieces lie in. */
  #used: Buffer[] = [];
  /** The last piece while it can still grow: bytes [from, to) of a foreign buffer, where frames lie one behind the other. */
  #foreign: Buffer | undefined = undefined;
  #from = 0;
  #to = 0;
  #sized = false;
  /** The flush before wrote more than a small buffer holds: most likely this one will too. */
  #much = false;
  /** Bytes handed to the socket so far. */
  #handed = 0;
  readonly #loans: Loan[] = [];

  /** headers writes a header block, split if it is larger than a frame. The first tailBytes of `tail` go behind it, as part of the block. */
  headers(stream: number, block: Uint8Array, end: boolean, tail: Uint8Array = block, tailBytes = 0): void {
    if (!this.#sized) {
      this.#sized = true;
      this.headers(stream, Buffer.concat([noTable, block]), end, tail, tailBytes);
      return;
    }
    const flags = end ? flag.endStream : 0;
    const length = block.length + tailBytes;
    if (length <= frameBytes) {
      this.#frame(length, frame.headers, flags | flag.endHeaders, stream);
      this.#bytes(block, 0, block.length);
      if (tailBytes > 0) this.#bytes(tail, 0, tailBytes);
      return;
    }
    this.#long(stream, tailBytes === 0 ? block : Buffer.concat([block, tail.subarray(0, tailBytes)]), flags);
  }

  #long(stream: number, block: Uint8Array, flags: number): void {
    for (let at = 0; at < block.length; at += frameBytes) {
      const length = Math.min(frameBytes, block.length - at);
      const last = at + length === block.length ? flag.endHeaders : 0;
      this.#frame(length, at === 0 ? frame.headers : frame.continuation, (at === 0 ? flags : 0) | last, stream);
      this.#bytes(block, at, at + length);
    }
  }

  /** data writes one DATA frame of source[start, end). Gives whether the source is still needed: small payloads are copied, large ones must stay as they are until they have left. */
  data(stream: number, source: Uint8Array, start: number, end: number, last: boolean): boolean {
    this.dataFrames++;
    const length = end - start;
    if (length <= copiedBytes) {
      this.#frame(length, frame.data, last ? flag.endStream : 0, stream);
      this.#bytes(source, start, end);
      return false;
    }
    this.#room(headBytes);
    this.#end = putHead(this.#buffer!, this.#end, length, frame.data, last ? flag.endStream : 0, stream);
    this.#cut();
    this.#pieces.push(source.subarray(start, end));
    return true;
  }

  /**
   * dataInPlace writes one DATA frame of source[start, end), whose header is laid over the nine bytes in front of it. Gives whether the source is still needed:
   * small payloads are copied.
   */
  dataInPlace(stream: number, source: Buffer, start: number, end: number, last: boolean): boolean {
    this.dataFrames++;
    const length = end - start;
    if (length <= copiedBytes) {
      this.#frame(length, frame.data, last ? flag.endStream : 0, stream);
      this.#bytes(source, start, end);
      return false;
    }
    const head = start - headBytes;
    putHead(source, head, length, frame.data, last ? flag.endStream : 0, stream);
    if (this.#foreign === source && this.#to === head) {
      this.#to = end;
      return true;
    }
    this.#cut();
    this.#foreign = source;
    this.#from = head;
    this.#to = end;
    return true;
  }

  reset(stream: number, code: number): void {
    this.#frame(4, frame.reset, 0, stream);
    this.#end = putUint32(this.#buffer!, this.#end, code);
  }

  window(stream: number, increment: number): void {
    this.#frame(4, frame.window, 0, stream);
    this.#end = putUint32(this.#buffer!, this.#end, increment);
  }

  /** settings writes pairs of parameter and value. */
  settings(pairs: readonly (readonly [id: number, value: number])[]): void {
    this.#frame(pairs.length * 6, frame.settings, 0, 0);
    for (const [id, value] of pairs) {
      this.#buffer![this.#end] = id >> 8;
      this.#buffer![this.#end + 1] = id;
      this.#end = putUint32(this.#buffer!, this.#end + 2, value);
    }
  }

  settingsAck(): void {
    this.#frame(0, frame.settings, flag.ack, 0);
  }

  /** ping writes a PING or its answer with source[start, start + 8). */
  ping(source: Uint8Array, start: number, ack: boolean): void {
    this.#frame(8, frame.ping, ack ? flag.ack : 0, 0);
    this.#bytes(source, start, start + 8);
  }

  goaway(last: number, code: number): void {
    this.#frame(8, frame.goaway, 0, 0);
    this.#end = putUint32(this.#buffer!, putUint32(this.#buffer!, this.#end, last), code);
  }

  /** raw writes bytes that are no frame: the client's preface. */
  raw(bytes: Uint8Array): void {
    this.#room(bytes.length);
    this.#bytes(bytes, 0, bytes.length);
  }

  /** flush hands everything on. */
  flush(): void {
    const { output } = this;
    if (output === undefined) return;
    const last = this.#open();
    if (this.#pieces.length > 0) this.#writeAll(output, last);
    else if (last !== undefined) this.#write(output, last);
    else return;
    if (this.#loans.length > 0) this.#settle(output);
    this.holding = output.unsent > 0;
    const buffer = this.#buffer;
    const used = this.#used;
    if (buffer !== undefined) this.#much = used.length > 0 || this.#end > shortWrites.sizeBytes;
    this.#buffer = undefined;
    this.#start = this.#end = 0;
    if (used.length > 0) this.#used = [];
    if (this.holding) return; // what has not left is not to be written over
    if (buffer !== undefined) giveBack(buffer);
    for (let i = 0; i < used.length; i++) giveBack(used[i]!);
  }

  #write(output: Output, piece: Uint8Array): void {
    this.#handed += piece.length;
    output.write(piece);
  }

  #writeAll(output: Output, last: Uint8Array | undefined): void {
    const pieces = this.#pieces;
    if (last !== undefined) pieces.push(last);
    this.#pieces = [];
    for (let i = 0; i < pieces.length; i++) this.#handed += pieces[i]!.length;
    output.writeAll(pieces);
  }

  /** lend takes a read buffer that what was flushed lies in; it goes back to where others find it when that has left. */
  lend(buffer: Buffer): void {
    if (this.#loans.length < loansMax) this.#loans.push({ buffer, until: this.#handed });
  }

  /** #settle returns the buffers whose bytes have left, the oldest first. */
  #settle(output: Output): void {
    const loans = this.#loans;
    const sent = this.#handed - output.unsent;
    let settled = 0;
    while (settled < loans.length && loans[settled]!.until <= sent) reads.give(loans[settled++]!.buffer);
    if (settled > 0) loans.splice(0, settled);
  }

  /** #frame makes room for a whole frame that is copied, and writes its header. */
  #frame(length: number, type: number, flags: number, stream: number): void {
    this.#room(headBytes + length);
    this.#end = putHead(this.#buffer!, this.#end, length, type, flags, stream);
  }

  /** #bytes copies source[start, end) behind what is there; there is room. */
  #bytes(source: Uint8Array, start: number, end: number): void {
    const target = this.#buffer!;
    const at = this.#end;
    this.#end = at + end - start;
    if (start === 0 && end === source.length) target.set(source, at);
    else copyBytes.call(source, target, at, start, end);
  }

  #room(bytes: number): void {
    if (this.#foreign !== undefined) this.#cut();
    if (this.#buffer !== undefined && this.#end + bytes <= this.#buffer.length) return;
    this.#cut();
    const before = this.#buffer;
    if (before !== undefined) this.#used.push(before);
    this.#buffer = (this.#much || before !== undefined || bytes > shortWrites.sizeBytes ? writes : shortWrites).take();
    this.#start = this.#end = 0;
  }

  /** #cut makes a piece of what is open. */
  #cut(): void {
    const piece = this.#open();
    if (piece !== undefined) this.#pieces.push(piece);
  }

  /** #open gives what is written and not yet among the pieces, and begins another. */
  #open(): Uint8Array | undefined {
    if (this.#foreign !== undefined) {
      const piece = this.#foreign.subarray(this.#from, this.#to);
      this.#foreign = undefined;
      return piece;
    }
    if (this.#end === this.#start) return undefined;
    const piece = this.#buffer!.subarray(this.#start, this.#end);
    this.#start = this.#end;
    return piece;
  }
}
export type { Outbox };

function giveBack(buffer: Buffer): void {
  (buffer.length === writes.sizeBytes ? writes : shortWrites).give(buffer);
}
