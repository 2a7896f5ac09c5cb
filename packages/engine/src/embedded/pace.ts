/** A run's loops keep the event loop to themselves for this long at a time. */
const sliceMs = 20;

/** Pace tells the loops of one run when others shall have a turn. */
export interface Pace {
  /** isOver tells whether the run's loops have had their time. It counts from when it is first asked. */
  isOver(): boolean;
  /** rest lets others have a turn, and counts anew. */
  rest(): Promise<void>;
}

export function newPace(): Pace {
  let untilMs: number | undefined;
  return {
    isOver() {
      const now = performance.now();
      untilMs ??= now + sliceMs;
      return now >= untilMs;
    },
    async rest() {
      await new Promise<void>((resolve) => setImmediate(resolve));
      untilMs = performance.now() + sliceMs;
    },
  };
}
