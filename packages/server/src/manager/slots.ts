import { type Ctx, race } from "@tfs/std";

/** newSlots lets at most `max` tasks do something at a time; the others wait in the order in which they came. */
export function newSlots(max: number): Slots {
  return new Slots(max);
}

/** What waits is what the owner has begun, so the queue is as long as the owner lets it grow. */
class Slots {
  #free: number;
  #max: number;
  readonly #waiting: (() => void)[] = [];

  constructor(max: number) {
    this.#max = max;
    this.#free = max;
  }

  /** resize changes how many may go on at a time. Who holds a slot keeps it. */
  resize(max: number): void {
    this.#free += max - this.#max;
    this.#max = max;
    while (this.#free > 0 && this.#waiting.length > 0) this.#hand();
  }

  /** take waits for a slot and gives what returns it. Throws the context's reason if that ends first. */
  async take(ctx: Ctx): Promise<Disposable> {
    if (this.#free > 0) this.#free--;
    else await this.#wait(ctx);
    let held = true;
    return {
      [Symbol.dispose]: () => {
        if (held) this.#give();
        held = false;
      },
    };
  }

  async #wait(ctx: Ctx): Promise<void> {
    let come = (): void => {};
    const turn = new Promise<void>((resolve) => {
      come = resolve;
    });
    this.#waiting.push(come);
    try {
      await race(ctx, turn);
    } catch (err) {
      const at = this.#waiting.indexOf(come);
      if (at >= 0) this.#waiting.splice(at, 1);
      else this.#give(); // it came in the same moment
      throw err;
    }
  }

  #give(): void {
    this.#free++;
    if (this.#free > 0 && this.#waiting.length > 0) this.#hand();
  }

  #hand(): void {
    this.#free--;
    this.#waiting.shift()?.();
  }
}
export type { Slots };
