// Data plane. A connection's share of flow control (RFC 9113, section 5.2): what its streams may send together, in what order those that wait do so, and what
// the peer may send.
import { flushLater } from "../turn.ts";
import { defaultWindow, h2, maxWindow } from "./frame.ts";
import type { Session } from "./session.ts";
import type { Stream } from "./stream.ts";
import { newWatch } from "./watch.ts";

/** newFlow begins with the windows that session says at the start. */
export function newFlow(session: Session): Flow {
  return new Flow(session);
}

class Flow {
  readonly #session: Session;
  /** sendWindow is how much the peer takes now on all streams together. */
  sendWindow: number = defaultWindow;
  /** pressed: the socket holds so much that DATA must wait. */
  pressed = false;
  #receiveWindow: number;
  /** Received, and not yet given back as credit. */
  #taken = 0;
  #line: Stream[] = [];
  readonly #output = newWatch();
  #wake: (() => void) | undefined = undefined;

  constructor(session: Session) {
    this.#session = session;
    this.#receiveWindow = session.limits.connectionWindowBytes;
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
      stream.pump(true);
      if (stream.queued === before) tries--;
      else tries = this.#line.length;
    }
  }

  /** checkPressure looks whether the socket takes more. */
  checkPressure(): void {
    if (this.#session.socket.writableLength >= this.#session.limits.pressureBytes) this.pressed = true;
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
    const { socket, limits } = this.#session;
    return this.#output.stuck(now, this.pressed ? socket.bytesWritten - socket.writableLength + 1 : 0, limits.stallMs);
  }

  /** receive counts bytes against the connection's window, and gives them back in large steps; not while the process holds all that it may. */
  receive(bytes: number): void {
    this.#receiveWindow -= bytes;
    if (this.#receiveWindow < 0) return void this.#session.life.fault(h2.flowControl, "more than the connection's window");
    this.#taken += bytes;
    if (this.#taken >= this.#session.limits.connectionWindowBytes >> 1) this.#giveBack();
  }

  /** stop forgets whoever waits. */
  stop(): void {
    this.#line = [];
    if (this.#wake !== undefined) this.#session.budget.forget(this.#wake);
  }

  #giveBack(): void {
    const { life, budget, out } = this.#session;
    if (life.dead) return;
    if (budget.exhausted) {
      this.#wake ??= () => {
        this.#wake = undefined;
        this.#giveBack();
      };
      budget.wait(this.#wake);
      return;
    }
    this.#receiveWindow += this.#taken;
    out.window(0, this.#taken);
    this.#taken = 0;
    flushLater(this.#session);
  }
}
export type { Flow };
