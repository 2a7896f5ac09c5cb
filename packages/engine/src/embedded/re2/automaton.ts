import { holdsBetween, Kind, kindOf } from "./around.ts";
import { Op, type Program } from "./program.ts";
import { type Steps, spend } from "./steps.ts";

/** Automaton runs a program as a table of states, which it makes as texts ask for them: each byte of a text is one look into the table. */
export interface Automaton {
  /**
   * run reads from one place to another, forwards or, for a reversed program, backwards, and gives where the match ends: the preferred one, or the longest. -1: nowhere.
   * What lies beyond both places is looked at, not matched.
   */
  run(text: Uint8Array, from: number, to: number, steps: Steps): number;
  /** size counts the states and what they hold at this moment. */
  size(): number;
}

export interface AutomatonOptions {
  /** start is the program's start, or its search. */
  readonly start: number;
  readonly longest: boolean;
  readonly reversed: boolean;
  /** maxSize is how many numbers the states may hold together before all are forgotten. @defaultValue 2^18, one MiB */
  readonly maxSize?: number;
}

/** What an instruction takes that a new state looks at, beside a look into the table. */
const stateCost = 16;

/** unknown marks a way in the table that nobody has gone. */
const unknown = -1;

// A state is an ordered list of instructions that wait to be gone on with, and the kind of the byte before. Assertions want the byte behind as well, so a match shows one
// byte late: every entry of the table is the next state times two, plus one if the text read so far matches.
export function newAutomaton(program: Program, { start, longest, reversed, maxSize = 2 ** 18 }: AutomatonOptions): Automaton {
  const { op, next, a, b, asserts } = program;
  const { of: classes, count: edge } = classesOf(program);
  const width = edge + 1; // the last column is the text's edge
  const [seen, queued] = [new Float64Array(op.length), new Float64Array(op.length)];
  let mark = 0;
  const stack: number[] = [];
  const waits: number[] = [];
  let ids = new Map<string, number>();
  let lists: (readonly number[])[] = [];
  let kinds: number[] = [];
  let table = new Int32Array(0);
  let size = 0;
  /** starts are the states to begin with, by the kind of the byte before. */
  let starts: (number | undefined)[] = [];

  const forget = (): void => {
    ids = new Map();
    lists = [];
    kinds = [];
    starts = [];
    size = 0;
    stateOf([], Kind.none); // 0: nothing left to match
  };
  const stateOf = (list: readonly number[], before: number): number => {
    const kind = asserts && list.length > 0 ? before : Kind.none;
    const key = `${kind} ${list.join(" ")}`;
    const found = ids.get(key);
    if (found !== undefined) return found;
    const id = lists.push(list) - 1;
    kinds.push(kind);
    ids.set(key, id);
    size += width + 2 * list.length;
    if (table.length < (id + 1) * width) {
      const larger = new Int32Array(Math.max(16, id * 2) * width);
      larger.set(table);
      table = larger;
    }
    table.fill(unknown, id * width, (id + 1) * width);
    return id;
  };
  /** way finds where a byte leads from a state. Gives the entry, having set it in the table unless all states had to be forgotten. */
  const way = (state: number, byte: number | undefined, steps: Steps): number => {
    const list = lists[state]!;
    const kind = kindOf(byte);
    const holds = holdsBetween(kinds[state]!, kind);
    mark++;
    waits.length = 0;
    let [matched, looked] = [false, list.length];
    walk: for (const first of list) {
      stack.push(first);
      for (let pc = stack.pop(); pc !== undefined; pc = stack.pop()) {
        if (seen[pc] === mark) continue;
        seen[pc] = mark;
        looked++;
        const does = op[pc]!;
        if (does === Op.bytes) {
          if (byte === undefined || byte < a[pc]! || byte > b[pc]! || queued[next[pc]!] === mark) continue;
          queued[next[pc]!] = mark;
          waits.push(next[pc]!);
        } else if (does === Op.choice) stack.push(a[pc]!, next[pc]!);
        else if (does === Op.mark) stack.push(next[pc]!);
        else if (does === Op.at) {
          if ((holds & a[pc]!) !== 0) stack.push(next[pc]!);
        } else {
          matched = true;
          if (longest) continue;
          stack.length = 0; // what comes after is worth less than this match
          break walk;
        }
      }
    }
    spend(steps, looked * stateCost);
    const full = size > maxSize;
    if (full) forget();
    const entry = stateOf(waits.slice(), kind) * 2 + (matched ? 1 : 0);
    if (!full) table[state * width + (byte === undefined ? edge : classes[byte]!)] = entry;
    return entry;
  };
  const startAfter = (before: number): number => {
    starts[before] ??= stateOf([start], before);
    return starts[before];
  };
  forget();
  return {
    run(text, from, to, steps) {
      const step = reversed ? -1 : 1;
      const ahead = reversed ? -1 : 0; // the byte that lies ahead of a place
      const limit = reversed ? 0 : text.length;
      const [behind, past] = reversed ? [from, text.length] : [from - 1, -1];
      let state = startAfter(behind === past ? Kind.none : kindOf(text[behind]));
      let cells = table;
      let last = -1;
      let place = from;
      for (; ; place += step) {
        let entry = place === limit ? cells[state * width + edge]! : cells[state * width + classes[text[place + ahead]!]!]!;
        if (entry === unknown) {
          entry = way(state, place === limit ? undefined : text[place + ahead], steps);
          cells = table;
        }
        if ((entry & 1) === 1) last = place;
        state = entry >> 1;
        if (state === 0 || place === to) break;
      }
      spend(steps, Math.abs(place - from) + 1);
      return last;
    },
    size: () => size,
  };
}

/** classesOf puts together the bytes that no instruction tells apart. */
function classesOf({ op, a, b, asserts }: Program): { readonly of: Uint8Array; readonly count: number } {
  const begins = new Uint8Array(257);
  op.forEach((does, pc) => {
    if (does !== Op.bytes) return;
    begins[a[pc]!] = 1;
    begins[b[pc]! + 1] = 1;
  });
  if (asserts) for (let byte = 1; byte < 256; byte++) if (kindOf(byte) !== kindOf(byte - 1)) begins[byte] = 1;
  const of = new Uint8Array(256);
  let count = 0;
  for (let byte = 1; byte < 256; byte++) {
    if (begins[byte] === 1) count++;
    of[byte] = count;
  }
  return { of, count: count + 1 };
}
