import type { Clock } from "@tfs/std";

/** until waits for work until a time on the clock; undefined if it has not ended by then. Such work goes on, and what becomes of it is nobody's any more. */
export function until<T>(clock: Clock, untilMs: number, work: Promise<T>): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const timer = clock.after(Math.max(0, untilMs - clock.now()), () => resolve(undefined));
    work.then(
      (value) => {
        timer.cancel();
        resolve(value);
      },
      (err: unknown) => {
        timer.cancel();
        reject(err);
      },
    );
  });
}
