// Data plane. One connection: request after request, each answered before the next is looked at.
import type { Socket } from "node:net";
import type { Exchange, ExchangeHandler, Peer } from "../exchange.ts";
import type { Fields } from "../fields.ts";
import { h2 } from "../http2/index.ts";
import { type Flushable, flushLater } from "../turn.ts";
import type { Wire } from "../wire.ts";
import { formatHead, formatTrailers, type Framing, refusal } from "./answer.ts";
import { type Chunks, newChunks } from "./chunks.ts";
import { type Head, parseHead } from "./head.ts";

/** Shop is what connections share. */
export interface Shop {
  readonly headerBytes: number;
  readonly headerMs: number;
  readonly requestMs: number;
  readonly keepAliveMs: number;
  readonly lingerMs: number;
  now(): number;
  date(): string;
  onExchange(exchange: Exchange): void;
  onClose(connection: Connection): void;
  readonly draining: boolean;
}

/** newConnection serves one wire. */
export function newConnection(wire: Wire, shop: Shop): Connection {
  return new Connection(wire, shop);
}

/** Bytes that a handler has not dealt with, and bytes of later requests: past it nothing more is read. */
const aheadBytes = 1 << 20;
const pipelineBytes = 64 * 1024;
/** Bodies up to this size are put behind their head, into one write. */
const joinBytes = 16 * 1024;

class Connection implements Flushable {
  readonly #shop: Shop;
  readonly socket: Socket;
  readonly peer: Peer;
  waiting = false;
  #state: "head" | "body" | "answer" | "closing" = "head";
  /** What has come of a head, or of requests that have to wait. */
  #kept: Buffer | undefined = undefined;
  /** The last head and what it says: clients repeat themselves. */
  #headText: Buffer = Buffer.alloc(0);
  #head: Head | undefined = undefined;
  #exchange: ServedExchange | undefined = undefined;
  #left = 0;
  #chunks: Chunks | undefined = undefined;
  /** When the state began, on the clock; for "head" when its first byte came, or when the connection fell idle. */
  #since: number;
  #begun = false;
  #ahead = 0;
  #out: (string | Uint8Array)[] = [];
  #reading = false;

