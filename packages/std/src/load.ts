// The decision, as a function of what was counted and of the time that it is told.

/** Load tells from waits and run times whether there is more to do than can be done. Times are in milliseconds. */
export interface Load {
  /** overloaded: calls are to be refused while the line is as long as it may be. */
  readonly overloaded: boolean;
  /** meanMs is what one call takes, about. */
  readonly meanMs: number;
  /** came: a call has come; true if it is to be refused, with `waiting` calls in line. Low ones are refused first. */
  came(now: number, waiting: number, low: boolean): boolean;
  /** swamped: more waits than was to be taken, since what was taken took its time to come; the next one that is whole is refused too. */
  swamped(waiting: number, low: boolean): boolean;
  /** began: a call left the line after `waitedMs`; `late` if nobody waits for it any more. */
  began(now: number, waitedMs: number, late: boolean): void;
  /** ran: so many calls took so long together. */
  ran(calls: number, ms: number): void;
}

/** What is counted is judged this often: long enough to tell a burst from a flood, short against what people wait. */
export const intervalMs = 500;
/** The server is overloaded if of the calls that leave the line this part is late … */
const lateShare = 0.05;
/** … and is no more if of those that came no more than this part was refused, or there was time for all of them: the short line refuses whom a burst brings, at any load. */
const refusedShare = 0.01;
/** A call that has waited so long counts as late also where nobody said how long he waits. */
export const patienceMs = 10_000;
/** In overload the line holds what can be done in this time, a turn and some more, but always so many calls: enough that there is something to do while others are read. */
const lineMs = 2.5;
const lineCalls = 3;
/** Calls of low priority get this part of the line. */
const lowShare = 0.5;
/** How far one turn moves the mean. */
const weight = 0.2;
/** Until something has run. */
const firstMeanMs = 0.2;

export interface LoadOptions {
  /** idleMs is how long there was nothing to do, in all, where that is known: what calls take besides their run then counts, too. Default unknown. */
  readonly idleMs?: () => number;
}

/** newLoad begins without load. */
export function newLoad({ idleMs }: LoadOptions = {}): Load {
  let overloaded = false;
  let meanMs = firstMeanMs;
  let since = Number.NEGATIVE_INFINITY;
  let [arrived, refused, left, late, ran, ranMs] = [0, 0, 0, 0, 0, 0];
  let leastWaitMs = Number.POSITIVE_INFINITY;
  let idleBefore = 0;

  const lineLimitMs = (): number => Math.max(lineMs, lineCalls * meanMs);

  function judge(now: number): void {
    if (now - since < intervalMs) return;
    const quiet = now - since >= 2 * intervalMs; // nothing came for a while
    const hadTime = idleMs === undefined ? ran > 0 && ranMs * arrived <= (now - since) * ran : couldRun(now - since, idleMs());
    if (overloaded) overloaded = !quiet && refused > arrived * refusedShare && !hadTime;
    else overloaded = !quiet && left > 0 && late >= left * lateShare && leastWaitMs > lineLimitMs();
    since = now;
    arrived = refused = left = late = ran = ranMs = 0;
    leastWaitMs = Number.POSITIVE_INFINITY;
  }

  /** couldRun tells whether those that were refused could have run while there was nothing to do, if each took as much of the rest as one that ran. */
  function couldRun(ms: number, idle: number): boolean {
    const idled = idle - idleBefore;
    idleBefore = idle;
    return ran > 0 && idled * ran >= refused * (ms - idled);
  }

  return {
    get overloaded() {
      return overloaded;
    },
    get meanMs() {
      return meanMs;
    },
    came(now, waiting, low) {
      judge(now);
      arrived++;
      if (!overloaded || waiting * meanMs < lineLimitMs() * (low ? lowShare : 1)) return false;
      refused++;
      return true;
    },
    swamped(waiting, low) {
      if (!overloaded || waiting * meanMs < 2 * lineLimitMs() * (low ? lowShare : 1)) return false;
      refused++;
      return true;
    },
    began(now, waitedMs, isLate) {
      judge(now);
      left++;
      if (isLate || waitedMs > patienceMs) late++;
      if (waitedMs < leastWaitMs) leastWaitMs = waitedMs;
    },
    ran(calls, ms) {
      ran += calls;
      ranMs += ms;
      meanMs += (ms / calls - meanMs) * weight;
    },
  };
}
