import assert from "node:assert/strict";
import { background, newPace } from "@tfs/std";
import type { State } from "../kernel.ts";
import { newRounds } from "../rounds.ts";
import { newSimd } from "../simd/index.ts";

/** stateOf is what kernels find that are run by themselves: nothing of a model but what is `given`. */
export function stateOf(given: Partial<State> = {}): State {
  const simd = newSimd();
  return {
    ctx: background(),
    variable: () => assert.fail("there are no variables"),
    table: () => assert.fail("there are no tables"),
    stream: () => assert.fail("there are no streams"),
    checkpoint: () => assert.fail("nothing is restored"),
    simd,
    arena: simd.arena(),
    pace: newPace(20),
    rounds: newRounds(1),
    ...given,
  };
}
