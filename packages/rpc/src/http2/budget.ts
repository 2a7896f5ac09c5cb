// What all connections of a process may hold, together, between writers and readers. Half of it may wait in queues before windows have shrunk to nothing; half may be
// on its way, since a window once given is the peer's to use. Past the whole, nobody is given more until something has left.
import { defaultWindow } from "./frame.ts";

/** newBudget makes the account of what all connections of a process may hold between a fast writer and a slow reader, in bytes. */
export function newBudget(limitBytes: number): Budget {
  return new Budget(limitBytes);
}

/** Bounds of a stream's window. More brings nothing within a data centre: 4 MiB are 3 ms of 10 Gbit/s. */
const minStreamWindow = 16 << 10;
const maxStreamWindow = 4 << 20;
/** A connection's window is at most this share of the whole, and this: what is under way when streams' windows shrink still comes. */
const connectionShare = 1 / 16;
const maxConnectionWindow = 64 << 20;
/** One slow reader may have this share of what is free: then any number of them leaves something for the next (Choudhury and Hahne's dynamic thresholds). */
const streamShare = 1 / 32;
/** What one reader lets wait counts against the others up to this share: a single large answer does not take all the room there is. */
const readerShare = 1 / 2;

class Budget {
  readonly limitBytes: number;
  /** streamWindow is what a stream may be sent ahead of its reader now: a power of two, near its share of what is free. */
  streamWindow: number = maxStreamWindow;
  #held = 0;
  /** #apart is what single readers let wait beyond what counts. */
  #apart = 0;
  /** What connections may be sent beyond the window that each has by the protocol, and how many may. */
  #lent = 0;
  #borrowers = 0;
  #waiting = new Set<() => void>();

  constructor(limitBytes: number) {
    this.limitBytes = limitBytes;
    this.#adapt();
  }

  /** heldBytes is what is held now. It may pass the limit by what peers were allowed to send before. */
  get heldBytes(): number {
    return this.#held;
  }

  /** exhausted tells whether what is held is all there may be, of each reader as much as counts. */
  get exhausted(): boolean {
    return this.#counted >= this.limitBytes;
  }

  /** hold counts bytes that wait for a reader; `before` is what waited for that one already, where it is known. */
  hold(bytes: number, before?: number): void {
    this.#held += bytes;
    if (before !== undefined) this.#apart += this.#beyond(before + bytes) - this.#beyond(before);
    this.#adapt();
  }

  /** release takes back what hold counted; `before` is what waited for that reader until now, where hold was told. */
  release(bytes: number, before?: number): void {
    this.#held -= bytes;
    if (before !== undefined) this.#apart += this.#beyond(before - bytes) - this.#beyond(before);
    this.#adapt();
    if (this.#waiting.size === 0 || this.exhausted) return;
    const waiting = this.#waiting;
    this.#waiting = new Set();
    for (const wake of waiting) wake();
  }

  /**
   * lend gives what a connection may be sent beyond the protocol's first window: an equal share for each connection that has needed more than that, while there
   * is some. `has` is what it was lent so far, of which `used` has come and can be called back.
   */
  lend(has: number, used: number): number {
    if (has === 0) this.#borrowers++;
    const pool = this.limitBytes / 2;
    const most = Math.min(maxConnectionWindow, this.limitBytes * connectionShare) - defaultWindow;
    // At least one byte: by that it is known who has borrowed.
    const gets = Math.floor(Math.max(Math.min(most, pool / this.#borrowers, pool - this.#lent + has), has - used, 1));
    this.#lent += gets - has;
    return gets;
  }

  /** giveBack ends what a connection was lent. */
  giveBack(has: number): void {
    if (has === 0) return;
    this.#borrowers--;
    this.#lent -= has;
  }

  /** wait calls `wake` once, when there is room again. */
  wait(wake: () => void): void {
    this.#waiting.add(wake);
  }

  forget(wake: () => void): void {
    this.#waiting.delete(wake);
  }

  get #counted(): number {
    return this.#held - this.#apart;
  }

  #beyond(bytes: number): number {
    return Math.max(0, bytes - this.limitBytes * readerShare);
  }

  /** #adapt follows the share in steps of two, and only when it is off by more: each change is told to every peer that sends. */
  #adapt(): void {
    const share = (this.limitBytes / 2 - this.#counted) * streamShare;
    while (this.streamWindow > minStreamWindow && share < this.streamWindow / 2) this.streamWindow /= 2;
    while (this.streamWindow < maxStreamWindow && share >= this.streamWindow * 2) this.streamWindow *= 2;
  }
}
export type { Budget };
