// Data plane. One request and its answer on an HTTP/2 connection: what may be sent, what waits to be sent, what was received and not yet given back as credit.
import type { Exchange } from "../exchange.ts";
import type { Fields } from "../fields.ts";
import { encodeFields } from "../hpack/index.ts";
import type { Peer } from "../peer.ts";
import { flushLater } from "../turn.ts";
import type { Wire } from "../wire.ts";
import { frameBytes } from "./frame.ts";
import type { Session } from "./session.ts";

/** StreamHandler hears what the peer says on a stream. Nothing comes after onEnd and onReset but onDrain. */
export interface StreamHandler {
  /** Response fields; a client's streams only. Informational ones (1xx) are left out. With `end` they are all, and onEnd follows. */
  onHeaders(fields: Fields, end: boolean): void;
  /**
   * Body bytes, the handler's during the call only. Each is owed one consumed(). `last`: the body ends with them, and onEnd follows. `inPlace`: the nine bytes in
   * front of them may be written over, as Stream.send can make use of.
   */
  onData(buffer: Buffer, start: number, end: number, last: boolean, inPlace: boolean): void;
  onEnd(trailers: Fields | undefined): void;
  /** The stream is gone: reset by the peer, or by us for a fault of the peer's, or with its connection (session.failure then says why). */
  onReset(code: number): void;
  /** Less waits to be sent than before: lowBytes or nothing. */
  onDrain(): void;
}

/** A stream with more than this waiting asks its writer to stop; at this much, and at nothing, onDrain comes. */
export const lowBytes: number = 64 * 1024;

const deaf: StreamHandler = { onHeaders() {}, onData() {}, onEnd() {}, onReset() {}, onDrain() {} };

/** newStream makes a stream of a session, in state open. */
export function newStream(session: Session, id: number, fields: Fields, timeout: string | undefined): Stream {
  return new Stream(session, id, fields, timeout);
}

class Stream implements Exchange {
  readonly wire = "http2";
  readonly session: Session;
  readonly id: number;
  readonly fields: Fields;
  readonly timeout: string | undefined;
  handler: StreamHandler = deaf;
  responded = false;
  /** We said END_STREAM, or will when what waits has left. */
  ended = false;
  /** The peer said END_STREAM. */
  heard = false;
  /** Nothing more can be said or heard. */
  over = false;
  /** The answer's first fields have come; a client's streams only. */
  answered = false;
  /** sendWindow is how much the peer takes now; below zero after it shrank its windows. */
  sendWindow: number;
  /** receiveWindow is how much the peer may still send. */
  receiveWindow: number;
  /** Bytes that content-length announces and that have not come; -1 if it was not said. */
  announced = -1;
  /** queued is how many bytes wait for a window or for the socket. */
  queued = 0;
  /** The stream stands in its session's line of those that wait. */
  lined = false;
  /** bornMs is when a server took it in, by the session's clock; -1 where nobody has asked. */
  bornMs = -1;
  #given = 0;
  #queue: Uint8Array[] | undefined = undefined;
  #trailers: Fields | undefined = undefined;

  constructor(session: Session, id: number, fields: Fields, timeout: string | undefined) {
    this.session = session;
    this.id = id;
    this.fields = fields;
    this.timeout = timeout;
    this.sendWindow = session.peerSettings.window;
    this.receiveWindow = session.flow.startWindow;
  }

  get peer(): Peer {
    return this.session.peer;
  }

  respond(fields: Fields, end = false): void {
    if (this.over || this.ended) return;
    const { session } = this;
    this.responded = true;
    session.out.headers(this.id, encodeFields(fields), end);
    flushLater(session);
    if (end) this.#end();
  }

  write(bytes: Uint8Array): boolean {
    if (this.over || this.ended) return true;
    if (bytes.length > 0) this.#enqueue(bytes);
    if (!this.lined) this.#push(false);
    return this.queued === 0;
  }

  /**
   * send passes on bytes that lie in a read buffer: they leave at once if they can, from where they lie, and are copied if they must wait. `last` ends the stream.
   * `inPlace`: the nine bytes in front of them may be written over. False: more than nothing waits.
   */
  send(wire: Wire, buffer: Buffer, start: number, end: number, last: boolean, inPlace: boolean): boolean {
    if (this.over || this.ended) return true;
    const { session } = this;
    const length = end - start;
    if (this.queued === 0 && !session.flow.pressed && length <= session.flow.sendWindow && length <= this.sendWindow && length <= frameBytes) {
      session.flow.sendWindow -= length;
      this.sendWindow -= length;
      const { out } = session;
      if (inPlace ? out.dataInPlace(this.id, buffer, start, end, last) : out.data(this.id, buffer, start, end, last)) wire.keep(out);
      flushLater(session);
      if (last) this.#end();
      return true;
    }
    if (length > 0) this.#enqueue(Uint8Array.prototype.slice.call(buffer, start, end));
    if (last) this.ended = true;
    this.#push(false);
    return this.queued === 0;
  }

