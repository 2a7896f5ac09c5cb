/** newBudget makes the account of what all connections of a process may hold between a fast writer and a slow reader, in bytes. */
export function newBudget(limitBytes: number): Budget {
  return new Budget(limitBytes);
}

class Budget {
  readonly limitBytes: number;
  #held = 0;
  #waiting = new Set<() => void>();

  constructor(limitBytes: number) {
    this.limitBytes = limitBytes;
  }

  /** heldBytes is what is held now. It may pass the limit by what peers were allowed to send before. */
  get heldBytes(): number {
    return this.#held;
  }

  get exhausted(): boolean {
    return this.#held >= this.limitBytes;
  }

  hold(bytes: number): void {
    this.#held += bytes;
  }

  release(bytes: number): void {
    this.#held -= bytes;
    if (this.#waiting.size === 0 || this.#held >= this.limitBytes) return;
    const waiting = this.#waiting;
    this.#waiting = new Set();
    for (const wake of waiting) wake();
  }

  /** wait calls `wake` once, when there is room again. */
  wait(wake: () => void): void {
    this.#waiting.add(wake);
  }

  forget(wake: () => void): void {
    this.#waiting.delete(wake);
  }
}
export type { Budget };
