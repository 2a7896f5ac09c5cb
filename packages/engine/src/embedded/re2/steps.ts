import { Code, newError } from "@tfs/std";

/** Steps is how much work is still allowed: bytes read and instructions looked at. */
export interface Steps {
  left: number;
}

/** Some seconds. Every search is linear in its text, but a text may hold as many matches as it has bytes, each of which may look at all that follows. */
export const maxSteps: number = 2 ** 29;

/** spend counts work that is about to be done, or refuses it with ResourceExhausted. */
export function spend(steps: Steps, count: number): void {
  steps.left -= count;
  if (steps.left < 0) throw newError(Code.ResourceExhausted, "the pattern takes too many steps over this input");
}
