import { At, invalid, type Tree } from "./parse.ts";
import { lastRune, type Ranges } from "./ranges.ts";

/** What an instruction does. Of a choice's two ways the first is preferred. */
export const Op = { bytes: 0, choice: 1, at: 2, mark: 3, match: 4 } as const;

/** Program is a pattern as instructions over bytes, each a number in all four arrays. */
export interface Program {
  readonly op: Uint8Array;
  /** next is where to go on; the preferred way of a choice. */
  readonly next: Int32Array;
  /** a: the first byte of a range, the other way of a choice, what an assertion asserts, a mark's number. */
  readonly a: Int32Array;
  /** b: the last byte of a range. */
  readonly b: Int32Array;
  /** start matches from here on, search from here or anywhere behind. */
  readonly start: number;
  readonly search: number;
  /** asserts tells whether any assertion is there. */
  readonly asserts: boolean;
}

/** RE2's bound comes of its 8 MiB; a pattern that needs more fails in the same words. Ours are more for the same classes, so some more are allowed. */
const maxInstructions = 300_000;

const backwards: Readonly<Record<number, number>> = {
  [At.beginText]: At.endText,
  [At.endText]: At.beginText,
  [At.beginLine]: At.endLine,
  [At.endLine]: At.beginLine,
};

/** compile writes a tree as a program. `reversed` reads texts from their end to their beginning. */
export function compile(tree: Tree, reversed: boolean): Program {
  const code: { readonly op: number[]; readonly next: number[]; readonly a: number[]; readonly b: number[] } = { op: [], next: [], a: [], b: [] };
  let asserts = false;
  const add = (op: number, next: number, a = 0, b = 0): number => {
    if (code.op.length >= maxInstructions) throw invalid("pattern too large - compile failed");
    code.next.push(next);
    code.a.push(a);
    code.b.push(b);
    return code.op.push(op) - 1;
  };
  const choice = (greedy: boolean, more: number, done: number): number => (greedy ? add(Op.choice, more, done) : add(Op.choice, done, more));
  const ranges = new Map<number, number>();
  const bytes = (lo: number, hi: number, next: number): number => shared(ranges, (next * 256 + lo) * 256 + hi, () => add(Op.bytes, next, lo, hi));
  const pairs = new Map<number, number>();
  const either = (head: number, rest: number): number => shared(pairs, head * 2 ** 20 + rest, () => add(Op.choice, head, rest));

  // Each gives where a tree begins that goes on at next.
  const tries = new Map<Ranges, Trie>();
  const characters = (of: Ranges, next: number): number => {
    let trie = tries.get(of);
    if (trie === undefined) {
      trie = trieOf(of, reversed);
      tries.set(of, trie);
    }
    return trie.length === 0 ? bytes(255, 0, next) : anyOf(trie, next); // no byte lies between 255 and 0
  };
  const anyOf = (trie: Trie, next: number): number =>
    trie.map(({ lo, hi, follow }) => bytes(lo, hi, follow.length === 0 ? next : anyOf(follow, next))).reduceRight((rest, head) => either(head, rest));
  const emit = (t: Tree, next: number): number => {
    switch (t.is) {
      case "class":
        return characters(t.ranges, next);
      case "byte":
        return bytes(0, 255, next);
      case "at":
        asserts = true;
        return add(Op.at, next, reversed ? (backwards[t.at] ?? t.at) : t.at);
      case "group": {
        if (reversed) return emit(t.of, next);
        return add(Op.mark, emit(t.of, add(Op.mark, next, 2 * t.index + 1)), 2 * t.index);
      }
      case "all":
        return reversed ? t.of.reduce((to, part) => emit(part, to), next) : t.of.reduceRight((to, part) => emit(part, to), next);
      case "either":
        return t.of.map((part) => emit(part, next)).reduceRight((rest, part) => either(part, rest));
      case "repeat":
        return repeat(t, next);
    }
  };
  const repeat = ({ min, max, greedy, of }: Tree & { is: "repeat" }, next: number): number => {
    let to = next;
    if (max === -1) {
      const loop = choice(greedy, -1, next);
      const body = emit(of, loop);
      if (greedy) code.next[loop] = body;
      else code.a[loop] = body;
      if (min === 0) return of.nullable ? choice(greedy, body, next) : loop; // (|a)* is ((|a)+)?, or its choices would come in the wrong order
      to = body;
    } else for (let i = min; i < max; i++) to = choice(greedy, emit(of, to), next);
    for (let i = max === -1 ? 1 : 0; i < min; i++) {
      const before = to;
      to = emit(of, before);
      if (to === before) break; // there is nothing to repeat
    }
    return to;
  };
  const start = emit(tree, add(Op.match, -1));
  const search = add(Op.choice, start, -1);
  code.a[search] = bytes(0, 255, search);
  return { op: Uint8Array.from(code.op), next: Int32Array.from(code.next), a: Int32Array.from(code.a), b: Int32Array.from(code.b), start, search, asserts };
}

