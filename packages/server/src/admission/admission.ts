// Data plane. Who runs when: some calls each turn of the event loop, so that what comes is read, and refused if need be, while others wait.
import { type Clock, Code, type Ctx, type Failure, hasEnded, type Load, newError, newLoad, throwIfDone } from "@tfs/std";
import type { Counter, Registry } from "@tfs/std/metrics";

export interface AdmissionOptions {
  readonly clock: Clock;
  /** metrics gets tfs_shed_total. */
  readonly metrics: Registry;
  /** defer calls once what has come meanwhile was read: setImmediate. */
  readonly defer: (fn: () => void) => void;
  /** idleMs is how long the event loop has had nothing to do, in all. */
  readonly idleMs: () => number;
  /** maxCalls bounds the calls that wait or run; 0 is no bound. defaultMaxCalls is what holds in some 100 MB besides what they send. */
  readonly maxCalls: number;
  /** full tells that answers which nobody reads take up the memory there is for them. */
  readonly full: () => boolean;
}

export const defaultMaxCalls = 32_768;

/** newAdmission makes what all ports of a server share. */
export function newAdmission(options: AdmissionOptions): Admission {
  return new Admission(options);
}

/** Calls begin for so long in one turn; then others are read. In overload longer: most of those are refused, and each turn reads and writes once for all that one connection has. */
const turnMs = 1;
const overloadTurnMs = 2;
/** So many that nobody waits for any more leave the line in one turn besides. */
const lateCalls = 64;
/** Calls of low priority are refused when this part of maxCalls is taken. */
const lowShare = 0.5;

type Reason = "overload" | "calls" | "memory";

/** Failures are made once: to build one costs more than to refuse a call. */
const failures: Readonly<Record<Reason, Failure>> = {
  overload: newError(Code.Unavailable, "the server is overloaded: try again later"),
  calls: newError(Code.ResourceExhausted, "the server has as many calls in flight as it may (--max_concurrent_requests)"),
  memory: newError(Code.ResourceExhausted, "the server holds as much as it may of answers that are not read"),
};

interface Waiting {
  readonly ctx: Ctx;
  readonly since: number;
  readonly go: () => void;
}

class Admission {
  readonly #options: AdmissionOptions;
  readonly #load: Load;
  readonly #shed: Readonly<Record<Reason, { readonly normal: Counter; readonly low: Counter }>>;
  readonly #normal: Line = new Line();
  readonly #low: Line = new Line();
  /** Calls that wait or run. */
  #calls = 0;
  /** A turn is under way: it began then, and so many calls with it. */
  #inTurn = false;
  #turnBegan = 0;
  #begun = 0;

  constructor(options: AdmissionOptions) {
    this.#options = options;
    this.#load = newLoad({ idleMs: options.idleMs });
    const shed = options.metrics.counter({ name: "tfs_shed_total", help: "Calls that were refused before they were read.", labels: ["reason", "priority"] });
    const both = (reason: Reason) => ({ normal: shed.with(reason, "normal"), low: shed.with(reason, "low") });
    this.#shed = { overload: both("overload"), calls: both("calls"), memory: both("memory") };
  }

  /** refuse gives what a call that comes now is to be told instead of an answer; undefined: it is taken. */
  refuse(low: boolean): Failure | undefined {
    const reason = this.#reason(low);
    return reason === undefined ? undefined : this.#refusal(reason, low);
  }

  /** run does the work of a call when its turn has come. Throws what ended ctx meanwhile, or Unavailable if there is too much to do all the same. */
  async run<T>(ctx: Ctx, low: boolean, work: () => Promise<T>): Promise<T> {
    if (this.#isFull(low)) throw this.#refusal("calls", low); // many may have come before the first of them was whole
    if (this.#load.swamped(this.#waiting, low)) throw this.#refusal("overload", low);
    this.#calls++;
    try {
      if (!this.#begin()) {
        await new Promise<void>((go) => (low ? this.#low : this.#normal).push({ ctx, since: this.#options.clock.now(), go }));
        throwIfDone(ctx);
      }
      return await work();
    } finally {
      this.#calls--;
    }
  }

  get #waiting(): number {
    return this.#normal.size + this.#low.size;
  }

  #refusal(reason: Reason, low: boolean): Failure {
    this.#shed[reason][low ? "low" : "normal"].add();
    return failures[reason];
  }

  #reason(low: boolean): Reason | undefined {
    const { clock, full } = this.#options;
    if (this.#isFull(low)) return "calls";
    if (full()) return "memory";
    return this.#load.came(clock.now(), this.#waiting, low) ? "overload" : undefined;
  }

  #isFull(low: boolean): boolean {
    const { maxCalls } = this.#options;
    return maxCalls > 0 && this.#calls >= maxCalls * (low ? lowShare : 1);
  }

  /** #begin tells whether a call may run at once. */
  #begin(): boolean {
    if (this.#waiting > 0) return false;
    if (!this.#inTurn) this.#startTurn(this.#options.clock.now());
    else if (this.#begun > 0 && (this.#begun + 1) * this.#load.meanMs > this.#turnMs) return false;
    this.#begun++;
    this.#load.began(this.#turnBegan, 0, false);
    return true;
  }

  get #turnMs(): number {
    return this.#load.overloaded ? overloadTurnMs : turnMs;
  }

  #startTurn(now: number): void {
    this.#inTurn = true;
    this.#turnBegan = now;
    this.#begun = 0;
    this.#options.defer(() => this.#endTurn());
  }

  /** #endTurn learns from what was done since, and lets the next ones begin. */
  #endTurn(): void {
    const now = this.#options.clock.now();
    if (this.#begun > 0) this.#load.ran(this.#begun, now - this.#turnBegan);
    this.#inTurn = false;
    if (this.#waiting === 0) return;
    this.#startTurn(now);
    const most = Math.max(1, Math.floor(this.#turnMs / this.#load.meanMs));
    let late = 0;
    while (this.#begun < most && late < lateCalls) {
      const next = this.#normal.shift() ?? this.#low.shift();
      if (next === undefined) return;
      const isLate = hasEnded(next.ctx) || next.ctx.deadline <= now;
      this.#load.began(now, now - next.since, isLate);
      if (isLate) late++;
      else this.#begun++;
      next.go();
    }
  }
}
export type { Admission };

/** Line is first in, first out. Taking the first of an array costs as much as moving all others. */
class Line {
  #calls: (Waiting | undefined)[] = [];
  #first = 0;

  get size(): number {
    return this.#calls.length - this.#first;
  }

  push(call: Waiting): void {
    this.#calls.push(call);
  }

  shift(): Waiting | undefined {
    if (this.size === 0) return undefined;
    const call = this.#calls[this.#first];
    this.#calls[this.#first++] = undefined;
    if (this.#first === this.#calls.length || this.#first === sweepCalls) {
      this.#calls.splice(0, this.#first);
      this.#first = 0;
    }
    return call;
  }
}

/** Places of calls that have left are given back after so many. */
const sweepCalls = 4096;
