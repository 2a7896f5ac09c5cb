// Data plane. The streams of one connection: which are open, which were, and how each ends (RFC 9113, section 5.1).
import { type Fields, newFields } from "../fields.ts";
import { type Cancelled, newCancelled } from "./cancelled.ts";
import { encodeFields } from "../hpack/index.ts";
import { countStreams, flushLater } from "../turn.ts";
import { h2, maxWindow } from "./frame.ts";
import { type Ledger, newLedger } from "./ledger.ts";
import { type Linger, newLinger } from "./linger.ts";
import { newRoster, type Roster } from "./roster.ts";
import type { Session } from "./session.ts";
import { newStream, type Stream, type StreamHandler } from "./stream.ts";

/** newStreams begins with none. */
export function newStreams(session: Session): Streams {
  return new Streams(session);
}

/** Streams that we reset: the peer may not know yet, and what it still sends on them is no fault. */
const resetMemory = 128;

/** A stream that has lived so long is not reset in haste. */
const patientMs = 500;

class Streams {
  readonly #session: Session;
  readonly #open: Roster = newRoster();
  readonly #resets: Ledger;
  readonly #linger: Linger;
  /** A client's, once it may not reset a stream that it gives up. */
  #cancelled: Cancelled | undefined = undefined;
  #resetIds: number[] = [];
  /** Requests that are answered already, and whose end is still to come in this read. */
  readonly #refused: number[] = [];
  /** lastId is the highest stream that the peer opened. */
  lastId = 0;
  /** nextId is the next stream that we open; a client's. */
  nextId = 1;

  constructor(session: Session) {
    this.#session = session;
    this.#resets = newLedger(session.limits.resets, session.options.clock);
    this.#linger = newLinger(session);
  }

  /** size is how many the peer takes to be open. */
  get size(): number {
    return this.#cancelled === undefined ? this.#open.size : this.#open.size + this.#cancelled.size;
  }

  get(id: number): Stream | undefined {
    return this.#open.get(id);
  }

  /** open starts a stream of ours. */
  open(fields: Fields, handler: StreamHandler, end: boolean, tail?: Uint8Array, tailBytes?: number): Stream {
    const session = this.#session;
    const stream = newStream(session, this.nextId, fields, undefined);
    this.nextId += 2;
    stream.handler = handler;
    this.#add(stream);
    session.out.headers(stream.id, encodeFields(fields), end, tail, tailBytes);
    if (end) stream.ended = true;
    flushLater(session);
    return stream;
  }

  /** accept takes in a stream of the peer's. */
  accept(stream: Stream): void {
    this.#add(stream);
    if (this.#resets.low) {
      stream.bornMs = this.#session.options.clock.now();
      this.#session.held.add(stream);
    } else this.#session.options.onStream!(stream);
  }

  /**
   * refuse answers a request of which nothing else is wanted. Most requests end with the frame behind their fields, and such a one is never made a stream: that would cost more than all else
   * when four in five are refused. `announced` is as a stream's.
   */
  refuse(id: number, answer: Fields, announced: number, end: boolean): void {
    const session = this.#session;
    session.out.headers(id, encodeFields(answer), true);
    flushLater(session);
    if (end) this.#rest();
    else if (announced === -1) this.#refused.push(id);
    else this.#embody(id, announced);
  }

