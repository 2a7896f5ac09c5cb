// Data plane. One connection: request after request, one at a time.
import type { Socket } from "node:net";
import { type Logger, messageOf } from "@tfs/std";
import type { Exchange } from "../exchange.ts";
import type { Fields } from "../fields.ts";
import type { Budget } from "../http2/index.ts";
import type { ListenerLimits } from "../limits.ts";
import type { Output } from "../output.ts";
import { type Peer, peerOf } from "../peer.ts";
import { isSecure } from "../secure_socket.ts";
import { type Flushable, flushLater } from "../turn.ts";
import type { Wire } from "../wire.ts";
import { type Answer, newAnswer } from "./answer.ts";
import { type Chunks, newChunks } from "./body.ts";
import type { Head } from "./head.ts";
import type { Printer } from "./print.ts";
import { type HeadReader, newHeadReader } from "./reader.ts";
import { isRefusal, type Refusal, refusal } from "./refusal.ts";
import { newRequest, type Request } from "./request.ts";

/** Home is what a connection needs of the server it belongs to. */
export interface Home {
  readonly limits: ListenerLimits;
  readonly logger: Logger;
  readonly printer: Printer;
  /** budget counts what waits for peers that do not read. */
  readonly budget: Budget;
  readonly onExchange: (exchange: Exchange) => void;
  /** dueIn gives the time, on the sweep's clock, that is not reached before `ms` are over. */
  dueIn(ms: number): number;
  /** draining: no connection outlives its request in flight. */
  readonly draining: boolean;
  onClose(connection: Connection): void;
}

/** newConnection speaks HTTP/1.1 over the wire from now on. */
export function newConnection(wire: Wire, home: Home): Connection {
  return new Connection(wire, home);
}

/** A body that nobody wants any more is read up to this size, so that the connection can go on; a larger one is not worth it. */
const discardBytes = 256 * 1024;
/** After its last answer a connection stays for this long, so that the peer can read that before it learns that we stopped listening (RFC 9112, section 9.6). */
const lingerMs = 2000;

/** HTTP/2 error codes that tell a handler why it hears nothing more (RFC 9113, section 7). */
const protocolError = 1;
const internalError = 2;
const cancel = 8;

/**
 * head: between requests, or in the head of one. body: reading one, for its handler or, after an early answer, for nobody. answer: the request was read,
 * its answer is not complete. closing: all is said, the peer may read it.
 */
type Phase = "head" | "body" | "answer" | "closing" | "closed";

class Connection implements Flushable {
  /** waiting is turn.ts's. */
  waiting = false;
  readonly #home: Home;
  readonly #socket: Socket;
  readonly #output: Output;
  readonly #reader: HeadReader;
  readonly #answer: Answer;
  readonly #headMs: number;
  #chunks: Chunks | undefined = undefined;
  #peer: Peer | undefined = undefined;
  #phase: Phase = "head";
  #head: Head | undefined = undefined;
  #exchange: Request | undefined = undefined;
  /** Bytes of a body of known length that have not come. */
  #left = 0;
  /** Body bytes given to the handler that it has not consumed. */
  #owed = 0;
  #discarded = 0;
  /** The client of this request waits for no 100 (Continue), or was sent one. */
  #goneOn = false;
  /** The handler was told to wait for room. */
  #full = false;
  #running = false;
  #paused = false;
  /** Requests that came before the one in hand was answered. */
  #ahead: Buffer | undefined = undefined;
  /** When the peer has taken too long to say something, on the sweep's clock. */
  #due = Number.POSITIVE_INFINITY;
  /** What the budget counts as waiting for it. */
  #held = 0;
  /** When it has taken too long to read. */
  #readDue = Number.POSITIVE_INFINITY;