  constructor(wire: Wire, shop: Shop) {
    this.#shop = shop;
    this.socket = wire.socket;
    this.peer = { address: wire.socket.remoteAddress ?? "", encrypted: "encrypted" in wire.socket };
    this.#since = shop.now();
    wire.onBytes = (buffer, start, end) => this.#read(buffer, start, end);
    wire.socket.on("drain", () => this.#exchange?.handler.onDrain());
    wire.socket.on("end", () => this.#onEnd());
    wire.socket.on("close", () => this.#onClose());
  }

  /** idle: no request has begun. */
  get idle(): boolean {
    return this.#state === "head" && !this.#begun;
  }

  /** sweep ends what takes too long. */
  sweep(now: number): void {
    const { headerMs, requestMs, keepAliveMs, lingerMs } = this.#shop;
    const ms = now - this.#since;
    if (this.#state === "closing") {
      if (ms >= lingerMs) this.socket.destroy();
    } else if (this.idle) {
      if (ms >= keepAliveMs) this.socket.destroy();
    } else if (this.#state === "head") {
      if (ms >= headerMs) this.#refuse(408);
    } else if (this.#state === "body" && ms >= requestMs) {
      if (this.#exchange?.responded === true) this.socket.destroy();
      else this.#refuse(408);
    }
  }

  /** drain closes an idle connection; another one closes after its answer. */
  drain(): void {
    if (this.idle) this.socket.destroy();
    else if (this.#exchange?.finished === false) this.#exchange.closing = true;
  }

  flush(): void {
    const out = this.#out;
    if (out.length === 0 || this.socket.destroyed) return;
    if (out.length === 1) this.#write(out[0]!);
    else {
      this.socket.cork();
      for (let i = 0; i < out.length; i++) this.#write(out[i]!);
      this.socket.uncork();
    }
    out.length = 0;
  }

  // What the exchange says.

  say(bytes: string | Uint8Array): boolean {
    this.#out.push(bytes);
    flushLater(this);
    return this.socket.writableLength < aheadBytes;
  }

  /** finish: the answer is complete. */
  finish(close: boolean): void {
    this.#exchange = undefined;
    if (close || this.#state !== "answer") {
      // A request that is still coming is read no further: the client must get to see the answer before the connection goes.
      this.#close();
      return;
    }
    this.#nextHead();
  }

  consumed(bytes: number): void {
    this.#ahead -= bytes;
    if (this.#ahead < aheadBytes && this.socket.isPaused()) this.socket.resume();
  }

  destroy(): void {
    this.flush();
    this.socket.destroy();
  }

  #write(bytes: string | Uint8Array): void {
    if (typeof bytes === "string") this.socket.write(bytes, "latin1");
    else this.socket.write(bytes);
  }

  #read(buffer: Buffer, start: number, end: number): void {
    if (this.#state === "closing") return;
    if (this.#state === "answer") return void this.#keep(buffer, start, end);
    if (this.#state === "head" && this.#kept !== undefined) {
      const whole = Buffer.concat([this.#kept, buffer.subarray(start, end)]);
      this.#kept = undefined;
      this.#take(whole, 0, whole.length);
    } else this.#take(buffer, start, end);
  }

  /** #take reads as many requests as have been answered when it gets to the next. */
  #take(buffer: Buffer, start: number, end: number): void {
    let at = start;
    this.#reading = true;
    while (at < end && this.#state !== "closing") {
      if (this.#state === "head") {
        const from = at;
        at = this.#takeHead(buffer, at, end);
        if (at === from) break;
      } else if (this.#state === "body") at = this.#takeBody(buffer, at, end);
      else break;
    }
    this.#reading = false;
    if (at < end && this.#state !== "closing") this.#keep(buffer, at, end);
  }

  #takeHead(buffer: Buffer, start: number, end: number): number {
    let from = start;
    if (!this.#begun) {
      if (end - from >= 2 && buffer[from] === 13 && buffer[from + 1] === 10) from += 2; // an empty line before a request is passed over (section 2.2)
      if (from === end) return end;
      this.#begun = true;
      this.#since = this.#shop.now();
    }
    const found = buffer.indexOf("\r\n\r\n", from, "latin1");
    const stop = found < 0 || found + 4 > end ? -1 : found;
    if ((stop < 0 ? end : stop) - from > this.#shop.headerBytes) return this.#refuse(431);
    if (stop < 0) {
      if (!mayBeHead(buffer, from, end)) return this.#refuse(400);
      this.#keep(buffer, from, end);
      return end;
    }
    const text = buffer.subarray(from, stop);
    let head = this.#head;
    if (head === undefined || !this.#headText.equals(text)) {
      const parsed = parseHead(text.toString("latin1"), this.peer.encrypted);
      if (typeof parsed === "number") return this.#refuse(parsed);
      head = parsed;
      this.#head = parsed;
      this.#headText = Buffer.from(text);
    }
    this.#begin(head);
    return stop + 4;
  }

  #begin(head: Head): void {
    const exchange = new ServedExchange(this, head, this.#shop);
    this.#exchange = exchange;
    this.#ahead = 0;
    this.#left = head.length;
    this.#chunks = head.length < 0 ? newChunks({ onChunk: (buffer, start, end) => this.#give(buffer, start, end) }) : undefined;
    this.#state = head.length === 0 ? "answer" : "body";
    this.#shop.onExchange(exchange);
    if (head.length === 0) {
      if (!exchange.finished) exchange.handler.onEnd(undefined);
    } else if (head.waits && !exchange.responded) this.say("HTTP/1.1 100 Continue\r\n\r\n");
  }

  #takeBody(buffer: Buffer, start: number, end: number): number {
    const exchange = this.#exchange!;
    if (this.#chunks !== undefined) {
      const at = this.#chunks.read(buffer, start, end);
      if (this.#chunks.failed) {
        if (exchange.responded) this.socket.destroy();
        else this.#refuse(400);
      } else if (this.#chunks.done) this.#bodyEnd(exchange, this.#chunks.trailers);
      return at;
    }
    const length = Math.min(this.#left, end - start);
    this.#left -= length;
    this.#give(buffer, start, start + length);
    if (this.#left === 0) this.#bodyEnd(exchange, undefined);
    return start + length;
  }

  #give(buffer: Buffer, start: number, end: number): void {
    const exchange = this.#exchange;
    if (exchange === undefined || exchange.finished) return;
    this.#ahead += end - start;
    exchange.handler.onData(buffer, start, end, false, false);
    if (this.#ahead >= aheadBytes) this.socket.pause();
  }

  #bodyEnd(exchange: ServedExchange, trailers: Fields | undefined): void {
    if (this.#state !== "body") return; // answered and closing
    this.#state = "answer";
    this.#chunks = undefined;
    exchange.handler.onEnd(trailers);
  }

  /** #keep stores what cannot be looked at yet. */
  #keep(buffer: Buffer, start: number, end: number): void {
    const more = buffer.subarray(start, end);
    this.#kept = this.#kept === undefined ? Buffer.from(more) : Buffer.concat([this.#kept, more]);
    if (this.#state === "answer" && this.#kept.length >= pipelineBytes) this.socket.pause();
  }

  #nextHead(): void {
    this.#state = "head";
    this.#begun = false;
    this.#since = this.#shop.now();
    if (this.#shop.draining) {
      this.#close();
      return;
    }
    if (this.socket.isPaused()) this.socket.resume();
    if (this.#reading || this.#kept === undefined) return;
    const kept = this.#kept;
    this.#kept = undefined;
    this.#take(kept, 0, kept.length);
  }

  #refuse(status: number): number {
    this.say(refusal(status));
    const exchange = this.#exchange;
    this.#exchange = undefined;
    this.#close();
    exchange?.gone();
    return Number.MAX_SAFE_INTEGER;
  }

  /** #close says that nothing more comes, and lets the client read what did. */
  #close(): void {
    this.#state = "closing";
    this.#since = this.#shop.now();
    this.#kept = undefined;
    this.flush();
    if (this.socket.isPaused()) this.socket.resume();
    this.socket.end();
  }

  #onEnd(): void {
    if (this.#state === "answer" && this.#exchange?.finished === false && this.socket.allowHalfOpen) return;
    this.socket.end();
  }

  #onClose(): void {
    const exchange = this.#exchange;
    this.#exchange = undefined;
    this.#state = "closing";
    exchange?.gone();
    this.#shop.onClose(this);
  }
}
export type { Connection };

/** mayBeHead tells noise from a head of which not all has come, so that noise is not waited for: a line without its end is text. */
function mayBeHead(buffer: Buffer, start: number, end: number): boolean {
  for (let i = start; i < end; i++) {
    const c = buffer[i]!;
    if (c === 10 ? buffer[i - 1] !== 13 || i === start : c < 0x20 && c !== 13 && c !== 9) return false;
    if (c === 13 && i + 1 < end && buffer[i + 1] !== 10) return false;
  }
  return true;
}

const deaf: ExchangeHandler = { onData() {}, onEnd() {}, onReset() {}, onDrain() {} };

class ServedExchange implements Exchange {
  readonly wire = "http1";
  readonly fields: Fields;
  readonly timeout: string | undefined;
  handler: ExchangeHandler = deaf;
  responded = false;
  finished = false;
  /** closing: the connection ends with this answer. */
  closing: boolean;
  readonly #connection: Connection;
  readonly #head: Head;
  readonly #shop: Shop;
  #framing: Framing = "none";
  /** The answer's fields, and its first bytes, while it may still turn out that they are all: then its length is known. */
  #fields: Fields | undefined = undefined;
  #first: Uint8Array | undefined = undefined;

  constructor(connection: Connection, head: Head, shop: Shop) {
    this.#connection = connection;
    this.#head = head;
    this.#shop = shop;
    this.fields = head.fields;
    this.timeout = head.timeout;
    this.closing = !head.keepAlive;
  }

  get peer(): Peer {
    return this.#connection.peer;
  }

  respond(fields: Fields, end = false): void {
    if (this.finished || this.responded) return;
    this.responded = true;
    this.#fields = fields;
    if (end) this.end();
    else queueMicrotask(() => this.#sayHead(-1));
  }

  write(bytes: Uint8Array): boolean {
    if (this.finished || !this.responded || bytes.length === 0) return true;
    if (this.#fields !== undefined && this.#first === undefined && bytes.length <= joinBytes) {
      this.#first = bytes;
      return true;
    }
    this.#sayHead(-1);
    return this.#sayBody(bytes);
  }

  end(trailers?: Fields): void {
    if (this.finished || !this.responded) return;
    this.#sayHead(trailers === undefined ? (this.#first?.length ?? 0) : -1);
    if (this.#framing === "chunks") this.#connection.say(formatTrailers(this.#head.trailers ? trailers : undefined));
    this.finished = true;
    this.#connection.finish(this.closing);
  }

  reset(_code: number): void {
    if (this.finished) return;
    this.finished = true;
    this.#connection.destroy();
  }

  consumed(bytes: number): void {
    if (!this.finished) this.#connection.consumed(bytes);
  }

  /** gone: the client is, or will not be heard any more. */
  gone(): void {
    if (this.finished) return;
    this.finished = true;
    this.handler.onReset(h2.cancel);
  }

  /** #sayHead says what was held back. `length` is that of the whole body, or -1 if more may come. */
  #sayHead(length: number): void {
    const fields = this.#fields;
    if (fields === undefined || this.finished) return;
    this.#fields = undefined;
    if (this.#shop.draining) this.closing = true;
    const { minor, method } = this.#head;
    const { text, framing } = formatHead(fields, { length, close: this.closing, minor, head: method === "HEAD", date: this.#shop.date() });
    this.#framing = framing;
    if (framing === "close") this.closing = true;
    const first = this.#first;
    this.#first = undefined;
    if (first === undefined || framing === "none") this.#connection.say(text);
    else {
      const body = framing === "chunks" ? chunkOf(first) : first;
      const joined = Buffer.allocUnsafe(text.length + body.length);
      joined.write(text, 0, "latin1");
      joined.set(body, text.length);
      this.#connection.say(joined);
    }
  }

  #sayBody(bytes: Uint8Array): boolean {
    return this.#framing === "none" || this.#connection.say(this.#framing === "chunks" ? chunkOf(bytes) : bytes);
  }
}

function chunkOf(bytes: Uint8Array): Uint8Array {
  const size = `${bytes.length.toString(16)}\r\n`;
  const chunk = Buffer.allocUnsafe(size.length + bytes.length + 2);
  chunk.write(size, 0, "latin1");
  chunk.set(bytes, size.length);
  chunk.write("\r\n", size.length + bytes.length, "latin1");
  return chunk;
}
