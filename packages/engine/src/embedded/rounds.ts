import { Code, newError } from "@tfs/std";

/** Rounds counts how often the loops of a run go round. */
export interface Rounds {
  /** take is asked for each round. Throws ResourceExhausted where there have been more than are allowed. */
  take(): void;
}

export function newRounds(max: number): Rounds {
  let left = max;
  return {
    take() {
      if (--left < 0) throw newError(Code.ResourceExhausted, `the loops of a run went round ${max} times and did not end`);
    },
  };
}