  constructor(wire: Wire, home: Home) {
    const { limits } = home;
    const { socket } = wire;
    this.#home = home;
    this.#socket = socket;
    this.#output = wire.output;
    this.#reader = newHeadReader(limits.headerBytes, isSecure(socket));
    this.#answer = newAnswer(wire.output, home.printer, limits.keepAliveMs);
    this.#headMs = Math.min(limits.headerMs, limits.requestMs);
    this.#due = home.dueIn(this.#headMs);
    socket.allowHalfOpen = true; // what is being answered while the peer's end arrives must still get out
    socket.on("error", (err) => home.logger.debug("connection failed", { err: messageOf(err) }));
    socket.on("end", () => this.#onEnd());
    socket.on("close", () => this.#onClose());
    wire.onDrain = () => this.#onDrain();
    wire.onBytes = (buffer, start, end) => this.take(buffer, start, end);
  }

  /** take reads received bytes: buffer[start, end), valid during the call. */
  take(buffer: Buffer, start: number, end: number): void {
    if (this.#phase === "closing" || this.#phase === "closed") return;
    if (this.#ahead !== undefined) {
      this.#ahead = Buffer.concat([this.#ahead, buffer.subarray(start, end)]);
      return;
    }
    const rest = this.#run(buffer, start, end);
    if (rest < end) this.#ahead = Buffer.from(buffer.subarray(rest, end));
    this.#steer();
  }

  /** sweep ends what has taken too long. */
  sweep(now: number): void {
    if (now < this.#due && now < this.#readDue) return;
    const idle = this.#phase === "head" && !this.#reader.begun;
    if (now >= this.#readDue || this.#phase === "closing") this.#socket.destroy();
    else if (idle || (this.#phase === "body" && this.#exchange === undefined)) this.#close();
    else this.#refuse(refusal(408, "the request took too long to come"));
  }

  /** drain closes the connection if it is idle, at once if all it was told has left; otherwise it closes after its answer. */
  drain(): void {
    if (this.#phase !== "head" || this.#reader.begun || this.#ahead !== undefined) return;
    if (this.#output.unsent === 0) this.#socket.destroy();
    else this.#close();
  }

  /** flush is for turn.ts. */
  flush(): void {
    const exchange = this.#exchange;
    if (exchange === undefined || this.#phase === "closed") return;
    this.#check(this.#answer.flush(this.#mustClose(false)));
    this.#watchReader();
  }

  /** data is for body.ts. */
  data(buffer: Buffer, start: number, end: number): void {
    const exchange = this.#exchange;
    if (exchange === undefined) this.#discarded += end - start;
    else {
      this.#owed += end - start;
      exchange.handler.onData(buffer, start, end, false, false);
    }
  }

  /** peer is who is at the other end. */
  get peer(): Peer {
    this.#peer ??= peerOf(this.#socket);
    return this.#peer;
  }

  respond(exchange: Request, fields: Fields, end: boolean): void {
    if (exchange !== this.#exchange || exchange.responded) return;
    exchange.responded = true;
    const fault = this.#answer.respond(fields);
    if (fault !== undefined) this.#fail(fault);
    else if (end) this.end(exchange, undefined);
    else flushLater(this);
  }

  write(exchange: Request, bytes: Uint8Array): boolean {
    if (exchange !== this.#exchange || !exchange.responded) return true;
    if (this.#answer.write(bytes)) this.flush();
    else flushLater(this);
    this.#full = this.#answer.blocked;
    return !this.#full;
  }

  end(exchange: Request, trailers: Fields | undefined): void {
    if (exchange !== this.#exchange || !exchange.responded) return;
    const close = this.#mustClose(true);
    const fault = this.#answer.end(trailers, close);
    if (fault !== undefined) {
      this.#fail(fault);
      return;
    }
    this.#watchReader();
    this.#forget();
    if (close) this.#close();
    else if (this.#phase === "answer") this.#next();
    if (!this.#running) this.#goAhead();
  }

  reset(exchange: Request): void {
    if (exchange !== this.#exchange) return;
    this.#forget();
    this.#socket.destroy();
  }

  consumed(exchange: Request, bytes: number): void {
    if (exchange !== this.#exchange) return;
    this.#owed -= bytes;
    if (!this.#running) this.#steer();
  }

  /** #run reads as far as it can and gives the offset of what has to wait. */
  #run(buffer: Buffer, start: number, end: number): number {
    let at = start;
    this.#running = true;
    try {
      while (at >= 0 && at < end && this.#phase !== "closing" && this.#phase !== "closed") {
        if (this.#phase === "answer" || (this.#phase === "head" && this.#answer.blocked)) return at;
        at = this.#phase === "head" ? this.#readHead(buffer, at, end) : this.#readBody(buffer, at, end);
      }
    } catch (err) {
      if (isRefusal(err)) this.#refuse(err);
      else this.#crash(err);
    } finally {
      this.#running = false;
    }
    return end;
  }

  #readHead(buffer: Buffer, start: number, end: number): number {
    const begun = this.#reader.begun;
    const at = this.#reader.read(buffer, start, end);
    if (at >= 0) this.#open(this.#reader.head!, at < end, begun);
    else if (!begun) this.#due = this.#home.dueIn(this.#headMs);
    return at;
  }

  #open(head: Head, more: boolean, begun: boolean): void {
    const exchange = newRequest(this, head);
    this.#head = head;
    this.#exchange = exchange;
    this.#left = head.length;
    this.#owed = 0;
    this.#discarded = 0;
    this.#full = false;
    this.#goneOn = more || !head.expects;
    this.#answer.begin(head);
    if (head.length === 0) {
      this.#phase = "answer";
      this.#due = Number.POSITIVE_INFINITY;
      this.#home.onExchange(exchange);
      if (exchange === this.#exchange) exchange.handler.onEnd(undefined);
      return;
    }
    const { requestMs, headerBytes } = this.#home.limits;
    this.#phase = "body";
    this.#due = begun ? this.#due - this.#headMs + requestMs : this.#home.dueIn(requestMs); // from its first byte on
    if (head.length < 0) (this.#chunks ??= newChunks(this, headerBytes)).begin();
    this.#home.onExchange(exchange);
    if (exchange === this.#exchange && !exchange.responded && !this.#goneOn) {
      this.#goneOn = true;
      this.#answer.goOn();
    }
  }

  #readBody(buffer: Buffer, start: number, end: number): number {
    let at: number;
    let trailers: Fields | undefined;
    if (this.#head!.length < 0) {
      at = this.#chunks!.read(buffer, start, end);
      if (at >= 0) trailers = this.#chunks!.trailers;
    } else {
      at = Math.min(end, start + this.#left);
      this.#left -= at - start;
      this.data(buffer, start, at);
      if (this.#left > 0) at = -1;
    }
    if (this.#phase !== "body") return at;
    if (at >= 0) this.#endBody(trailers);
    else if (this.#discarded > discardBytes) this.#close();
    return at;
  }

  #endBody(trailers: Fields | undefined): void {
    const exchange = this.#exchange;
    if (exchange === undefined) {
      this.#next();
      return;
    }
    this.#phase = "answer";
    this.#due = Number.POSITIVE_INFINITY;
    exchange.handler.onEnd(trailers);
  }

  /** #next waits for another request. */
  #next(): void {
    if (this.#home.draining) {
      this.#close();
      return;
    }
    this.#phase = "head";
    this.#due = this.#home.dueIn(this.#home.limits.keepAliveMs);
  }

  /** #goAhead reads what came before its turn. */
  #goAhead(): void {
    const ahead = this.#ahead;
    if (ahead !== undefined) {
      const rest = this.#run(ahead, 0, ahead.length);
      if (this.#ahead !== undefined) this.#ahead = rest < ahead.length ? ahead.subarray(rest) : undefined;
    }
    this.#steer();
  }

  /** #steer reads from the socket only while there is room for what comes. */
  #steer(): void {
    const pause = this.#ahead !== undefined || (this.#exchange !== undefined && this.#owed >= this.#home.limits.streamWindowBytes);
    if (pause === this.#paused) return;
    this.#paused = pause;
    if (pause) this.#socket.pause();
    else this.#socket.resume();
  }

  /** #mustClose tells whether the answer that is about to leave is the connection's last. `complete`: it is all there. */
  #mustClose(complete: boolean): boolean {
    if (this.#head!.close || this.#home.draining) return true;
    return complete && this.#phase === "body" && (!this.#goneOn || this.#left > discardBytes);
  }

  #forget(): void {
    this.#exchange = undefined;
    this.#owed = 0;
  }

  /** #hold says how many bytes wait for the peer. */
  #hold(bytes: number): void {
    const before = this.#held;
    this.#held = bytes;
    if (bytes > before) this.#home.budget.hold(bytes - before, before);
    else if (bytes < before) this.#home.budget.release(before - bytes, before);
  }

  /** #watchReader bounds the time in which the peer takes what was written. */
  #watchReader(): void {
    if (this.#answer.blocked) this.#hold(this.#output.unsent);
    if (this.#answer.blocked && this.#readDue === Number.POSITIVE_INFINITY) this.#readDue = this.#home.dueIn(this.#home.limits.requestMs);
  }

  /** #close sends what is written, and then waits a while for the peer to close too, dropping what it says. */
  #close(): void {
    if (this.#phase === "closing" || this.#phase === "closed") return;
    this.#phase = "closing";
    this.#ahead = undefined;
    this.#due = this.#home.dueIn(this.#home.limits.requestMs);
    this.#socket.end(() => {
      this.#due = this.#home.dueIn(lingerMs);
    });
    this.#steer();
  }

  /** #refuse answers what cannot be served, if nothing else is being answered, and closes. */
  #refuse({ status, reason }: Refusal): void {
    if (this.#phase === "closing" || this.#phase === "closed") return;
    this.#home.logger.debug("request refused", { status, reason, peer: this.peer.address });
    const exchange = this.#exchange;
    const answered = this.#phase === "body" && exchange === undefined;
    this.#forget();
    if (exchange !== undefined && this.#answer.started) this.#socket.destroy();
    else {
      if (!answered) this.#answer.bare(statusLines[status]!, `${reason}\n`);
      this.#close();
    }
    exchange?.handler.onReset(status === 408 ? cancel : protocolError);
  }

  #check(fault: string | undefined): void {
    if (fault !== undefined) this.#fail(fault);
  }

  /** #fail is for answers that must not be sent as they are: our own fault. */
  #fail(fault: string): void {
    this.#home.logger.error("answer not sent", { fault, path: this.#head!.fields.get(":path") });
    const started = this.#answer.started;
    const exchange = this.#exchange;
    this.#forget();
    if (started) this.#socket.destroy();
    else {
      this.#answer.bare("500 Internal Server Error", "");
      this.#close();
    }
    exchange?.handler.onReset(internalError);
  }

  /** #crash is for what a handler throws. */
  #crash(err: unknown): void {
    this.#home.logger.error("request failed", { err });
    if (this.#exchange !== undefined) this.#fail("its handler threw");
    else this.#socket.destroy();
  }

  #onDrain(): void {
    if (!this.#answer.blocked) return;
    this.#answer.blocked = false;
    this.#hold(0);
    this.#readDue = Number.POSITIVE_INFINITY;
    if (this.#exchange === undefined) this.#goAhead();
    else if (this.#full) {
      this.#full = false;
      this.#exchange.handler.onDrain();
    }
  }

  /** #onEnd: the peer says no more. Who waits for an answer that is not ready is taken for gone, since most are. */
  #onEnd(): void {
    if (this.#phase === "answer") this.#socket.destroy();
    else if (this.#phase === "body" || this.#reader.begun) this.#refuse(refusal(400, "the connection ended within a request"));
    else this.#close();
  }

  #onClose(): void {
    const exchange = this.#exchange;
    this.#phase = "closed";
    this.#hold(0);
    this.#ahead = undefined;
    this.#forget();
    this.#home.onClose(this);
    exchange?.handler.onReset(cancel);
  }
}
export type { Connection };

const statusLines: Readonly<Record<number, string>> = {
  400: "400 Bad Request",
  408: "408 Request Timeout",
  414: "414 URI Too Long",
  417: "417 Expectation Failed",
  431: "431 Request Header Fields Too Large",
  501: "501 Not Implemented",
  505: "505 HTTP Version Not Supported",
};