  /** endRefused: DATA ends a request that is refused. False if it is none, or what has come of it has to be looked at. */
  endRefused(id: number, length: number): boolean {
    if (length > this.#session.flow.startWindow || !this.#forget(id)) return false;
    this.#rest();
    return true;
  }

  /** embody makes a stream of a refused request of which something else has come than its end. */
  embody(id: number): void {
    if (this.#forget(id)) this.#embody(id, -1);
  }

  /** embodyAll makes streams of the refused requests whose end has not come. Call it at the end of each read. */
  embodyAll(): void {
    for (const id of this.#refused.splice(0)) this.#embody(id, -1);
  }

  /** refused is how many requests are answered and have no stream. */
  get refused(): number {
    return this.#refused.length;
  }

  /** isIdle tells whether a stream was never opened. */
  isIdle(id: number): boolean {
    const ours = ((id & 1) === 1) !== this.#session.server;
    return ours ? id >= this.nextId : id > this.lastId;
  }

  /** wasReset tells whether we reset a stream not long ago. */
  wasReset(id: number): boolean {
    return this.#resetIds.includes(id);
  }

  /** sentEnd: our side of a stream is complete. */
  sentEnd(stream: Stream): void {
    if (stream.heard) {
      this.#remove(stream);
      return;
    }
    if (!this.#session.server) return;
    stream.ignore();
    this.#linger.add(stream);
  }

  /** heardEnd: the peer's side of a stream is complete. */
  heardEnd(stream: Stream, trailers: Fields | undefined): void {
    stream.heard = true;
    if (stream.announced > 0) return void this.fault(stream, h2.protocol);
    stream.handler.onEnd(trailers);
    if (stream.over) return;
    if (stream.ended && stream.queued === 0) this.#remove(stream);
    else if (!this.#session.server) {
      // The whole answer is there, and the request is not: nobody will read the rest (section 8.1).
      this.reset(stream, h2.noError);
    }
  }

  /** reset gives up a stream. Its handler is not told. */
  reset(stream: Stream, code: number): void {
    if (this.#session.server || this.#resets.spend()) this.sayReset(stream.id, code);
    else if (stream.heard) this.sayEnd(stream.id);
    else {
      this.#cancelled ??= newCancelled(this.#session, this.#resets);
      this.#cancelled.add(stream.id, stream.ended && stream.queued === 0);
    }
    this.#remove(stream);
  }

  /** sayReset writes a RST_STREAM. */
  sayReset(id: number, code: number): void {
    this.#session.out.reset(id, code);
    if (this.#resetIds.push(id) > resetMemory) this.#resetIds.shift();
    flushLater(this.#session);
  }

  /** sayEnd completes our side of a stream that nobody hears any more. */
  sayEnd(id: number): void {
    this.#session.out.data(id, nothing, 0, 0, true);
    flushLater(this.#session);
  }

  /** left: one stream less, or more. */
  left(): void {
    if (this.size === 0) this.#session.life.rest();
    this.#session.options.onRoom?.();
  }

  /** fault ends a stream for something that its peer did wrong. */
  fault(stream: Stream, code: number): void {
    this.reset(stream, code);
    stream.handler.onReset(code);
    if (this.#session.server) this.#spend();
  }

  /** faultAt is fault for a stream that may be gone already, or was never let in. */
  faultAt(id: number, code: number): void {
    const stream = this.#open.get(id);
    if (stream !== undefined) return void this.fault(stream, code);
    this.sayReset(id, code);
    this.#spend();
  }

  /** onReset takes a RST_STREAM (section 6.4). */
  onReset(id: number, buffer: Buffer, start: number, end: number): void {
    const { life, server } = this.#session;
    if (end - start !== 4) return void life.fault(h2.frameSize, "RST_STREAM of a wrong length");
    if (id === 0 || this.isIdle(id)) return void life.fault(h2.protocol, "RST_STREAM on a stream that was never opened");
    const stream = this.#open.get(id);
    if (stream !== undefined) {
      this.#remove(stream);
      stream.handler.onReset(buffer.readUInt32BE(start));
    } else if (this.#cancelled?.end(id, true) === true) this.left();
    // Who has the whole answer may well not send the rest of the question: so do gRPC's libraries when a call is refused at its headers.
    const answered = stream?.ended === true && stream.queued === 0;
    if (server && !answered && !this.#isPatient(stream)) this.#spend();
  }

  /**
   * #isPatient tells whether a client has waited for an answer before it gave up: so do clients with deadlines when there is too much to do, and to cut their connections would lose what is
   * answered in time too. Who resets at once has not, and may have no more streams open than he may. Looked at once a connection has resets behind it: other streams carry no time.
   */
  #isPatient(stream: Stream | undefined): boolean {
    return stream !== undefined && stream.bornMs >= 0 && this.#session.options.clock.now() - stream.bornMs >= patientMs;
  }

  /** onStrayData takes DATA on a stream that takes none. */
  onStrayData(id: number, stream: Stream | undefined, end: boolean): void {
    const { life, server } = this.#session;
    if (id === 0 || this.isIdle(id)) life.fault(h2.protocol, "DATA on a stream that was never opened");
    else if (stream !== undefined || (server && !this.wasReset(id))) this.faultAt(id, h2.streamClosed);
    else if (end) this.onStrayEnd(id);
  }

  /** onStrayEnd: the peer has completed its side of a stream that we have given up. */
  onStrayEnd(id: number): void {
    if (this.#cancelled?.end(id, false) === true) this.left();
  }

  /** refuseAbove ends streams of ours that the peer has not looked at: it said so by GOAWAY (section 6.8). */
  refuseAbove(last: number): void {
    for (const stream of this.#open.all()) {
      if (stream.id <= last || stream.over) continue;
      this.#remove(stream);
      stream.handler.onReset(h2.refused);
    }
  }

  /** resize changes what every stream may be sent. False: a window is past its bound. */
  resize(change: number): boolean {
    for (const stream of this.#open.all()) {
      stream.sendWindow += change;
      if (stream.sendWindow > maxWindow) return false;
    }
    return true;
  }

  /** widen changes what the peer may send on every stream. */
  widen(change: number): void {
    for (const stream of this.#open.all()) stream.receiveWindow += change;
  }

  /** settle gives credit that is due after streams' windows have shrunk. */
  settle(): void {
    for (const stream of this.#open.all()) if (!stream.heard) stream.settle();
  }

  /** die ends all streams with their connection. */
  die(): void {
    const streams = this.#open.all();
    this.#open.clear();
    countStreams(-streams.length);
    this.#linger.stop();
    this.#cancelled?.die();
    for (const stream of streams) {
      stream.over = true;
      if (stream.queued > 0) stream.drop();
      stream.handler.onReset(h2.cancel);
    }
  }

  /** #forget drops a refused request; false if it is none. Mostly it is the last. */
  #forget(id: number): boolean {
    const refused = this.#refused;
    const at = refused.lastIndexOf(id);
    if (at < 0) return false;
    if (at === refused.length - 1) refused.pop();
    else refused.splice(at, 1);
    return true;
  }

  #embody(id: number, announced: number): void {
    if (this.#session.life.dead) return;
    const stream = newStream(this.#session, id, noFields, undefined);
    stream.announced = announced;
    stream.responded = stream.ended = true;
    stream.ignore();
    this.#add(stream);
    this.#linger.add(stream);
  }

  /** #rest: a request has ended that had no stream. */
  #rest(): void {
    if (this.size === 0) this.#session.life.rest();
  }

  #add(stream: Stream): void {
    this.#open.add(stream);
    countStreams(1);
  }

  #remove(stream: Stream): void {
    stream.over = true;
    if (stream.ended) this.#linger.delete(stream);
    this.#open.remove(stream);
    countStreams(-1);
    if (stream.queued > 0) stream.drop();
    this.left();
  }

  /** #spend counts a stream that ended by reset: a client that makes too many of them is cut off, whoever said it. */
  #spend(): void {
    if (!this.#resets.spend()) this.#session.life.fault(h2.calm, "too many streams reset");
  }
}
export type { Streams };

const nothing = new Uint8Array(0);
const noFields = newFields([]);
