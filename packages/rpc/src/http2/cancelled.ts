// Streams that a client has given up and may not reset yet: servers cut a connection with too many resets, and it carries other callers' streams too.
import type { Timer } from "@tfs/std";
import { h2 } from "./frame.ts";
import type { Ledger } from "./ledger.ts";
import type { Session } from "./session.ts";

/** newCancelled holds none; resets are paid from `ledger`. */
export function newCancelled(session: Session, ledger: Ledger): Cancelled {
  return new Cancelled(session, ledger);
}

/** How often it is looked whether resets are allowed again. */
const payMs = 100;

class Cancelled {
  readonly #session: Session;
  readonly #ledger: Ledger;
  /** By id, in the order they were given up: whether our side was complete. */
  readonly #ended = new Map<number, boolean>();
  #timer: Timer | undefined = undefined;

  constructor(session: Session, ledger: Ledger) {
    this.#session = session;
    this.#ledger = ledger;
  }

  /** size is how many there are: the peer counts them among those that are open. */
  get size(): number {
    return this.#ended.size;
  }

  /** add takes a stream that was given up. `ended`: our side is complete. */
  add(id: number, ended: boolean): void {
    this.#ended.set(id, ended);
    this.#arm();
  }

  /** end: the peer has completed its side or reset the stream, so that nothing is left to say but our own end. False: it is none of these streams. */
  end(id: number, reset: boolean): boolean {
    const ended = this.#ended.get(id);
    if (ended === undefined) return false;
    this.#ended.delete(id);
    if (!ended && !reset) this.#session.streams.sayEnd(id);
    return true;
  }

  /** die forgets all. */
  die(): void {
    this.#timer?.cancel();
    this.#ended.clear();
  }

  #arm(): void {
    this.#timer ??= this.#session.options.clock.after(
      payMs,
      () => {
        this.#timer = undefined;
        this.#pay();
      },
      { background: true },
    );
  }

  #pay(): void {
    for (const id of this.#ended.keys()) {
      if (!this.#ledger.spend()) break;
      this.#ended.delete(id);
      this.#session.streams.sayReset(id, h2.cancel);
    }
    if (this.#ended.size > 0) this.#arm();
    this.#session.streams.left();
  }
}
export type { Cancelled };
