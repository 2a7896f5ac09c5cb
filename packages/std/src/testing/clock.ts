import type { Clock, Timer } from "../clock.ts";

/** FakeClock stands still until a test moves it. */
export interface FakeClock extends Clock {
  /** advance moves time on by `ms` and runs what falls due, in order of time, letting promises settle after each. */
  advance(ms: number): Promise<void>;
  /** pending counts timers that have not run: a test can prove that nothing was left behind. */
  readonly pending: number;
}

interface Due {
  readonly at: number;
  readonly fn: () => void;
}

export function fakeClock(startMs = 0): FakeClock {
  let now = startMs;
  let timers: Due[] = [];
  return {
    now: () => now,
    wallMs: () => Date.UTC(2026, 0, 1) + now,
    after(ms, fn): Timer {
      const due: Due = { at: now + Math.max(0, ms), fn };
      timers.push(due);
      const cancel = (): void => {
        timers = timers.filter((t) => t !== due);
      };
      return { cancel, [Symbol.dispose]: cancel };
    },
    async advance(ms) {
      const until = now + ms;
      await settle();
      for (;;) {
        const next = timers.filter((t) => t.at <= until).reduce<Due | undefined>((a, b) => (a === undefined || b.at < a.at ? b : a), undefined);
        if (next === undefined) break;
        timers = timers.filter((t) => t !== next);
        now = next.at;
        next.fn();
        await settle();
      }
      now = until;
    },
    get pending() {
      return timers.length;
    },
  };
}

/** Enough turns for a chain of awaits to run dry; a chain that is longer than this waits for something else. */
const settleTurns = 20;

async function settle(): Promise<void> {
  for (let i = 0; i < settleTurns; i++) await Promise.resolve();
}
