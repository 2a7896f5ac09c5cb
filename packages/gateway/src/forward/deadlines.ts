// Data plane. All calls share one timer: a wheel of slots, in each the calls whose time may be up when the wheel comes round to it.
import type { Clock } from "@tfs/std";

/** Timed is something with a deadline. Its links belong to the wheel. */
export interface Timed {
  /** deadline is on the clock, in milliseconds. */
  readonly deadline: number;
  before: Timed | undefined;
  after: Timed | undefined;
  /** expire is called at most once, up to one tick after the deadline. */
  expire(): void;
}

/** Deadlines watches over any number of calls. */
export interface Deadlines {
  add(timed: Timed): void;
  remove(timed: Timed): void;
}

const tickMs = 8;
const slots = 1024;

/** newDeadlines makes a wheel that runs while something is in it. */
export function newDeadlines(clock: Clock): Deadlines {
  const heads: (Timed | undefined)[] = new Array<Timed | undefined>(slots).fill(undefined);
  let size = 0;
  let tick = 0; // all slots up to this tick have been looked at
  let armed = false;

  function turn(): void {
    armed = false;
    const now = clock.now();
    const upTo = Math.floor(now / tickMs);
    // After a long pause each slot is looked at once, not once per tick missed.
    for (let t = Math.max(tick + 1, upTo - slots + 1); t <= upTo; t++) {
      let timed = heads[t % slots];
      while (timed !== undefined) {
        const next: Timed | undefined = timed.after;
        if (timed.deadline <= now) {
          remove(timed);
          timed.expire();
        }
        timed = next;
      }
    }
    tick = upTo;
    if (size > 0) arm();
  }
  function arm(): void {
    if (armed) return;
    armed = true;
    clock.after(tickMs, turn);
  }
  function slotOf(timed: Timed): number {
    return (Math.floor(timed.deadline / tickMs) + 1) % slots;
  }
  function remove(timed: Timed): void {
    const { before, after } = timed;
    const slot = slotOf(timed);
    if (before === undefined && heads[slot] !== timed) return; // not in the wheel
    if (before === undefined) heads[slot] = after;
    else before.after = after;
    if (after !== undefined) after.before = before;
    timed.before = timed.after = undefined;
    size--; // the timer goes on for one tick: with one call at a time there would be one for each
  }
  return {
    add(timed) {
      if (timed.deadline === Number.POSITIVE_INFINITY) return;
      if (size === 0) tick = Math.floor(clock.now() / tickMs) - 1;
      const slot = slotOf(timed);
      const head = heads[slot];
      timed.before = undefined;
      timed.after = head;
      if (head !== undefined) head.before = timed;
      heads[slot] = timed;
      size++;
      arm();
    },
    remove,
  };
}
