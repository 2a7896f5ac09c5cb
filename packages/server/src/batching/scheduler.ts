// Data plane. Which queue runs next, and when to look: the driver of the queues of all models.
import type { Clock, Timer } from "@tfs/std";

/** Line is a queue as the scheduler sees it. */
export interface Line {
  readonly isEmpty: boolean;
  /** dueAt is when its first batch may run, on the clock. */
  dueAt(): number;
  /** start takes the first batch and runs it, due or not if it must not wait. Never rejects. */
  start(now: number, mustNotWait: boolean): Promise<void>;
  /** sweep lets go of the tasks that nobody waits for any more. */
  sweep(now: number): void;
}

export interface SchedulerOptions {
  /** slots is how many batches run at a time. */
  readonly slots: number;
  readonly clock: Clock;
  /** defer calls back when all that came in together has been read: setImmediate. */
  readonly defer: (fn: () => void) => void;
}

/** While tasks wait, those whose callers have gone or whose time is up are looked for this often. */
export const sweepMs = 10;

/** newScheduler shares slots between queues: round robin, one batch a turn. */
export function newScheduler(options: SchedulerOptions): Scheduler {
  return new Scheduler(options);
}

class Scheduler {
  readonly #slots: number;
  readonly #clock: Clock;
  readonly #defer: (fn: () => void) => void;
  /** Lines that have tasks, in the order of their turns. */
  readonly #waiting = new Set<Line>();
  #running = 0;
  #deferred = false;
  #timer: Timer | undefined = undefined;
  #timerAt = 0;
  #sweptAt = 0;
  #draining = false;

  constructor({ slots, clock, defer }: SchedulerOptions) {
    this.#slots = slots;
    this.#clock = clock;
    this.#defer = defer;
  }

  /** wake says that a line has got a task. */
  wake(line: Line): void {
    this.#waiting.add(line);
    if (this.#running < this.#slots) this.#later();
    else if (this.#timer === undefined) this.#arm(this.#clock.now());
  }

  /** claim takes a slot for a run that begins at once, if nothing else came this turn, waits or runs; false if something did. Whoever claims releases. */
  claim(): boolean {
    if (this.#deferred || this.#waiting.size > 0 || this.#running > 0) return false;
    this.#running++;
    this.#later();
    return true;
  }

  /** release gives a claimed slot back. */
  release(): void {
    this.#onEnd();
  }

  /** drain lets nobody wait any longer: from now on a batch is due as soon as it has a task. */
  drain(): void {
    this.#draining = true;
    if (this.#waiting.size > 0) this.#later();
  }

  /** A run in the engine may hold up the event loop: others get their turn between two of them. */
  #later(): void {
    if (this.#deferred) return;
    this.#deferred = true;
    this.#defer(this.#onDeferred);
  }

  readonly #onDeferred = (): void => {
    this.#deferred = false;
    this.#turn();
  };

  readonly #onTimer = (): void => {
    this.#timer = undefined;
    const now = this.#clock.now();
    if (now - this.#sweptAt >= sweepMs) this.#sweep(now);
    this.#turn();
  };

  readonly #onEnd = (): void => {
    this.#running--;
    if (this.#waiting.size > 0) this.#later();
  };

  #sweep(now: number): void {
    this.#sweptAt = now;
    for (const line of this.#waiting) {
      line.sweep(now);
      if (line.isEmpty) this.#waiting.delete(line);
    }
  }

  /** turn gives each line that is due one run, as far as there are slots. */
  #turn(): void {
    const now = this.#clock.now();
    let left = this.#waiting.size;
    for (const line of this.#waiting) {
      if (left-- === 0 || this.#running >= this.#slots) break;
      this.#waiting.delete(line);
      if (this.#draining || line.dueAt() <= now) {
        this.#running++;
        void line.start(now, this.#draining).then(this.#onEnd);
      }
      if (!line.isEmpty) this.#waiting.add(line); // behind the others
    }
    if (this.#waiting.size > 0) this.#arm(now);
  }

  /** arm sets the timer to when something may be due, or is to be swept. */
  #arm(now: number): void {
    let at = now + sweepMs;
    let isDue = false;
    if (this.#running < this.#slots)
      for (const line of this.#waiting) {
        const dueAt = line.dueAt();
        if (this.#draining || dueAt <= now) isDue = true;
        else if (dueAt < at) at = dueAt;
      }
    if (isDue) this.#later();
    if (this.#timer !== undefined && this.#timerAt <= at) return;
    this.#timer?.cancel();
    this.#timerAt = at;
    this.#timer = this.#clock.after(at - now, this.#onTimer);
  }
}
export type { Scheduler };
