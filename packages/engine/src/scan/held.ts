import type { Tensor } from "@tfs/tensor";
import { bytesOf } from "../embedded/index.ts";

/** Held follows what values a run has at a time: each from the op that gives it to the last that reads it. */
export interface Held {
  /** step says that an op has been run. Values that were there before the run are none of it. */
  step(inputs: readonly Tensor[], outputs: readonly Tensor[], isThere: boolean): void;
  /** most gives the bytes of all values that are held at the same time, where most are. */
  most(): number;
}

/** Life of a value, in steps. */
interface Life {
  readonly from: number;
  to: number;
  readonly bytes: number;
}

/** So many values are followed; those of a loop that makes more are like the ones before. */
const maxLives = 1 << 20;

/** newHeld begins a run. It keeps no value, but what it says of it. */
export function newHeld(feeds: Iterable<Tensor>): Held {
  const known = new WeakMap<object, Life>();
  const lives: Life[] = [];
  let steps = 0;
  const begin = (t: Tensor, bytes: number): void => {
    if (lives.length >= maxLives) return;
    const life = { from: steps, to: steps, bytes };
    known.set(t.data, life);
    lives.push(life);
  };
  for (const t of feeds) begin(t, bytesOf(t));
  return {
    step(inputs, outputs, isThere) {
      steps++;
      for (const t of inputs) {
        const life = known.get(t.data);
        if (life !== undefined) life.to = steps;
      }
      for (const t of outputs) if (!known.has(t.data)) begin(t, isThere ? 0 : bytesOf(t));
    },
    most() {
      const change = new Float64Array(steps + 2);
      for (const { from, to, bytes } of lives) {
        change[from]! += bytes;
        change[to + 1]! -= bytes;
      }
      let [now, most] = [0, 0];
      for (const by of change) {
        now += by;
        most = Math.max(most, now);
      }
      return most;
    },
  };
}
