// Data plane. One HTTP/2 connection, of either side: what the peer's frames mean, and which of them end a stream or the connection (RFC 9113).
import type { Socket } from "node:net";
import { TLSSocket } from "node:tls";
import { type Clock, Code, type Failure, isFailure, newError, type Timer } from "@tfs/std";
import type { Fields } from "../fields.ts";
import { type Block, type Decoder, encodeFields, newDecoder, trailersFault } from "../hpack/index.ts";
import type { Peer } from "../peer.ts";
import { type Flushable, flushLater } from "../turn.ts";
import type { Wire } from "../wire.ts";
import type { Budget } from "./budget.ts";
import { defaultWindow, flag, frame, frameBytes, h2, h2Name, maxWindow, preface, setting, uint31 } from "./frame.ts";
import { type HeaderBlock, newHeaderBlock } from "./header_block.ts";
import { type Ledger, newLedger } from "./ledger.ts";
import type { SessionLimits } from "./limits.ts";
import { newOutbox, type Outbox } from "./outbox.ts";
import { type FrameReader, type FrameSink, newFrameReader } from "./reader.ts";
import { applySettings, initialSettings, type PeerSettings } from "./settings.ts";
import { newStream, type Stream, type StreamHandler } from "./stream.ts";

export interface SessionOptions {
  readonly side: "server" | "client";
  readonly wire: Wire;
  readonly peer: Peer;
  readonly clock: Clock;
  readonly limits: SessionLimits;
  readonly budget: Budget;
  /** A server's: a request has begun. Its handler must be set before this returns. */
  readonly onStream?: (stream: Stream) => void;
  /** The peer's first SETTINGS have come. */
  readonly onReady?: () => void;
  /** A stream ended, or the peer takes more of them than before. */
  readonly onRoom?: () => void;
  /** The peer takes no new streams. */
  readonly onGoaway?: () => void;
  /** The connection is closed; session.failure says why, if it was a fault. */
  readonly onClose?: () => void;
}

/** newSession speaks HTTP/2 on a wire from now on. */
export function newSession(options: SessionOptions): Session {
  return new Session(options);
}

/** Compressed header blocks may be this much larger than the list they make, before they are refused. */
const blockSlack = 2;
/** Streams that we reset: the peer may not know yet, and what it still sends on them is no fault. */
const resetMemory = 128;
/** Of this many ids the highest is used for the first GOAWAY of a shutdown (section 6.8). */
const anyStream = maxWindow;

class Session implements FrameSink, Flushable {
  readonly #options: SessionOptions;
  readonly limits: SessionLimits;
  readonly budget: Budget;
  readonly peer: Peer;
  readonly wire: Wire;
  readonly socket: Socket;
  readonly out: Outbox = newOutbox();
  readonly peerSettings: PeerSettings = initialSettings();
  readonly #server: boolean;
  readonly #reader: FrameReader;
  readonly #decoder: Decoder;
  readonly #block: HeaderBlock;
  readonly #resets: Ledger;
  readonly #controls: Ledger;
  readonly #streams = new Map<number, Stream>();
  /** sendWindow is how much the peer takes now on all streams together. */
  sendWindow: number = defaultWindow;
  /** pressed: the socket holds so much that DATA must wait. */
  pressed = false;
  waiting = false;
  /** failure says why the connection ended or is about to. */
  failure: Failure | undefined = undefined;
  /** When the last stream ended, on the clock. */
  idleSince: number;
  #receiveWindow: number;
  #taken = 0;
  #line: Stream[] = [];
  #lastId = 0; // the highest stream that the peer opened
  #nextId = 1;
  #acceptId: number = anyStream; // streams above were told to be tried elsewhere
  #resetIds: number[] = [];
  #prefaceLeft: number;
  #ready = false;
  #goaway = false;
  #closing = false;
  #ending = false;
  #dead = false;
  #pings = new Map<number, () => void>();
  #pingId = 0;
  #pressedSince = 0;
  #stalledAt = 0;
  #wake: (() => void) | undefined = undefined;
  #endTimer: Timer | undefined = undefined;

