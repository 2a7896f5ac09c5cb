// Data plane. One HTTP/2 connection, of either side (RFC 9113). Here is what it is made of, and what becomes of its frames; DATA, which most bytes are in, at once.
import type { Socket } from "node:net";
import type { Clock, Failure } from "@tfs/std";
import type { Fields } from "../fields.ts";
import type { Peer } from "../peer.ts";
import { type Flushable, flushLater } from "../turn.ts";
import type { Wire } from "../wire.ts";
import { type Blocks, newBlocks } from "./blocks.ts";
import type { Budget } from "./budget.ts";
import { type Controls, newControls } from "./controls.ts";
import { type Flow, newFlow } from "./flow.ts";
import { flag, frame, frameBytes, h2, preface, setting } from "./frame.ts";
import { type Life, newLife } from "./life.ts";
import type { SessionLimits } from "./limits.ts";
import { newOutbox, type Outbox } from "./outbox.ts";
import { type FrameReader, type FrameSink, newFrameReader } from "./reader.ts";
import { type Held, newHeld } from "./held.ts";
import { initialSettings, type PeerSettings } from "./settings.ts";
import type { Stream, StreamHandler } from "./stream.ts";
import { newStreams, type Streams } from "./streams.ts";

export interface SessionOptions {
  readonly side: "server" | "client";
  readonly wire: Wire;
  readonly peer: Peer;
  readonly clock: Clock;
  readonly limits: SessionLimits;
  readonly budget: Budget;
  /** A server's: asked of each request when its fields have come. Fields are its whole answer, and nothing else is made of it; undefined: onStream hears of it. Default: none is refused. */
  readonly refuse?: ((fields: Fields, peer: Peer) => Fields | undefined) | undefined;
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

class Session implements FrameSink, Flushable {
  readonly options: SessionOptions;
  readonly server: boolean;
  readonly limits: SessionLimits;
  readonly budget: Budget;
  readonly peer: Peer;
  readonly wire: Wire;
  readonly socket: Socket;
  readonly out: Outbox = newOutbox();
  readonly peerSettings: PeerSettings = initialSettings();
  readonly life: Life;
  readonly flow: Flow;
  readonly streams: Streams;
  readonly controls: Controls;
  readonly blocks: Blocks;
  readonly held: Held;
  readonly reader: FrameReader;
  waiting = false;
  #prefaceLeft: number;

  constructor(options: SessionOptions) {
    const { wire } = options;
    this.options = options;
    this.server = options.side === "server";
    this.limits = options.limits;
    this.budget = options.budget;
    this.peer = options.peer;
    this.wire = wire;
    this.socket = wire.socket;
    this.life = newLife(this);
    this.flow = newFlow(this);
    this.streams = newStreams(this);
    this.controls = newControls(this);
    this.blocks = newBlocks(this);
    this.held = newHeld(this);
    this.reader = newFrameReader(this);
    this.#prefaceLeft = this.server ? preface.length : 0;
    wire.onBytes = (buffer, start, end) => this.#read(buffer, start, end);
    wire.onDrain = () => this.flow.onDrain();
    wire.socket.on("error", (err) => this.life.lose(err));
    wire.socket.on("close", () => this.life.onClose());
    wire.socket.on("end", () => this.life.lose(undefined));
    this.#hello();
  }

  /** size is how many streams are open. */
  get size(): number {
    return this.streams.size;
  }

  /** established: the peer's settings have come. */
  get established(): boolean {
    return this.life.established;
  }

  /** room is how many more streams the peer takes now; a client's. */
  get room(): number {
    return this.life.ready ? this.peerSettings.streams - this.streams.size : 0;
  }

  /** opened is how many streams were opened from this side. */
  get opened(): number {
    return this.streams.nextId >> 1;
  }

  /** failure says why the connection ended or is about to. */
  get failure(): Failure | undefined {
    return this.life.failure;
  }

  /** open starts a stream, only while there is room. The first tailBytes of `tail` are one more field, encoded. `end`: there is no body. */
  open(fields: Fields, handler: StreamHandler, end: boolean, tail?: Uint8Array, tailBytes?: number): Stream {
    return this.streams.open(fields, handler, end, tail, tailBytes);
  }

  /** ping asks the peer for a sign of life. */
  ping(onAck: () => void): void {
    this.controls.ping(onAck);
  }

  /** close takes no new streams, and ends the connection when the last one has. */
  close(): void {
    this.life.close();
  }

  /** destroy ends the connection and all its streams now, after a GOAWAY with this code. */
  destroy(code: number, why: string): void {
    this.life.destroy(code, why);
  }

  /** sweep, called now and then, closes a connection without streams for idleMs, and cuts one that does not move on with what it has begun, or does not read. */
  sweep(now: number, idleMs: number): void {
    this.life.sweep(now, idleMs);
  }

