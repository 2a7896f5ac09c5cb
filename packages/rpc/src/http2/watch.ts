/** newWatch has seen nothing. */
export function newWatch(): Watch {
  return new Watch();
}

/** Watch tells when something that ought to move has stood still for too long. Sweeps look at it; nothing on the way of the bytes reads a clock for it. */
class Watch {
  #seen = 0;
  #since = 0;

  /** stuck, called now and then, tells whether `state` has been the same for `ms`. It is 0 when there is nothing to wait for. */
  stuck(now: number, state: number, ms: number): boolean {
    if (state === 0 || state !== this.#seen) {
      this.#seen = state;
      this.#since = now;
      return false;
    }
    return now - this.#since >= ms;
  }
}
export type { Watch };