  end(trailers?: Fields): void {
    if (this.over || this.ended) return;
    this.ended = true;
    this.#trailers = trailers;
    if (this.queued > 0) return;
    this.#sayEnd();
  }

  reset(code: number): void {
    if (!this.over) this.session.streams.reset(this, code);
  }

  consumed(bytes: number): void {
    if (this.over || this.heard) return;
    this.#given += bytes;
    this.settle();
  }

  /** settle gives the peer credit for what was consumed, in large steps. */
  settle(): void {
    const { session } = this;
    if (this.#given < session.flow.streamWindow >> 1 || this.#given === 0) return;
    this.receiveWindow += this.#given;
    session.out.window(this.id, this.#given);
    this.#given = 0;
    flushLater(session);
  }

  /** pump lets a stream go on that had to wait, and tells its writer when there is room again. */
  pump(): void {
    const before = this.queued;
    this.#push(true);
    if (this.queued === 0 ? before > 0 && !this.ended : before > lowBytes && this.queued <= lowBytes) this.handler.onDrain();
  }

  /**
   * #push sends what waits as far as windows and socket allow. `inTurn`: one frame while others wait; only for who comes back to those that have more, as the session
   * does: nothing else wakes a stream that could have sent.
   */
  #push(inTurn: boolean): void {
    const { session } = this;
    const max = Math.min(session.peerSettings.frameBytes, frameBytes * 4);
    const queue = this.#queue ?? none;
    let sent = 0;
    while (queue.length > 0 && !session.flow.pressed) {
      const chunk = queue[0]!;
      const length = Math.min(chunk.length, max, this.sendWindow, session.flow.sendWindow);
      if (length <= 0) break;
      if (inTurn && sent > 0 && session.flow.othersWait(this)) break;
      session.flow.sendWindow -= length;
      this.sendWindow -= length;
      sent += length;
      const whole = length === chunk.length;
      const last = whole && queue.length === 1 && this.ended && this.#trailers === undefined;
      session.out.data(this.id, chunk, 0, length, last);
      if (whole) queue.shift();
      else queue[0] = chunk.subarray(length);
      session.budget.release(length, this.queued);
      this.queued -= length;
      if (last) {
        flushLater(session);
        return void this.#done();
      }
    }
    if (sent > 0) {
      flushLater(session);
      session.flow.checkPressure();
    }
    if (this.queued > 0) session.flow.line(this);
    else if (this.ended) this.#sayEnd();
  }

  /** ignore drops what still comes. */
  ignore(): void {
    this.handler = new Ignoring(this);
  }

  /** drop forgets what waits. */
  drop(): void {
    this.session.budget.release(this.queued, this.queued);
    this.queued = 0;
    this.#queue = undefined;
  }

  #enqueue(bytes: Uint8Array): void {
    this.#queue ??= [];
    this.#queue.push(bytes);
    this.session.budget.hold(bytes.length, this.queued);
    this.queued += bytes.length;
  }

  /** #sayEnd writes what ends the stream: trailers, or an empty DATA frame. */
  #sayEnd(): void {
    const { session } = this;
    if (this.#trailers !== undefined) session.out.headers(this.id, encodeFields(this.#trailers), true);
    else session.out.data(this.id, nothing, 0, 0, true);
    flushLater(session);
    this.#done();
  }

  #end(): void {
    this.ended = true;
    this.#done();
  }

  /** Both sides have said their end, or only we: the session decides what becomes of the rest. */
  #done(): void {
    this.session.streams.sentEnd(this);
  }
}
export type { Stream };

/** Ignoring is the handler of a stream of which nothing is wanted any more. */
class Ignoring implements StreamHandler {
  readonly #stream: Stream;

  constructor(stream: Stream) {
    this.#stream = stream;
  }

  onData(_: Buffer, start: number, end: number): void {
    this.#stream.consumed(end - start);
  }

  onHeaders(): void {}
  onEnd(): void {}
  onReset(): void {}
  onDrain(): void {}
}

const nothing = new Uint8Array(0);
const none: Uint8Array[] = [];
