// Frames that carry no request: SETTINGS, PING, PRIORITY, GOAWAY and WINDOW_UPDATE. They cost us and hardly their sender, so each peer has so many and no more.
import { flushLater } from "../turn.ts";
import { flag, h2, maxWindow, uint31 } from "./frame.ts";
import { type Ledger, newLedger } from "./ledger.ts";
import type { Session } from "./session.ts";
import { applySettings } from "./settings.ts";

/** newControls has heard nothing so far. */
export function newControls(session: Session): Controls {
  return new Controls(session);
}

/** Of our own PINGs so many may be unanswered. */
const pingsMax = 8;
/** A WINDOW_UPDATE for which nobody waits and that gives less than this is one too many. */
const incrementMin = 1024;
/**
 * So many frames a peer may send for each DATA frame of ours, whatever else it sends: gRPC's C core gives back both windows, however little it has read, and measures
 * the way by PINGs, as grpc-go does. Envoy allows ten (max_inbound_window_update_frames_per_data_frame_sent).
 */
const repliesPerData = 4;

class Controls {
  readonly #session: Session;
  readonly #ledger: Ledger;
  /** Those that are unanswered, by number; made for the first. */
  #pings: Map<number, () => void> | undefined = undefined;
  #pingId = 0;
  /** Of what our DATA frames call for, so many have come. */
  #replies = 0;

  constructor(session: Session) {
    this.#session = session;
    this.#ledger = newLedger(session.limits.controls, session.options.clock);
  }

  /** spend counts one frame without use; false when that was one too many, and the connection's end. */
  spend(of: string): boolean {
    return this.#ledger.spend() || this.#session.life.fault(h2.calm, `too many ${of}`);
  }

  /** reply counts one frame that our DATA may have called for, and is one without use if that called for no more. */
  #reply(of: string): boolean {
    if (this.#replies >= this.#session.out.dataFrames * repliesPerData) return this.spend(of);
    this.#replies++;
    return true;
  }

  /** ping asks the peer for a sign of life. */
  ping(onAck: () => void): void {
    this.#pings ??= new Map();
    if (this.#session.life.dead || this.#pings.size >= pingsMax) return;
    const id = ++this.#pingId;
    this.#pings.set(id, onAck);
    const payload = Buffer.alloc(8);
    payload.writeUInt32BE(id, 4);
    this.#session.out.ping(payload, 0, false);
    flushLater(this.#session);
  }

  /** stop waits for no answer any more. */
  stop(): void {
    this.#pings = undefined;
  }

  onPriority(id: number, buffer: Buffer, start: number, end: number): void {
    const { life, streams } = this.#session;
    if (id === 0) return void life.fault(h2.protocol, "PRIORITY on no stream");
    if (end - start !== 5) return void streams.faultAt(id, h2.frameSize);
    if (uint31(buffer, start) === id) return void streams.faultAt(id, h2.protocol);
    this.spend("PRIORITY frames");
  }

  onSettings(flags: number, id: number, buffer: Buffer, start: number, end: number): void {
    const session = this.#session;
    const { life, peerSettings } = session;
    if (id !== 0) return void life.fault(h2.protocol, "SETTINGS on a stream");
    if ((flags & flag.ack) !== 0) {
      if (end > start) life.fault(h2.frameSize, "an acknowledgement of SETTINGS that says something");
      else session.flow.onAck();
      return;
    }
    if ((end - start) % 6 !== 0) return void life.fault(h2.frameSize, "SETTINGS of a wrong length");
    const before = peerSettings.window;
    const code = applySettings(peerSettings, buffer, start, end, !session.server);
    if (code !== h2.noError) return void life.fault(code, "a setting out of its range");
    const change = peerSettings.window - before;
    if (change !== 0 && !session.streams.resize(change)) return void life.fault(h2.flowControl, "a window past 2^31-1");
    if (!this.spend("SETTINGS")) return;
    session.out.settingsAck();
    flushLater(session);
    if (!life.established) life.establish();
    else session.options.onRoom?.();
    session.flow.pump();
  }

  onPing(flags: number, id: number, buffer: Buffer, start: number, end: number): void {
    const session = this.#session;
    if (id !== 0) return void session.life.fault(h2.protocol, "PING on a stream");
    if (end - start !== 8) return void session.life.fault(h2.frameSize, "PING of a wrong length");
    if ((flags & flag.ack) !== 0) {
      const number = buffer.readUInt32BE(start + 4);
      const onAck = this.#pings?.get(number);
      this.#pings?.delete(number);
      onAck?.();
      return;
    }
    if (!this.#reply("PINGs")) return;
    session.out.ping(buffer, start, true);
    flushLater(session);
  }

  onGoaway(id: number, buffer: Buffer, start: number, end: number): void {
    const { life, server, streams } = this.#session;
    if (id !== 0) return void life.fault(h2.protocol, "GOAWAY on a stream");
    if (end - start < 8) return void life.fault(h2.frameSize, "GOAWAY of a wrong length");
    life.leave();
    if (server) return;
    streams.refuseAbove(uint31(buffer, start));
    life.endWhenDone();
  }

  onWindow(id: number, buffer: Buffer, start: number, end: number): void {
    const { life, streams, flow } = this.#session;
    if (end - start !== 4) return void life.fault(h2.frameSize, "WINDOW_UPDATE of a wrong length");
    const increment = uint31(buffer, start);
    if (id === 0) {
      if (increment === 0) return void life.fault(h2.protocol, "WINDOW_UPDATE by nothing");
      if (!flow.grow(increment) && increment < incrementMin) this.#reply("WINDOW_UPDATEs");
      return;
    }
    if (streams.isIdle(id)) return void life.fault(h2.protocol, "WINDOW_UPDATE on a stream that was never opened");
    const stream = streams.get(id);
    if (stream === undefined) return void this.#reply("WINDOW_UPDATEs");
    if (increment === 0) return void streams.fault(stream, h2.protocol);
    const blocked = stream.queued > 0;
    stream.sendWindow += increment;
    if (stream.sendWindow > maxWindow) return void streams.fault(stream, h2.flowControl);
    if (blocked) flow.pump();
    else if (increment < incrementMin) this.#reply("WINDOW_UPDATEs");
  }
}
export type { Controls };