  flush(): void {
    if (this.life.dead) return;
    this.out.flush();
    const waiting = this.wire.output.unsent;
    if (waiting < this.limits.pressureBytes) return;
    this.flow.checkPressure();
    if (waiting >= this.limits.floodBytes) this.socket.pause();
  }

  onHead(length: number, type: number, flags: number, stream: number): boolean {
    const { life } = this;
    if (life.dead) return false;
    if (length > frameBytes) return life.fault(h2.frameSize, `a frame of ${length} bytes`);
    const inside = this.blocks.stream;
    if (inside !== 0 && (type !== frame.continuation || stream !== inside)) return life.fault(h2.protocol, "a frame inside a header block");
    if (!life.established && type !== frame.settings) return life.fault(h2.protocol, "no SETTINGS at the start");
    if (!life.established && (flags & flag.ack) !== 0) return life.fault(h2.protocol, "SETTINGS at the start is an acknowledgement");
    return true;
  }

  onData(id: number, flags: number, buffer: Buffer, start: number, end: number, last: boolean, inPlace: boolean): void {
    if (this.life.dead) return;
    const length = end - start;
    this.flow.receive(length);
    const endStream = last && (flags & flag.endStream) !== 0;
    if (this.streams.refused > 0) {
      if (endStream && this.streams.endRefused(id, length)) return;
      this.streams.embody(id);
    }
    const stream = this.streams.get(id);
    if (stream === undefined || stream.heard) {
      this.streams.onStrayData(id, stream, endStream);
      return;
    }
    if (!this.server && !stream.answered) return void this.streams.fault(stream, h2.protocol); // an answer begins with fields
    if (length > 0) {
      stream.receiveWindow -= length;
      if (stream.receiveWindow < 0) return void this.streams.fault(stream, h2.flowControl);
      if (stream.announced >= 0) {
        stream.announced -= length;
        if (stream.announced < 0) return void this.streams.fault(stream, h2.protocol);
      }
      if (endStream) stream.heard = true;
      stream.handler.onData(buffer, start, end, endStream, inPlace);
    } else if (!endStream && last && !this.controls.spend("empty DATA frames")) return;
    if (endStream && !stream.over) this.streams.heardEnd(stream, undefined);
  }

  onFrame(type: number, flags: number, id: number, buffer: Buffer, start: number, end: number): void {
    if (this.streams.refused > 0) this.streams.embody(id);
    switch (type) {
      case frame.data:
        return void this.#onPaddedData(flags, id, buffer, start, end);
      case frame.headers:
        return void this.blocks.onHeaders(flags, id, buffer, start, end);
      case frame.priority:
        return void this.controls.onPriority(id, buffer, start, end);
      case frame.reset:
        return void this.streams.onReset(id, buffer, start, end);
      case frame.settings:
        return void this.controls.onSettings(flags, id, buffer, start, end);
      case frame.push:
        return void this.life.fault(h2.protocol, "PUSH_PROMISE");
      case frame.ping:
        return void this.controls.onPing(flags, id, buffer, start, end);
      case frame.goaway:
        return void this.controls.onGoaway(id, buffer, start, end);
      case frame.window:
        return void this.controls.onWindow(id, buffer, start, end);
      case frame.continuation:
        return void this.blocks.onContinuation(flags, id, buffer, start, end);
      default:
        this.controls.spend("frames of unknown type");
    }
  }

  #onPaddedData(flags: number, id: number, buffer: Buffer, start: number, end: number): void {
    const padding = end > start ? buffer[start]! : 256;
    if (id === 0 || padding > end - start - 1) return void this.life.fault(h2.protocol, "padding longer than its frame");
    // Padding counts against both windows, and is given back at once.
    this.flow.receive(padding + 1);
    const stream = this.streams.get(id);
    if (stream !== undefined) {
      stream.receiveWindow -= padding + 1;
      stream.consumed(padding + 1);
    }
    this.onData(id, flags, buffer, start + 1, end - padding, true, false);
  }

  #hello(): void {
    const { limits, out, server } = this;
    if (!server) out.raw(preface);
    out.settings([
      [setting.window, this.flow.streamWindow],
      [setting.listBytes, limits.headerBytes],
      server ? [setting.streams, limits.streams] : [setting.push, 0],
    ]);
    this.flow.told();
    out.output = this.wire.output;
    flushLater(this);
  }

  #read(buffer: Buffer, start: number, end: number): void {
    let at = start;
    while (this.#prefaceLeft > 0 && at < end) {
      if (buffer[at] !== preface[preface.length - this.#prefaceLeft]) return void this.life.fault(h2.protocol, "no HTTP/2 preface");
      this.#prefaceLeft--;
      at++;
    }
    if (at < end) this.reader.read(buffer, at, end);
    if (this.streams.refused > 0) this.streams.embodyAll();
    if (this.held.any) this.held.release();
  }
}
export type { Session };
