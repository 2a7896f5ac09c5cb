// How a connection begins, drains, idles and ends: GOAWAY and the socket's end (RFC 9113, sections 5.4.1 and 6.8).
import { Code, type Failure, newError, type Timer } from "@tfs/std";
import { flushLater } from "../turn.ts";
import { h2, h2Name, maxWindow } from "./frame.ts";
import type { Session } from "./session.ts";
import { newWatch } from "./watch.ts";

/** newLife begins: nothing was heard of the peer. */
export function newLife(session: Session): Life {
  return new Life(session);
}

/** Of all ids the highest is named in the first GOAWAY of a shutdown. */
const anyStream = maxWindow;

class Life {
  readonly #session: Session;
  /** established: the peer's first SETTINGS have come. */
  established = false;
  /** dead: nothing is said or heard any more. */
  dead = false;
  /** failure says why the connection ended or is about to. */
  failure: Failure | undefined = undefined;
  /** Streams above this id were told to be tried elsewhere. */
  acceptId: number = anyStream;
  /** When the last stream ended, on the clock. */
  #idleSince: number;
  /** The peer said GOAWAY. */
  #leaving = false;
  #closing = false;
  #ending = false;
  #timer: Timer | undefined = undefined;
  readonly #beginnings = newWatch();
  readonly #body = newWatch();

  constructor(session: Session) {
    this.#session = session;
    this.#idleSince = session.options.clock.now();
  }

  /** ready: the peer takes new streams. */
  get ready(): boolean {
    return this.established && !this.#leaving && !this.#closing && !this.dead;
  }

  establish(): void {
    this.established = true;
    this.#session.options.onReady?.();
  }

  /** leave: the peer said GOAWAY. */
  leave(): void {
    if (this.#leaving) return;
    this.#leaving = true;
    this.#session.options.onGoaway?.();
  }

  /** rest: the last stream has ended. */
  rest(): void {
    this.#idleSince = this.#session.options.clock.now();
    this.endWhenDone();
  }

  /** close takes no new streams, and ends the connection when the last one has. A server first lets streams that are on their way still in. */
  close(): void {
    if (this.#closing || this.dead) return;
    this.#closing = true;
    const { server, streams, out, controls } = this.#session;
    if (!server || streams.lastId === 0) {
      this.#sayGoaway();
      return;
    }
    out.goaway(anyStream, h2.noError);
    controls.ping(() => this.#sayGoaway());
    this.#after(() => this.#sayGoaway());
  }

  /** destroy ends the connection and all its streams now. */
  destroy(code: number, why: string): void {
    this.#fail(code, why);
    this.#session.socket.destroy();
  }

  /** fault ends the connection for something that the peer did wrong. Always false, for FrameSink.onHead. */
  fault(code: number, why: string): false {
    this.#fail(code, why);
    const { socket } = this.#session;
    socket.destroySoon();
    this.#after(() => socket.destroy());
    return false;
  }

  /** lose: the socket is gone. */
  lose(cause: unknown): void {
    if (this.dead) return;
    this.failure ??= newError(Code.Unavailable, "connection closed", cause);
    this.#die();
    this.#session.socket.destroy();
  }

  onClose(): void {
    this.lose(undefined);
    this.#timer?.cancel();
    this.#session.controls.stop();
    this.#session.options.onClose?.();
  }

  sweep(now: number, idleMs: number): void {
    if (this.dead) return;
    const { flow, streams, limits } = this.#session;
    if (flow.stalled(now)) this.destroy(h2.calm, "the peer does not read");
    else if (this.#beginnings.stuck(now, this.#begun(), limits.headerMs)) {
      if (this.established && flow.unheard === 0) this.fault(h2.calm, "headers or a frame that do not end");
      else this.fault(h2.settingsTimeout, "no SETTINGS, or no acknowledgement of ours");
    } else if (this.#body.stuck(now, this.#dataBegun(), limits.stallMs)) this.fault(h2.calm, "DATA that does not end");
    else if (!flow.pressed && streams.size === 0 && now - this.#idleSince >= idleMs) this.close();
  }

  /** #begun names what the peer has to end soon: its first SETTINGS, a header block, a frame other than DATA, an acknowledgement; 0 if there is nothing. */
  #begun(): number {
    const { blocks, flow, reader, socket } = this.#session;
    if (socket.isPaused()) return 0; // it is we who do not read
    if (!this.established) return -1;
    if (flow.unheard > 0) return -2 * flow.unheard - 1;
    return blocks.stream !== 0 ? blocks.stream : -2 * reader.part;
  }

  /** #dataBegun changes with each byte of a DATA frame that has begun; 0 if there is none. */
  #dataBegun(): number {
    const { reader, socket, wire } = this.#session;
    return reader.rest > 0 && !socket.isPaused() ? wire.received : 0;
  }

  /** endWhenDone ends the connection if that was said and nothing is under way. */
  endWhenDone(): void {
    const { server, streams, socket } = this.#session;
    if (this.dead || this.#ending || streams.size > 0) return;
    const told = server ? this.#closing && this.acceptId !== anyStream : this.#closing || this.#leaving;
    if (!told) return;
    this.#ending = true;
    this.#session.flush();
    socket.end();
    // A peer that does not close its side is not waited for.
    this.#after(() => socket.destroy());
  }

  /** #sayGoaway names the last stream that is served; those above are to be tried elsewhere. */
  #sayGoaway(): void {
    this.#timer?.cancel();
    if (this.dead) return;
    const { server, streams, out } = this.#session;
    this.acceptId = streams.lastId;
    out.goaway(server ? streams.lastId : 0, h2.noError);
    flushLater(this.#session);
    this.endWhenDone();
  }

  #fail(code: number, why: string): void {
    if (this.dead) return;
    this.failure ??= newError(Code.Unavailable, code === h2.noError || code === h2.cancel ? why : `HTTP/2 ${h2Name(code)}: ${why}`);
    const { streams, out } = this.#session;
    out.goaway(streams.lastId, code);
    out.flush();
    this.#die();
  }

  #die(): void {
    this.dead = true;
    const { reader, flow, streams } = this.#session;
    reader.stop();
    flow.stop();
    streams.die();
  }

  #after(fn: () => void): void {
    this.#timer?.cancel();
    this.#timer = this.#session.options.clock.after(this.#session.limits.lingerMs, fn, { background: true });
  }
}
export type { Life };
