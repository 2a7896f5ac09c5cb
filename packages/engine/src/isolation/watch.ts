/** Patience is how long an engine's process may give no sign. */
export interface Patience {
  /** beatMs is how often it is looked at and asked for a sign; default 5 s. */
  readonly beatMs: number;
  /** idleMs is how long one that has nothing to do may be silent; default 15 s. */
  readonly idleMs: number;
  /** busyMs is for one that starts, loads or runs, and may keep its event loop from answering all the while; default 5 min. */
  readonly busyMs: number;
  /**
   * overdueMs is how long calls whose time is up may be under way without that any call ends; default 1 min. It is never less than ten times the longest run
   * there was: a run cannot be stopped, and is none the worse for who no longer waits for it.
   */
  readonly overdueMs: number;
}

export const patience: Patience = { beatMs: 5_000, idleMs: 15_000, busyMs: 300_000, overdueMs: 60_000 };

const timesLongest = 10;

/**
 * Watch tells a process that hangs from one that works. Time is counted in beats: however long this process itself stood still, that is one beat, and what came
 * in meanwhile is read before the next.
 */
export interface Watch {
  /** heard is told that anything came. */
  heard(): void;
  /** ended is told that a run came to its end, and how long it took. */
  ended(ms: number): void;
  /** beat gives why the process should be ended, if so. `busy` is that something is under way, `overdue` that the time of some run is up. */
  beat(now: { readonly busy: boolean; readonly overdue: boolean }): string | undefined;
}

export function newWatch({ beatMs, idleMs, busyMs, overdueMs }: Patience): Watch {
  let [silent, overdue, longestMs] = [0, 0, 0];
  return {
    heard() {
      silent = 0;
    },
    ended(ms) {
      overdue = 0;
      longestMs = Math.max(longestMs, ms);
    },
    beat(now) {
      overdue = now.overdue ? overdue + 1 : 0;
      silent++; // counts the time since the last beat
      const lateMs = overdue * beatMs;
      const silentMs = silent * beatMs;
      if (lateMs > Math.max(overdueMs, timesLongest * longestMs)) return `no call had ended for ${seconds(lateMs)} though their time was up`;
      if (silentMs > (now.busy ? busyMs : idleMs)) return `it had given no sign for ${seconds(silentMs)}`;
      return undefined;
    },
  };
}

function seconds(ms: number): string {
  return `${Math.round(ms / 1000)} s`;
}
