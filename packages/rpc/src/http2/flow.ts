// Data plane. A connection's share of flow control (RFC 9113, section 5.2): what its streams may send together, in what order those that wait do so, and what
// the peer may send.
import { flushLater } from "../turn.ts";
import type { Budget } from "./budget.ts";
import { defaultWindow, h2, maxWindow, setting } from "./frame.ts";
import type { Session } from "./session.ts";
import type { Stream } from "./stream.ts";
import { newWatch } from "./watch.ts";

/** newFlow begins with the protocol's own windows. */
export function newFlow(session: Session): Flow {
  return new Flow(session);
}

class Flow {
  readonly #session: Session;
  /** sendWindow is how much the peer takes now on all streams together. */
  sendWindow: number = defaultWindow;
  /** pressed: the socket holds so much that DATA must wait. */
  pressed = false;
  /** streamWindow is what the peer was last told that it may send on each stream. */
  streamWindow: number;
  /** startWindow is what it may send on a new stream, as far as it must know. */
  startWindow: number;
  readonly #budget: Budget;
  #receiveWindow: number = defaultWindow;
  /** What the window is larger than the protocol's. */
  #lent = 0;
  /** Received, and not yet given back as credit. */
  #taken = 0;
  /** How many SETTINGS were sent and how many acknowledged. */
  #said = 0;
  #heard = 0;
  #line: Stream[] = [];
  readonly #progress = newWatch();
  #wake: (() => void) | undefined = undefined;

  constructor(session: Session) {
    this.#session = session;
    this.#budget = session.budget;
    this.streamWindow = Math.min(session.limits.streamWindowBytes, session.budget.streamWindow);
    this.startWindow = Math.max(this.streamWindow, defaultWindow);
  }

  /** line has a stream wait its turn for window and socket. */
  line(stream: Stream): void {
    if (stream.lined) return;
    stream.lined = true;
    this.#line.push(stream);
  }

  /** othersWait tells whether another stream stands in the line. */
  othersWait(stream: Stream): boolean {
    return this.#line.length > (stream.lined ? 1 : 0);
  }

  /** grow takes a WINDOW_UPDATE of the connection. Gives whether somebody waited for it. */
  grow(increment: number): boolean {
    const blocked = this.sendWindow <= 0 || this.#line.length > 0;
    this.sendWindow += increment;
    if (this.sendWindow > maxWindow) this.#session.life.fault(h2.flowControl, "a window past 2^31-1");
    else if (blocked) this.pump();
    return blocked;
  }

  /** pump lets streams that wait send, one frame each in turn. */
  pump(): void {
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
      stream.pump();
      if (stream.queued === before) tries--;
      else tries = this.#line.length;
    }
  }

  /** checkPressure looks whether the socket takes more. */
  checkPressure(): void {
    if (this.#session.wire.output.unsent >= this.#session.limits.pressureBytes) this.pressed = true;
  }

  /** onDrain: the socket has written all that it held. */
  onDrain(): void {
    if (!this.pressed) return;
    this.pressed = false;
    const { socket } = this.#session;
    if (socket.isPaused()) socket.resume();
    this.pump();
  }

  /** stalled, called now and then, tells whether output has not moved for limits.stallMs. */
  stalled(now: number): boolean {
    const { wire, limits } = this.#session;
    return this.#progress.stuck(now, this.pressed ? wire.output.sent + 1 : 0, limits.stallMs);
  }

  /** receive counts bytes against the connection's window, and gives them back in large steps; not while the process holds all that it may. */
  receive(bytes: number): void {
    this.#receiveWindow -= bytes;
    if (this.#receiveWindow < 0) return void this.#session.life.fault(h2.flowControl, "more than the connection's window");
    this.#taken += bytes;
    if (this.#taken >= (defaultWindow + this.#lent) >> 1) this.#giveBack();
    if (this.#budget.streamWindow !== this.streamWindow) this.#resize();
  }

  /** told: SETTINGS were sent; until they are acknowledged, no others are. */
  told(): void {
    this.#said++;
  }

  /** onAck: the peer goes by what it was told. */
  onAck(): void {
    if (this.unheard === 0) return;
    this.#heard++;
    this.#begin(this.streamWindow);
  }

  /** unheard is the number of the SETTINGS whose acknowledgement the peer owes; 0 if there is none. */
  get unheard(): number {
    return this.#said > this.#heard ? this.#said : 0;
  }

  /** stop forgets whoever waits. */
  stop(): void {
    this.#line = [];
    this.#budget.giveBack(this.#lent);
    if (this.#wake !== undefined) this.#budget.forget(this.#wake);
  }

  /** #resize tells the peer how much it may send on each stream from now on. */
  #resize(): void {
    const { limits, out, streams } = this.#session;
    const window = Math.min(limits.streamWindowBytes, this.#budget.streamWindow);
    if (this.unheard > 0 || window === this.streamWindow) return;
    const wider = window > this.streamWindow;
    this.streamWindow = window;
    out.settings([[setting.window, window]]);
    this.told();
    // More may be used as soon as it was said; less only binds who has heard of it.
    if (wider) this.#begin(window);
    else streams.settle();
    flushLater(this.#session);
  }

  #begin(window: number): void {
    this.#session.streams.widen(window - this.startWindow);
    this.startWindow = window;
  }

  #giveBack(): void {
    const { life, out } = this.#session;
    const budget = this.#budget;
    if (life.dead) return;
    if (budget.exhausted) {
      this.#wake ??= () => {
        this.#wake = undefined;
        this.#giveBack();
      };
      budget.wait(this.#wake);
      return;
    }
    const before = this.#lent;
    this.#lent = budget.lend(before, this.#taken);
    const credit = this.#taken + this.#lent - before;
    this.#taken = 0;
    if (credit === 0) return;
    this.#receiveWindow += credit;
    out.window(0, credit);
    flushLater(this.#session);
  }
}
export type { Flow };
