import type { Clock } from "@tfs/std";

/** Rate is how much of something a peer may do: `burst` at once, and `perSecond` over time. */
export interface Rate {
  readonly burst: number;
  readonly perSecond: number;
}

/** newLedger makes a token bucket. */
export function newLedger(rate: Rate, clock: Clock): Ledger {
  return new Ledger(rate, clock);
}

class Ledger {
  readonly #rate: Rate;
  readonly #clock: Clock;
  #left: number;
  #at: number;

  constructor(rate: Rate, clock: Clock) {
    this.#rate = rate;
    this.#clock = clock;
    this.#left = rate.burst;
    this.#at = clock.now();
  }

  /** low tells whether more than a tenth is spent. */
  get low(): boolean {
    const enough = this.#rate.burst * 0.9;
    if (this.#left >= enough) return false;
    this.#refill();
    return this.#left < enough;
  }

  /** spend takes one; false when there is none left. */
  spend(): boolean {
    if (this.#left < 1) {
      this.#refill();
      if (this.#left < 1) return false;
    }
    this.#left--;
    return true;
  }

  #refill(): void {
    const now = this.#clock.now();
    this.#left = Math.min(this.#rate.burst, this.#left + ((now - this.#at) / 1000) * this.#rate.perSecond);
    this.#at = now;
  }
}
export type { Ledger };
