// Data plane. All calls share one timer: a wheel of slots, in each the calls whose time may be up when the wheel comes round to it.
import type { Clock, Timer } from "@tfs/std";

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

/** newDeadlines makes a wheel. Its timer is set for the first slot that has something in it, so that it hardly ever runs: most calls end long before their deadline. */
export function newDeadlines(clock: Clock): Deadlines {
  const heads: (Timed | undefined)[] = new Array<Timed | undefined>(slots).fill(undefined);
  let size = 0;
  let tick = 0; // all slots up to this tick have been looked at
  let due = Number.POSITIVE_INFINITY; // the tick that the timer is set for
  let timer: Timer | undefined;

  function turn(): void {
    due = Number.POSITIVE_INFINITY;
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
    tick = Math.max(tick, upTo);
    if (size === 0) return;
    let next = tick + 1;
    while (heads[next % slots] === undefined) next++;
    arm(next);
  }
  function arm(at: number): void {
    if (at >= due) return;
    timer?.cancel();
    due = at;
    timer = clock.after(at * tickMs - clock.now(), turn, { background: true }); // connections with calls keep the process up
  }
  function tickOf(timed: Timed): number {
    return Math.floor(timed.deadline / tickMs) + 1;
  }
  function remove(timed: Timed): void {
    const { before, after } = timed;
    const slot = tickOf(timed) % slots;
    if (before === undefined && heads[slot] !== timed) return; // not in the wheel
    if (before === undefined) heads[slot] = after;
    else before.after = after;
    if (after !== undefined) after.before = before;
    timed.before = timed.after = undefined;
    size--;
  }
  return {
    add(timed) {
      if (timed.deadline === Number.POSITIVE_INFINITY) return;
      const at = tickOf(timed);
      const head = heads[at % slots];
      timed.before = undefined;
      timed.after = head;
      if (head !== undefined) head.before = timed;
      heads[at % slots] = timed;
      size++;
      if (at <= tick) tick = at - 1; // it has passed: its slot is looked at once more
      if (at < due) arm(at);
    },
    remove,
  };
}