  constructor(options: SessionOptions) {
    const { wire, limits, clock } = options;
    this.#options = options;
    this.limits = limits;
    this.budget = options.budget;
    this.peer = options.peer;
    this.wire = wire;
    this.socket = wire.socket;
    this.#server = options.side === "server";
    this.#prefaceLeft = this.#server ? preface.length : 0;
    this.idleSince = clock.now();
    this.#receiveWindow = limits.connectionWindowBytes;
    this.#reader = newFrameReader(this);
    this.#decoder = newDecoder({
      maxTableBytes: 4096,
      maxListBytes: limits.headerBytes,
      kind: this.#server ? "request" : "response",
      ...(this.#server ? { apart: "grpc-timeout" } : {}),
    });
    this.#block = newHeaderBlock(limits.headerBytes * blockSlack);
    this.#resets = newLedger(limits.resets, clock);
    this.#controls = newLedger(limits.controls, clock);
    wire.onBytes = (buffer, start, end) => this.#read(buffer, start, end);
    wire.socket.on("drain", () => this.#onDrain());
    wire.socket.on("error", (err) => this.#lose(err));
    wire.socket.on("close", () => this.#onClose());
    wire.socket.on("end", () => this.#lose(undefined));
    this.#hello();
  }

  /** size is how many streams are open. */
  get size(): number {
    return this.#streams.size;
  }

  /** established: the peer's settings have come. */
  get established(): boolean {
    return this.#ready;
  }

  /** ready: the peer's settings have come, and it takes new streams. */
  get ready(): boolean {
    return this.#ready && !this.#goaway && !this.#closing && !this.#dead;
  }

  /** room is how many more streams the peer takes now; a client's. */
  get room(): number {
    return this.ready ? this.peerSettings.streams - this.#streams.size : 0;
  }

  /** opened is how many streams were opened from this side. */
  get opened(): number {
    return this.#nextId >> 1;
  }

  get closed(): boolean {
    return this.#dead;
  }

  /** open starts a stream, only while there is room. The first tailBytes of `tail` are one more field, encoded. `end`: there is no body. */
  open(fields: Fields, handler: StreamHandler, end: boolean, tail?: Uint8Array, tailBytes?: number): Stream {
    const stream = newStream(this, this.#nextId, fields, undefined);
    this.#nextId += 2;
    stream.handler = handler;
    this.#streams.set(stream.id, stream);
    this.out.headers(stream.id, encodeFields(fields), end, tail, tailBytes);
    if (end) stream.ended = true;
    flushLater(this);
    return stream;
  }

  /** ping asks the peer for a sign of life. */
  ping(onAck: () => void): void {
    if (this.#dead || this.#pings.size >= 8) return;
    const id = ++this.#pingId;
    this.#pings.set(id, onAck);
    const payload = Buffer.alloc(8);
    payload.writeUInt32BE(id, 4);
    this.out.ping(payload, 0, false);
    flushLater(this);
  }

  /** close takes no new streams, and ends the connection when the last one has. A server first lets streams that are on their way still in (section 6.8). */
  close(): void {
    if (this.#closing || this.#dead) return;
    this.#closing = true;
    if (!this.#server || this.#lastId === 0) {
      this.#sayGoaway();
      return;
    }
    this.out.goaway(anyStream, h2.noError);
    this.ping(() => this.#sayGoaway());
    this.#endTimer = this.#options.clock.after(this.limits.lingerMs, () => this.#sayGoaway(), { background: true });
  }

  /** destroy ends the connection and all its streams now, after a GOAWAY with this code. */
  destroy(code: number, why: string): void {
    this.#fail(code, why);
    this.socket.destroy();
  }

  /** sweep closes a connection without streams for idleMs, and cuts one whose output does not move. */
  sweep(now: number, idleMs: number): void {
    if (this.pressed) {
      const written = this.socket.bytesWritten - this.socket.writableLength;
      if (written !== this.#stalledAt) {
        this.#stalledAt = written;
        this.#pressedSince = now;
      } else if (now - this.#pressedSince >= this.limits.stallMs) this.destroy(h2.calm, "the peer does not read");
    } else if (this.#streams.size === 0 && now - this.idleSince >= idleMs) this.close();
  }

  // What streams report.

  /** line has a stream wait its turn for window and socket. */
  line(stream: Stream): void {
    if (stream.lined) return;
    stream.lined = true;
    this.#line.push(stream);
  }

  othersWait(stream: Stream): boolean {
    return this.#line.length > (stream.lined ? 1 : 0);
  }

  /** checkPressure looks whether the socket takes more. */
  checkPressure(): void {
    if (this.pressed || this.socket.writableLength < this.limits.pressureBytes) return;
    this.pressed = true;
    this.#pressedSince = this.#options.clock.now();
    this.#stalledAt = -1;
  }

  /** sentEnd: our side of a stream is complete. */
  sentEnd(stream: Stream): void {
    if (stream.heard) {
      this.#remove(stream);
      return;
    }
    if (!this.#server) return;
    stream.ignore();
    // The answer is complete and the request is not. A reset now could overtake the answer (section 8.1), so the client gets a moment.
    this.#options.clock.after(
      this.limits.lingerMs,
      () => {
        if (!stream.over) this.resetStream(stream, h2.noError);
      },
      { background: true },
    );
  }

  /** resetStream gives up a stream. Its handler is not told. */
  resetStream(stream: Stream, code: number): void {
    this.out.reset(stream.id, code);
    this.#rememberReset(stream.id);
    this.#remove(stream);
    flushLater(this);
  }

  flush(): void {
    if (this.#dead) return;
    this.out.flush();
    const waiting = this.socket.writableLength;
    if (waiting < this.limits.pressureBytes) return;
    this.checkPressure();
    if (waiting >= this.limits.floodBytes) this.socket.pause();
  }

  // What the reader reports.

  onHead(length: number, type: number, flags: number, stream: number): boolean {
    if (this.#dead) return false;
    if (length > frameBytes) return this.#fault(h2.frameSize, `a frame of ${length} bytes`);
    if (this.#block.stream !== 0 && (type !== frame.continuation || stream !== this.#block.stream))
      return this.#fault(h2.protocol, "a frame inside a header block");
    if (!this.#ready && type !== frame.settings) return this.#fault(h2.protocol, "no SETTINGS at the start");
    if (!this.#ready && (flags & flag.ack) !== 0) return this.#fault(h2.protocol, "SETTINGS at the start is an acknowledgement");
    return true;
  }

  onData(id: number, flags: number, buffer: Buffer, start: number, end: number, last: boolean, inPlace: boolean): void {
    if (this.#dead) return;
    const length = end - start;
    this.#receive(length);
    const stream = this.#streams.get(id);
    if (stream === undefined || stream.heard) {
      this.#onStrayData(id, stream);
      return;
    }
    const endStream = last && (flags & flag.endStream) !== 0;
    if (length > 0) {
      stream.receiveWindow -= length;
      if (stream.receiveWindow < 0) return void this.#streamFault(stream, h2.flowControl);
      if (stream.announced >= 0) {
        stream.announced -= length;
        if (stream.announced < 0) return void this.#streamFault(stream, h2.protocol);
      }
      if (!this.#server && !stream.answered) return void this.#streamFault(stream, h2.protocol);
      if (endStream) stream.heard = true;
      stream.handler.onData(buffer, start, end, endStream, inPlace);
    } else if (!endStream && last && !this.#controls.spend()) {
      this.#fault(h2.calm, "too many empty frames");
      return;
    }
    if (endStream && !stream.over) this.#heardEnd(stream, undefined);
  }

  onFrame(type: number, flags: number, id: number, buffer: Buffer, start: number, end: number): void {
    switch (type) {
      case frame.data:
        return void this.#onPaddedData(flags, id, buffer, start, end);
      case frame.headers:
        return void this.#onHeaders(flags, id, buffer, start, end);
      case frame.priority:
        return void this.#onPriority(id, buffer, start, end);
      case frame.reset:
        return void this.#onReset(id, buffer, start, end);
      case frame.settings:
        return void this.#onSettings(flags, id, buffer, start, end);
      case frame.push:
        return void this.#fault(h2.protocol, "PUSH_PROMISE");
      case frame.ping:
        return void this.#onPing(flags, id, buffer, start, end);
      case frame.goaway:
        return void this.#onGoaway(id, buffer, start, end);
      case frame.window:
        return void this.#onWindow(id, buffer, start, end);
      case frame.continuation:
        return void this.#onContinuation(flags, id, buffer, start, end);
      default:
        if (!this.#controls.spend()) this.#fault(h2.calm, "too many frames of unknown type");
    }
  }

  #hello(): void {
    const { limits, out } = this;
    if (!this.#server) out.raw(preface);
    const settings: [number, number][] = [
      [setting.window, limits.streamWindowBytes],
      [setting.listBytes, limits.headerBytes],
    ];
    settings.push(this.#server ? [setting.streams, limits.streams] : [setting.push, 0]);
    out.settings(settings);
    if (limits.connectionWindowBytes > defaultWindow) out.window(0, limits.connectionWindowBytes - defaultWindow);
    out.socket = this.socket;
    out.secure = this.socket instanceof TLSSocket;
    flushLater(this);
  }

  #read(buffer: Buffer, start: number, end: number): void {
    let at = start;
    while (this.#prefaceLeft > 0 && at < end) {
      if (buffer[at] !== preface[preface.length - this.#prefaceLeft]) return void this.#fault(h2.protocol, "no HTTP/2 preface");
      this.#prefaceLeft--;
      at++;
    }
    if (at < end) this.#reader.read(buffer, at, end);
  }

  #onHeaders(flags: number, id: number, buffer: Buffer, start: number, end: number): void {
    let from = start;
    let to = end;
    if ((flags & flag.padded) !== 0) {
      if (from >= to || buffer[from]! > to - from - 1) return void this.#fault(h2.protocol, "padding longer than its frame");
      to -= buffer[from]!;
      from++;
    }
    if ((flags & flag.priority) !== 0) {
      if (to - from < 5) return void this.#fault(h2.frameSize, "HEADERS without its priority");
      if (uint31(buffer, from) === id) return void this.#fault(h2.protocol, "a stream that depends on itself");
      from += 5;
    }
    if (id === 0) return void this.#fault(h2.protocol, "HEADERS on no stream");
    if ((flags & flag.endHeaders) === 0) return void this.#block.begin(id, flags, buffer, from, to);
    this.#onBlock(id, (flags & flag.endStream) !== 0, buffer, from, to);
  }

  #onContinuation(flags: number, id: number, buffer: Buffer, start: number, end: number): void {
    if (this.#block.stream === 0) return void this.#fault(h2.protocol, "CONTINUATION without HEADERS");
    const code = this.#block.add(buffer, start, end);
    if (code !== h2.noError) return void this.#fault(code, "a header block too long");
    if ((flags & flag.endHeaders) === 0) return;
    const { endStream } = this.#block;
    const whole = this.#block.take();
    this.#onBlock(id, endStream, whole, 0, whole.length);
  }

  /** A whole header block: a request, an answer, or trailers. It must be decoded whatever becomes of it, since later blocks build on it. */
  #onBlock(id: number, end: boolean, buffer: Buffer, start: number, to: number): void {
    let block: Block;
    try {
      block = this.#decoder.decode(buffer, start, to);
    } catch (err) {
      if (!isFailure(err)) throw err;
      return void this.#fault(h2.compression, err.message);
    }
    const stream = this.#streams.get(id);
    if (stream !== undefined) {
      if (stream.heard) return void this.#fault(h2.streamClosed, "HEADERS after the end of a stream");
      if (this.#server || stream.answered) this.#onTrailers(stream, block, end);
      else this.#onAnswer(stream, block, end);
    } else if (!this.#server) this.#onStrayHeaders(id);
    else if ((id & 1) === 0) this.#fault(h2.protocol, "a client's stream with an even number");
    else if (id <= this.#lastId) {
      if (!this.#resetIds.includes(id)) this.#fault(h2.streamClosed, "HEADERS on a closed stream");
    } else this.#onRequest(id, block, end);
  }

  #onRequest(id: number, block: Block, end: boolean): void {
    this.#lastId = id;
    if (id > this.#acceptId) return; // after the last GOAWAY: the client knows that it was not seen
    if (this.#streams.size >= this.limits.streams) return void this.#refuse(id, h2.refused);
    if (block.malformed !== undefined || block.tooLarge) return void this.#refuse(id, block.tooLarge ? h2.calm : h2.protocol);
    const stream = newStream(this, id, block.fields, block.apart);
    const announced = block.fields.get("content-length");
    if (announced !== undefined) {
      stream.announced = /^\d{1,15}$/.test(announced) ? Number(announced) : -2;
      if (stream.announced === -2 || (end && stream.announced > 0)) return void this.#refuse(id, h2.protocol);
    }
    this.#streams.set(id, stream);
    this.#options.onStream!(stream);
    if (end && !stream.over) {
      stream.heard = true;
      this.#heardEnd(stream, undefined);
    }
  }

  #refuse(id: number, code: number): void {
    this.out.reset(id, code);
    this.#rememberReset(id);
    flushLater(this);
    if (!this.#resets.spend()) this.#fault(h2.calm, "too many streams reset");
  }

  #onAnswer(stream: Stream, block: Block, end: boolean): void {
    if (block.malformed !== undefined || block.tooLarge) return void this.#streamFault(stream, h2.protocol);
    const status = block.fields.list[0]!.value;
    if (status.length === 3 && status.charCodeAt(0) === 0x31) {
      // 1xx: more is to come, and so it must
      if (end) this.#streamFault(stream, h2.protocol);
      return;
    }
    stream.answered = true;
    if (end) stream.heard = true;
    stream.handler.onHeaders(block.fields, end);
    if (end && !stream.over) this.#heardEnd(stream, undefined);
  }

  #onTrailers(stream: Stream, block: Block, end: boolean): void {
    if (!end || block.tooLarge || trailersFault(block.fields) !== undefined) return void this.#streamFault(stream, h2.protocol);
    stream.heard = true;
    this.#heardEnd(stream, block.fields);
  }

  #onStrayHeaders(id: number): void {
    if ((id & 1) === 0 || id >= this.#nextId) this.#fault(h2.protocol, "HEADERS on a stream that was never opened");
  }

  #heardEnd(stream: Stream, trailers: Fields | undefined): void {
    stream.heard = true;
    if (stream.announced > 0) return void this.#streamFault(stream, h2.protocol);
    stream.handler.onEnd(trailers);
    if (stream.over) return;
    if (stream.ended && stream.queued === 0) this.#remove(stream);
    else if (!this.#server) {
      // The whole answer is there, and the request is not: nobody will read the rest (section 8.1).
      this.resetStream(stream, h2.noError);
    }
  }

  #onPaddedData(flags: number, id: number, buffer: Buffer, start: number, end: number): void {
    const padding = end > start ? buffer[start]! : 256;
    if (id === 0 || padding > end - start - 1) return void this.#fault(h2.protocol, "padding longer than its frame");
    const from = start + 1;
    const to = end - padding;
    // Padding counts against both windows, and is given back at once.
    this.#receive(end - start - (to - from));
    const stream = this.#streams.get(id);
    if (stream !== undefined) {
      stream.receiveWindow -= padding + 1;
      stream.consumed(padding + 1);
    }
    this.onData(id, flags, buffer, from, to, true, false);
  }

  #onStrayData(id: number, stream: Stream | undefined): void {
    if (id === 0 || this.#isIdle(id)) return void this.#fault(h2.protocol, "DATA on a stream that was never opened");
    if (this.#resetIds.includes(id)) return;
    if (stream !== undefined) return void this.#streamFault(stream, h2.streamClosed);
    this.out.reset(id, h2.streamClosed);
    this.#rememberReset(id);
    flushLater(this);
    if (!this.#resets.spend()) this.#fault(h2.calm, "too many streams reset");
  }

  #onPriority(id: number, buffer: Buffer, start: number, end: number): void {
    if (id === 0) return void this.#fault(h2.protocol, "PRIORITY on no stream");
    if (end - start !== 5) return void this.#fallOut(id, h2.frameSize);
    if (uint31(buffer, start) === id) return void this.#fallOut(id, h2.protocol);
    if (!this.#controls.spend()) this.#fault(h2.calm, "too many PRIORITY frames");
  }

  #onReset(id: number, buffer: Buffer, start: number, end: number): void {
    if (end - start !== 4) return void this.#fault(h2.frameSize, "RST_STREAM of a wrong length");
    if (id === 0 || this.#isIdle(id)) return void this.#fault(h2.protocol, "RST_STREAM on a stream that was never opened");
    const stream = this.#streams.get(id);
    if (stream !== undefined) {
      this.#remove(stream);
      stream.handler.onReset(buffer.readUInt32BE(start));
    }
    if (this.#server && !this.#resets.spend()) this.#fault(h2.calm, "too many streams reset");
  }

  #onSettings(flags: number, id: number, buffer: Buffer, start: number, end: number): void {
    if (id !== 0) return void this.#fault(h2.protocol, "SETTINGS on a stream");
    if ((flags & flag.ack) !== 0) {
      if (end > start) this.#fault(h2.frameSize, "an acknowledgement of SETTINGS that says something");
      return;
    }
    if ((end - start) % 6 !== 0) return void this.#fault(h2.frameSize, "SETTINGS of a wrong length");
    const before = this.peerSettings.window;
    const code = applySettings(this.peerSettings, buffer, start, end, !this.#server);
    if (code !== h2.noError) return void this.#fault(code, "a setting out of its range");
    const change = this.peerSettings.window - before;
    if (change !== 0) {
      for (const stream of this.#streams.values()) {
        stream.sendWindow += change;
        if (stream.sendWindow > maxWindow) return void this.#fault(h2.flowControl, "a window past 2^31-1");
      }
    }
    if (!this.#controls.spend()) return void this.#fault(h2.calm, "too many SETTINGS");
    this.out.settingsAck();
    flushLater(this);
    if (!this.#ready) {
      this.#ready = true;
      this.#options.onReady?.();
    } else this.#options.onRoom?.();
    this.#pump();
  }

  #onPing(flags: number, id: number, buffer: Buffer, start: number, end: number): void {
    if (id !== 0) return void this.#fault(h2.protocol, "PING on a stream");
    if (end - start !== 8) return void this.#fault(h2.frameSize, "PING of a wrong length");
    if ((flags & flag.ack) !== 0) {
      const number = buffer.readUInt32BE(start + 4);
      const onAck = this.#pings.get(number);
      this.#pings.delete(number);
      onAck?.();
      return;
    }
    if (!this.#controls.spend()) return void this.#fault(h2.calm, "too many PINGs");
    this.out.ping(buffer, start, true);
    flushLater(this);
  }

  #onGoaway(id: number, buffer: Buffer, start: number, end: number): void {
    if (id !== 0) return void this.#fault(h2.protocol, "GOAWAY on a stream");
    if (end - start < 8) return void this.#fault(h2.frameSize, "GOAWAY of a wrong length");
    const last = uint31(buffer, start);
    if (!this.#goaway) {
      this.#goaway = true;
      this.#options.onGoaway?.();
    }
    if (this.#server) return;
    for (const stream of [...this.#streams.values()]) {
      if (stream.id <= last || stream.over) continue;
      this.#remove(stream);
      stream.handler.onReset(h2.refused); // the peer has not looked at it (section 6.8)
    }
    this.#endWhenDone();
  }

  #onWindow(id: number, buffer: Buffer, start: number, end: number): void {
    if (end - start !== 4) return void this.#fault(h2.frameSize, "WINDOW_UPDATE of a wrong length");
    const increment = uint31(buffer, start);
    if (id === 0) {
      if (increment === 0) return void this.#fault(h2.protocol, "WINDOW_UPDATE by nothing");
      const blocked = this.sendWindow <= 0 || this.#line.length > 0;
      this.sendWindow += increment;
      if (this.sendWindow > maxWindow) return void this.#fault(h2.flowControl, "a window past 2^31-1");
      if (blocked) this.#pump();
      else if (increment < 1024 && !this.#controls.spend()) this.#fault(h2.calm, "too many WINDOW_UPDATEs");
      return;
    }
    if (this.#isIdle(id)) return void this.#fault(h2.protocol, "WINDOW_UPDATE on a stream that was never opened");
    const stream = this.#streams.get(id);
    if (stream === undefined) {
      if (!this.#controls.spend()) this.#fault(h2.calm, "too many WINDOW_UPDATEs");
      return;
    }
    if (increment === 0) return void this.#streamFault(stream, h2.protocol);
    const blocked = stream.queued > 0;
    stream.sendWindow += increment;
    if (stream.sendWindow > maxWindow) return void this.#streamFault(stream, h2.flowControl);
    if (blocked) this.#pump();
    else if (increment < 1024 && !this.#controls.spend()) this.#fault(h2.calm, "too many WINDOW_UPDATEs");
  }

  /** #receive counts bytes against the connection's window, and gives them back in large steps; not while the process holds all that it may. */
  #receive(bytes: number): void {
    this.#receiveWindow -= bytes;
    if (this.#receiveWindow < 0) return void this.#fault(h2.flowControl, "more than the connection's window");
    this.#taken += bytes;
    if (this.#taken >= this.limits.connectionWindowBytes >> 1) this.#giveBack();
  }

  #giveBack(): void {
    if (this.#dead) return;
    if (this.budget.exhausted) {
      this.#wake ??= () => {
        this.#wake = undefined;
        this.#giveBack();
      };
      this.budget.wait(this.#wake);
      return;
    }
    this.#receiveWindow += this.#taken;
    this.out.window(0, this.#taken);
    this.#taken = 0;
    flushLater(this);
  }

  #onDrain(): void {
    if (!this.pressed) return;
    this.pressed = false;
    if (this.socket.isPaused()) this.socket.resume();
    this.#pump();
  }

  /** #pump lets streams that wait send, one frame each in turn. */
  #pump(): void {
    let tries = this.#line.length; // a stream whose own window is shut goes to the back of the line
    while (tries > 0 && this.sendWindow > 0 && !this.pressed) {
      const stream = this.#line.shift();
      if (stream === undefined) return;
      stream.lined = false;
      if (stream.over) {
        tries--;
        continue;
      }
      const before = stream.queued;
      stream.pump(true);
      if (stream.queued === before) tries--;
      else tries = this.#line.length;
    }
  }

  #isIdle(id: number): boolean {
    const ours = ((id & 1) === 1) !== this.#server;
    return ours ? id >= this.#nextId : id > this.#lastId;
  }

  #remove(stream: Stream): void {
    stream.over = true;
    this.#streams.delete(stream.id);
    if (stream.queued > 0) stream.drop();
    if (this.#streams.size === 0) {
      this.idleSince = this.#options.clock.now();
      this.#endWhenDone();
    }
    this.#options.onRoom?.();
  }

  #rememberReset(id: number): void {
    if (this.#resetIds.push(id) > resetMemory) this.#resetIds.shift();
  }

  /** #streamFault ends one stream for something that its peer did wrong. */
  #streamFault(stream: Stream, code: number): void {
    this.resetStream(stream, code);
    stream.handler.onReset(code);
    if (this.#server && !this.#resets.spend()) this.#fault(h2.calm, "too many streams reset");
  }

  #fallOut(id: number, code: number): void {
    const stream = this.#streams.get(id);
    if (stream !== undefined) return void this.#streamFault(stream, code);
    this.out.reset(id, code);
    flushLater(this);
    if (!this.#resets.spend()) this.#fault(h2.calm, "too many streams reset");
  }

  #sayGoaway(): void {
    this.#endTimer?.cancel();
    if (this.#dead) return;
    this.#acceptId = this.#lastId;
    this.out.goaway(this.#server ? this.#lastId : 0, h2.noError);
    flushLater(this);
    this.#endWhenDone();
  }

  #endWhenDone(): void {
    if (this.#dead || this.#ending || this.#streams.size > 0) return;
    const told = this.#server ? this.#closing && this.#acceptId !== anyStream : this.#closing || this.#goaway;
    if (!told) return;
    this.#ending = true;
    this.#endTimer?.cancel();
    this.flush();
    this.socket.end();
    // A peer that does not close its side is not waited for.
    this.#endTimer = this.#options.clock.after(this.limits.lingerMs, () => this.socket.destroy(), { background: true });
  }

  /** #fault ends the connection for something that the peer did wrong. Always false, for onHead. */
  #fault(code: number, why: string): false {
    this.#fail(code, why);
    this.socket.destroySoon();
    this.#endTimer ??= this.#options.clock.after(this.limits.lingerMs, () => this.socket.destroy(), { background: true });
    return false;
  }

  #fail(code: number, why: string): void {
    if (this.#dead) return;
    this.failure ??= newError(Code.Unavailable, code === h2.noError || code === h2.cancel ? why : `HTTP/2 ${h2Name(code)}: ${why}`);
    this.out.goaway(this.#lastId, code);
    this.out.flush();
    this.#die(h2.cancel);
  }

  #lose(cause: unknown): void {
    if (this.#dead) return;
    this.failure ??= newError(Code.Unavailable, "connection closed", cause);
    this.#die(h2.cancel);
    this.socket.destroy();
  }

  #die(code: number): void {
    this.#dead = true;
    this.#reader.stop();
    this.#line = [];
    if (this.#wake !== undefined) this.budget.forget(this.#wake);
    const streams = [...this.#streams.values()];
    this.#streams.clear();
    for (const stream of streams) {
      stream.over = true;
      if (stream.queued > 0) stream.drop();
      stream.handler.onReset(code);
    }
  }

  #onClose(): void {
    this.#lose(undefined);
    this.#endTimer?.cancel();
    this.#pings.clear();
    this.#options.onClose?.();
  }
}
export type { Session };
