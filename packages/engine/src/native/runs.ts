/** Runs counts a model's runs from when they are let in until what they do has ended, though their callers may have gone before. */
export interface Runs {
  /** run has `admit` begin the work in its time, or refuse it. */
  run<T>(admit: (work: () => Promise<T>) => Promise<T>, work: () => Promise<T>): Promise<T>;
  /** over is when none is left: for who closes the model, and lets none in any more. */
  over(): Promise<void>;
}

/** newRuns counts those of one model. */
export function newRuns(): Runs {
  let busy = 0;
  let idle: (() => void) | undefined;

  function leave(): void {
    busy--;
    if (busy === 0) idle?.();
  }

  return {
    async run(admit, work) {
      let begun = false;
      busy++;
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
    async over() {
      if (busy > 0) await new Promise<void>((resolve) => (idle = resolve));
    },
  };
}
