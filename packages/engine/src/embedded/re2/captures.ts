import { holdsBetween, kindOf } from "./around.ts";
import { Op, type Program } from "./program.ts";
import { type Steps, spend } from "./steps.ts";

/** Thread is an instruction that waits for a byte, and where the groups were on the way to it. */
interface Thread {
  readonly pc: number;
  readonly marks: Marks;
}
/** Marks are the first place and the one after the last of each group; -1 where it took no part. */
export type Marks = readonly number[];

/** What an instruction takes here, beside a look into an automaton's table. */
const threadCost = 8;

/** newCaptures gives what finds where the groups below `groups` lie in a match whose place is known: all ways side by side, the preferred ones first. */
export function newCaptures(program: Program): (text: Uint8Array, from: number, to: number, groups: number, steps: Steps) => Marks {
  const { op, next, a, b, start } = program;
  const seen = new Float64Array(op.length);
  let mark = 0;
  return (text, from, to, groups, steps) => {
    let found: Marks | undefined;
    let threads: readonly Thread[] = [{ pc: start, marks: new Array<number>(2 * groups).fill(-1) }];
    for (let place = from; ; place++) {
      const holds = holdsBetween(kindOf(text[place - 1]), kindOf(text[place]));
      const byte = text[place];
      const following: Thread[] = [];
      mark++;
      let looked = 1;
      walk: for (const thread of threads) {
        const stack: Thread[] = [thread];
        for (let at = stack.pop(); at !== undefined; at = stack.pop()) {
          const { pc, marks } = at;
          if (seen[pc] === mark) continue;
          seen[pc] = mark;
          looked++;
          const does = op[pc]!;
          const onward = next[pc]!;
          if (does === Op.bytes) {
            if (byte !== undefined && byte >= a[pc]! && byte <= b[pc]!) following.push({ pc: onward, marks });
          } else if (does === Op.choice) stack.push({ pc: a[pc]!, marks }, { pc: onward, marks });
          else if (does === Op.mark) stack.push({ pc: onward, marks: a[pc]! < 2 * groups ? marks.with(a[pc]!, place) : marks });
          else if (does === Op.at) {
            if ((holds & a[pc]!) !== 0) stack.push({ pc: onward, marks });
          } else {
            found = marks;
            break walk;
          }
        }
      }
      spend(steps, looked * threadCost);
      if (place === to || following.length === 0) break;
      threads = following;
    }
    if (found === undefined) throw new Error("a match was found, and found again it is not there");
    return found.with(0, from).with(1, to);
  };
}