function shared(made: Map<number, number>, key: number, make: () => number): number {
  let found = made.get(key);
  if (found === undefined) {
    found = make();
    made.set(key, found);
  }
  return found;
}

/** Trie is a class as ranges of bytes, each with those that may follow it; after the last byte of a character there are none. */
type Trie = readonly Range[];
interface Range {
  readonly lo: number;
  readonly hi: number;
  readonly follow: Range[];
}

function trieOf(ranges: Ranges, reversed: boolean): Trie {
  const root: Range[] = [];
  for (let i = 0; i < ranges.length; i += 2) {
    for (const sequence of encoded(ranges[i]!, ranges[i + 1]!)) {
      let level = root;
      for (const [lo, hi] of reversed ? sequence.toReversed() : sequence) {
        let range = level.find((r) => r.lo === lo && r.hi === hi);
        if (range === undefined) {
          range = { lo, hi, follow: [] };
          level.push(range);
        }
        level = range.follow;
      }
    }
  }
  return root;
}

type Sequence = readonly (readonly [number, number])[];

/** The characters beyond ASCII all together: RE2 allows overlong forms and what lies past Unicode's end there, and nowhere else. */
const beyondAscii: readonly Sequence[] = [
  [
    [0xc2, 0xdf],
    [0x80, 0xbf],
  ],
  [
    [0xe0, 0xef],
    [0x80, 0xbf],
    [0x80, 0xbf],
  ],
  [
    [0xf0, 0xf4],
    [0x80, 0xbf],
    [0x80, 0xbf],
    [0x80, 0xbf],
  ],
];

/** encoded gives the sequences of ranges of bytes that are the characters from lo to hi in UTF-8. */
function encoded(lo: number, hi: number): readonly Sequence[] {
  if (lo === 0x80 && hi === lastRune) return beyondAscii;
  const split = (at: number): readonly Sequence[] => [...encoded(lo, at), ...encoded(at + 1, hi)];
  for (const last of [0x7f, 0x7ff, 0xffff]) if (lo <= last && last < hi) return split(last);
  if (hi < 0x80) return [[[lo, hi]]];
  // Continuation bytes must take all their values, or the ones before them be the same.
  for (const low of [0x3f, 0xfff, 0x3ffff]) {
    if ((lo & ~low) === (hi & ~low)) continue;
    if ((lo & low) !== 0) return split(lo | low);
    if ((hi & low) !== low) return split((hi & ~low) - 1);
  }
  const last = utf8(hi);
  return [utf8(lo).map((byte, i) => [byte, last[i]!] as const)];
}

function utf8(rune: number): number[] {
  if (rune < 0x800) return [0xc0 | (rune >> 6), 0x80 | (rune & 0x3f)];
  if (rune < 0x10000) return [0xe0 | (rune >> 12), 0x80 | ((rune >> 6) & 0x3f), 0x80 | (rune & 0x3f)];
  return [0xf0 | (rune >> 18), 0x80 | ((rune >> 12) & 0x3f), 0x80 | ((rune >> 6) & 0x3f), 0x80 | (rune & 0x3f)];
}
