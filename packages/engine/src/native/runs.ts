/** Runs counts a model's runs from when they are let in until what they do has ended, though their callers may have gone before. */
export interface Runs {
  /** run has `admit` begin the work in its time, or refuse it. */
  run<T>(admit: (work: () => Promise<T>) => Promise<T>, work: () => Promise<T>): Promise<T>;
  /** over is when none is left: for who closes the model, and lets none in any more. */
  over(): Promise<void>;
}

/** Count is of what is under way. */
export interface Count {
  enter(): void;
  leave(): void;
  /** none is when nothing is left. One waits for it at a time. */
  none(): Promise<void>;
}

/** newCount begins with nothing. */
export function newCount(): Count {
  let count = 0;
  let onNone: (() => void) | undefined;
  return {
    enter() {
      count++;
    },
    leave() {
      count--;
      if (count === 0) onNone?.();
    },
    async none() {
      if (count > 0) await new Promise<void>((resolve) => (onNone = resolve));
    },
  };
}

/** newRuns counts those of one model. */
export function newRuns(): Runs {
  const { enter, leave, none } = newCount();
  return {
    async run(admit, work) {
      let begun = false;
      enter();
      try {
        return await admit(async () => {
          begun = true;
          try {
            return await work();
          } finally {
            leave();
          }
        });
      } finally {
        if (!begun) leave();
      }
    },
    over: none,
  };
}
