/** Pace tells long work when others shall have a turn of the event loop. */
export interface Pace {
  /** isOver tells whether the work has had its time. It counts from when it is first asked. */
  isOver(): boolean;
  /** rest lets others have a turn, and counts anew. */
  rest(): Promise<void>;
}

/** newPace makes one, for one piece of work that may keep the event loop to itself for `sliceMs` at a time. */
export function newPace(sliceMs: number): Pace {
  let untilMs: number | undefined;
  return {
    isOver() {
      const now = performance.now();
      untilMs ??= now + sliceMs;
      return now >= untilMs;
    },
    async rest() {
      await new Promise<void>((resolve) => void laterInTurn(resolve));
      untilMs = performance.now() + sliceMs;
    },
  };
}

/** Browsers have no setImmediate. */
const laterInTurn: (then: () => void) => unknown = (then) => (typeof setImmediate === "function" ? setImmediate(then) : setTimeout(then));
