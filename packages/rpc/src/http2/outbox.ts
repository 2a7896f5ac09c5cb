// Data plane. Frames are laid into one buffer, or left where they were read; a flush hands everything to the socket in one write.
import type { Socket } from "node:net";
import { reads, shortWrites, writes } from "../buffers.ts";
import { encodeTableSize } from "../hpack/index.ts";
import { flag, frame, frameBytes, headBytes, putHead, putUint32 } from "./frame.ts";

/** We use no table, and say so once: then a peer that lowers its limit need not be told again (RFC 7541, section 4.2). */
const noTable = encodeTableSize(0);
/** Payloads up to this size are copied: cheaper than one more piece in a write. */
const copyBytes = 2048;

/** newOutbox makes an empty one. Nothing is written before there is a socket. */
export function newOutbox(): Outbox {
  return new Outbox();
}

/** Loan is a read buffer that the socket reads until it has sent so many bytes in all. */
interface Loan {
  readonly buffer: Buffer;
  readonly until: number;
}

/** Read buffers that wait in one socket; past it they are left to the collector. */
const loansMax = 64;

class Outbox {
  socket: Socket | undefined = undefined;
  /** secure: the socket encrypts what it writes. */
  secure = false;
  /** holding: not all that was flushed has left; the socket refers to it. */
  holding = false;
  #buffer: Buffer | undefined = undefined;
  /** [start, end) of the buffer is written and not yet among the pieces. */
  #start = 0;
  #end = 0;
  readonly #pieces: Uint8Array[] = [];
  /** The buffers that the pieces lie in. */
  readonly #used: Buffer[] = [];
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
    const length = end - start;
    if (length <= copyBytes) {
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
    const length = end - start;
    if (length <= copyBytes) {
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

  /** flush hands everything to the socket. */
  flush(): void {
    const { socket } = this;
    if (socket === undefined) return;
    const pieces = this.#pieces;
    this.#cut();
    if (pieces.length === 0) return;
    // What is encrypted at once is copied; TLS that has something else to write, or no connection yet, refers to it as other sockets do.
    const copied = this.secure && socket.writableLength === 0 && !socket.connecting;
    for (let i = 0; i < pieces.length; i++) this.#handed += pieces[i]!.length;
    if (pieces.length === 1) socket.write(pieces[0]!);
    else {
      socket.cork();
      for (let i = 0; i < pieces.length; i++) socket.write(pieces[i]!);
      socket.uncork();
    }
    if (this.#loans.length > 0) this.#settle();
    pieces.length = 0;
    const used = this.#used;
    if (used.length > 0) this.#much = used.length > 1 || this.#end > shortWrites.sizeBytes;
    // What left at once can be written over; what did not belongs to the socket until it has.
    this.holding = !copied && socket.writableLength > 0;
    if (!this.holding) for (let i = 0; i < used.length; i++) (used[i]!.length === writes.sizeBytes ? writes : shortWrites).give(used[i]!);
    used.length = 0;
    this.#buffer = undefined;
    this.#start = this.#end = 0;
  }

  /** lend takes a read buffer that what was flushed lies in; it goes back to where others find it when that has left. TLS does not tell: then the buffer is let go. */
  lend(buffer: Buffer): void {
    if (!this.secure && this.#loans.length < loansMax) this.#loans.push({ buffer, until: this.#handed });
  }

  /** #settle returns the buffers whose bytes have left, the oldest first. */
  #settle(): void {
    const loans = this.#loans;
    const sent = this.#handed - this.socket!.writableLength;
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
    let at = this.#end;
    if (end - start <= 160) for (let i = start; i < end; i++) target[at++] = source[i]!;
    else {
      target.set(start === 0 && end === source.length ? source : source.subarray(start, end), at);
      at += end - start;
    }
    this.#end = at;
  }

  #room(bytes: number): void {
    if (this.#foreign !== undefined) this.#cut();
    if (this.#buffer !== undefined && this.#end + bytes <= this.#buffer.length) return;
    this.#cut();
    this.#buffer = (this.#much || this.#buffer !== undefined || bytes > shortWrites.sizeBytes ? writes : shortWrites).take();
    this.#used.push(this.#buffer);
    this.#start = this.#end = 0;
  }

  /** #cut makes pieces of what is open, in order. */
  #cut(): void {
    if (this.#foreign !== undefined) {
      this.#pieces.push(this.#foreign.subarray(this.#from, this.#to));
      this.#foreign = undefined;
    } else if (this.#end > this.#start) {
      this.#pieces.push(this.#buffer!.subarray(this.#start, this.#end));
      this.#start = this.#end;
    }
  }
}
export type { Outbox };
