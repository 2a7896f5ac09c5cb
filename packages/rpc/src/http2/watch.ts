/** Watch tells when something that ought to move has stood still for too long. Sweeps look at it; nothing on the way of the bytes reads a clock for it. */
export interface Watch {
  /** stuck, called now and then, tells whether `state` has been the same for `ms`. It is 0 when there is nothing to wait for. */
  stuck(now: number, state: number, ms: number): boolean;
}

/** newWatch has seen nothing. */
export function newWatch(): Watch {
  let seen = 0;
  let since = 0;
  return {
    stuck(now, state, ms) {
      if (state === 0 || state !== seen) {
        seen = state;
        since = now;
        return false;
      }
      return now - since >= ms;
    },
  };
}
