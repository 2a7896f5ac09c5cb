import { Code, newError } from "@tfs/std";
import { negated, type Ranges, sorted } from "./ranges.ts";
import { folded, propertyOf } from "./unicode.ts";

/** Where in a text an assertion holds. Bits, for several may hold at once. */
export const At = { beginText: 1, endText: 2, beginLine: 4, endLine: 8, wordBoundary: 16, noWordBoundary: 32 } as const;

/** Tree is a parsed pattern. */
export type Tree = Facts & Shape;
interface Facts {
  /** nullable: it may match nothing. */
  readonly nullable: boolean;
  /** copies is how many times its innermost part stands there once counted repetitions are written out. */
  readonly copies: number;
  /** depth counts parts within each other. */
  readonly depth: number;
}
type Shape =
  | { readonly is: "class"; readonly ranges: Ranges }
  | { readonly is: "byte" }
  | { readonly is: "at"; readonly at: number }
  | { readonly is: "group"; readonly index: number; readonly of: Tree }
  | { readonly is: "all"; readonly of: readonly Tree[] }
  | { readonly is: "either"; readonly of: readonly Tree[] }
  /** `max` is -1 without an end. */
  | { readonly is: "repeat"; readonly min: number; readonly max: number; readonly greedy: boolean; readonly of: Tree };

export interface Parsed {
  readonly tree: Tree;
  readonly groups: number;
}

/** RE2's bounds: of one count, and of all counts around one part multiplied. */
const maxRepeat = 1000;
/** Bounds of ours: bytes of a pattern, and parts within each other: whoever walks the tree calls itself for each. */
const maxPattern = 1 << 16;
const maxDepth = 1000;

interface Flags {
  readonly fold: boolean;
  readonly lines: boolean;
  readonly dotAll: boolean;
  readonly lazy: boolean;
}

/** Level is an open group: what stands before the last bar, and what after it. */
interface Level {
  readonly branches: Tree[];
  sequence: Tree[];
  /** Flags to go back to. */
  readonly flags: Flags;
  /** index of a group that captures. */
  readonly index: number | undefined;
}

const perl: Readonly<Record<string, Ranges>> = {
  d: [0x30, 0x39],
  s: [0x09, 0x0a, 0x0c, 0x0d, 0x20, 0x20],
  w: [0x30, 0x39, 0x41, 0x5a, 0x5f, 0x5f, 0x61, 0x7a],
};
const posix: Readonly<Record<string, Ranges>> = {
  alnum: [0x30, 0x39, 0x41, 0x5a, 0x61, 0x7a],
  alpha: [0x41, 0x5a, 0x61, 0x7a],
  ascii: [0, 0x7f],
  blank: [0x09, 0x09, 0x20, 0x20],
  cntrl: [0, 0x1f, 0x7f, 0x7f],
  digit: [0x30, 0x39],
  graph: [0x21, 0x7e],
  lower: [0x61, 0x7a],
  print: [0x20, 0x7e],
  punct: [0x21, 0x2f, 0x3a, 0x40, 0x5b, 0x60, 0x7b, 0x7e],
  space: [0x09, 0x0d, 0x20, 0x20],
  upper: [0x41, 0x5a],
  word: perl["w"]!,
  xdigit: [0x30, 0x39, 0x41, 0x46, 0x61, 0x66],
};
const repetition = /(?:[*+?]|\{(0|[1-9]\d*)(?:(,)(0|[1-9]\d*)?)?\})\??/y;
const control: Readonly<Record<string, number>> = { a: 7, f: 12, n: 10, r: 13, t: 9, v: 11 };

/** parse reads RE2's syntax. Errors are InvalidArgument with RE2's own words. */
export function parse(bytes: Uint8Array): Parsed {
  if (bytes.length > maxPattern) throw invalid(`pattern too large - ${bytes.length} bytes, ${maxPattern} are allowed`);
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw invalid("invalid UTF-8");
  }
  return new Parser(text).parse();
}

export function invalid(message: string): Error {
  return newError(Code.InvalidArgument, message);
}

const leaf = { copies: 1, depth: 1 };
const nothing: Tree = { is: "all", of: [], nullable: true, ...leaf };
const classOf = (ranges: Ranges): Tree => ({ is: "class", ranges: sorted(ranges), nullable: false, ...leaf });
const at = (where: number): Tree => ({ is: "at", at: where, nullable: true, ...leaf });
const all = (of: readonly Tree[]): Tree =>
  of.length === 1 ? of[0]! : of.length === 0 ? nothing : { is: "all", of, ...around(of), nullable: of.every((t) => t.nullable) };

/** either makes one class of classes side by side, as RE2 does: together they may be all characters, which allows more (program.ts). */
function either(branches: readonly Tree[]): Tree {
  const of: Tree[] = [];
  for (let i = 0; i < branches.length; i++) {
    const ranges: number[] = [];
    let classes = 0;
    for (let t = branches[i + classes]; t?.is === "class"; t = branches[i + classes]) {
      for (const rune of t.ranges) ranges.push(rune);
      classes++;
    }
    of.push(classes > 1 ? classOf(ranges) : branches[i]!);
    i += Math.max(0, classes - 1);
  }
  return of.length === 1 ? of[0]! : { is: "either", of, ...around(of), nullable: of.some((t) => t.nullable) };
}

function around(of: readonly Tree[]): Omit<Facts, "nullable"> {
  let [copies, depth] = [1, 0];
  for (const t of of) {
    copies = Math.max(copies, t.copies);
    depth = Math.max(depth, t.depth);
  }
  if (depth >= maxDepth) throw invalid(`pattern too large - more than ${maxDepth} parts within each other`);
  return { copies, depth: depth + 1 };
}

const isHex = (c: string): boolean => /^[0-9A-Fa-f]$/.test(c);

class Parser {
  readonly #text: string;
  #at = 0;
  #flags: Flags = { fold: false, lines: false, dotAll: false, lazy: false };
  #groups = 0;
  readonly #open: Level[] = [];
  #level: Level = { branches: [], sequence: [], flags: this.#flags, index: undefined };
  /** Where the repetition began that has just been read; -1 after anything else. */
  #repeated = -1;

  constructor(text: string) {
    this.#text = text;
  }

  parse(): Parsed {
    while (this.#at < this.#text.length) {
      const begun = this.#at;
      const repetition = this.#repetition();
      if (!repetition) this.#piece();
      this.#repeated = repetition ? (this.#repeated === -1 ? begun : this.#repeated) : -1;
    }
    if (this.#open.length > 0) throw invalid(`missing ): ${this.#text}`);
    return { tree: this.#close(), groups: this.#groups };
  }

  #has(start: string): boolean {
    return this.#text.startsWith(start, this.#at);
  }

  /** #rune takes one character. Where there is none, RE2 speaks of UTF-8. */
  #rune(): string {
    const rune = this.#text.codePointAt(this.#at);
    if (rune === undefined) throw invalid("invalid UTF-8");
    const c = String.fromCodePoint(rune);
    this.#at += c.length;
    return c;
  }

  #since(begun: number): string {
    return this.#text.slice(begun, this.#at);
  }

  #push(tree: Tree): void {
    this.#level.sequence.push(tree);
  }

  #literal(rune: number): void {
    this.#push(classOf(this.#folded([rune, rune])));
  }

  #folded(ranges: Ranges): Ranges {
    return this.#flags.fold ? folded(ranges) : ranges;
  }

  #close(): Tree {
    return either([...this.#level.branches, all(this.#level.sequence)]);
  }

  #enter(index: number | undefined, flags: Flags): void {
    this.#open.push(this.#level);
    this.#level = { branches: [], sequence: [], flags, index };
  }

  #piece(): void {
    const c = this.#rune();
    if (c === "(") {
      if (this.#has("?")) this.#perl();
      else this.#enter(++this.#groups, this.#flags);
    } else if (c === ")") this.#leave();
    else if (c === "|") {
      this.#level.branches.push(all(this.#level.sequence));
      this.#level.sequence = [];
    } else if (c === "^") this.#push(at(this.#flags.lines ? At.beginLine : At.beginText));
    else if (c === "$") this.#push(at(this.#flags.lines ? At.endLine : At.endText));
    else if (c === ".") this.#push(classOf(this.#flags.dotAll ? [0, 0x10ffff] : negated([10, 10])));
    else if (c === "[") this.#push(classOf(this.#class()));
    else if (c === "\\") this.#escaped();
    else this.#literal(c.codePointAt(0)!);
  }

  #leave(): void {
    const outer = this.#open.pop();
    if (outer === undefined) throw invalid(`unexpected ): ${this.#text}`);
    const of = this.#close();
    const { index, flags } = this.#level;
    this.#flags = flags;
    this.#level = outer;
    this.#push(index === undefined ? of : { is: "group", index, of, ...around([of]), nullable: of.nullable });
  }

  /** #repetition takes *, +, ?, {n}, {n,} or {n,m}, with a ? for as few as possible, if one stands here. */
  #repetition(): boolean {
    repetition.lastIndex = this.#at;
    const found = repetition.exec(this.#text);
    if (found === null) return false;
    const [operator] = found;
    const begun = this.#at;
    this.#at += operator.length;
    if (this.#repeated >= 0) throw invalid(`bad repetition operator: ${this.#since(this.#repeated)}`);
    const counted = operator[0] === "{";
    const min = counted ? Number(found[1]) : operator[0] === "+" ? 1 : 0;
    const max = counted ? (found[2] === undefined ? min : found[3] === undefined ? -1 : Number(found[3])) : operator[0] === "?" ? 1 : -1;
    const size = () => invalid(`invalid repetition size: ${this.#since(begun)}`);
    if (counted && (min > maxRepeat || max > maxRepeat || (max >= 0 && max < min))) throw size();
    const of = this.#level.sequence.pop();
    if (of === undefined) throw invalid(`no argument for repetition operator: ${operator}`);
    const copies = of.copies * (counted ? Math.max(1, max === -1 ? min : max) : 1);
    if (counted && (min >= 2 || max >= 2) && copies > maxRepeat) throw size();
    const lazy = operator.length > 1 && operator.endsWith("?");
    this.#push({ is: "repeat", min, max, greedy: lazy === this.#flags.lazy, of, ...around([of]), nullable: min === 0 || of.nullable, copies });
    return true;
  }

  /** #perl reads what follows "(": a name, or flags. */
  #perl(): void {
    const begun = this.#at - 1;
    this.#at++;
    if (this.#has("P<") && this.#at + 2 < this.#text.length) {
      const end = this.#text.indexOf(">", this.#at);
      if (end < 0) throw invalid(`invalid named capture group: ${this.#text.slice(begun)}`);
      const name = this.#text.slice(this.#at + 2, end);
      this.#at = end + 1;
      if (!/^[\p{L}\p{Nl}\p{Mn}\p{Mc}\p{Nd}\p{Pc}]+$/u.test(name)) throw invalid(`invalid named capture group: ${this.#since(begun)}`);
      this.#enter(++this.#groups, this.#flags);
      return;
    }
    const bad = () => invalid(`invalid perl operator: ${this.#since(begun)}`);
    let flags = this.#flags;
    let [minus, saw] = [false, false];
    for (;;) {
      if (this.#at >= this.#text.length) throw bad();
      const c = this.#rune();
      if (c === ":" || c === ")") {
        if (minus && !saw) throw bad();
        if (c === ":") this.#enter(undefined, this.#flags);
        this.#flags = flags;
        return;
      }
      if (c === "-") {
        if (minus) throw bad();
        [minus, saw] = [true, false];
        continue;
      }
      saw = true;
      if (c === "i") flags = { ...flags, fold: !minus };
      else if (c === "m") flags = { ...flags, lines: !minus };
      else if (c === "s") flags = { ...flags, dotAll: !minus };
      else if (c === "U") flags = { ...flags, lazy: !minus };
      else throw bad();
    }
  }

  /** #escaped reads what follows a backslash outside of a class. */
  #escaped(): void {
    const c = this.#text[this.#at];
    const where = ({ b: At.wordBoundary, B: At.noWordBoundary, A: At.beginText, z: At.endText } as const)[c ?? ""];
    if (where !== undefined) this.#push(at(where));
    else if (c === "C") this.#push({ is: "byte", nullable: false, ...leaf });
    else if (c === "Q") {
      const end = this.#text.indexOf("\\E", this.#at + 1);
      for (const literal of this.#text.slice(this.#at + 1, end < 0 ? undefined : end)) this.#literal(literal.codePointAt(0)!);
      this.#at = end < 0 ? this.#text.length - 1 : end + 1; // what is left is taken below
    } else {
      this.#at--;
      const known = this.#known(false);
      if (known === undefined) this.#literal(this.#escape());
      else this.#push(classOf(known));
      return;
    }
    this.#at++;
  }

  /** #known reads \d, \pL and their like, if one stands here. `within`: in a class, where \p at the pattern's end is but a bad escape. */
  #known(within: boolean): Ranges | undefined {
    const letter = this.#text[this.#at] === "\\" ? this.#text[this.#at + 1] : undefined;
    if (letter === undefined) return undefined;
    const ranges = perl[letter.toLowerCase()];
    if (ranges !== undefined) {
      this.#at += 2;
      return this.#signed(ranges, letter >= "a");
    }
    if ((letter !== "p" && letter !== "P") || (within && this.#at + 2 >= this.#text.length)) return undefined;
    const begun = this.#at;
    this.#at += 2;
    let name = this.#at < this.#text.length ? this.#rune() : "";
    if (name === "{") {
      const end = this.#text.indexOf("}", this.#at);
      if (end < 0) throw invalid(`invalid character class range: ${this.#text.slice(begun)}`);
      name = this.#text.slice(this.#at, end);
      this.#at = end + 1;
    }
    const not = name.startsWith("^");
    const property = propertyOf(not ? name.slice(1) : name);
    if (property === undefined) throw invalid(`invalid character class range: ${this.#since(begun)}`);
    return this.#signed(property, not === (letter === "P"));
  }

  #signed(ranges: Ranges, positive: boolean): Ranges {
    const both = this.#folded(ranges);
    return positive ? both : negated(both);
  }

  /** #escape reads an escape that stands for one character. */
  #escape(): number {
    const begun = this.#at++;
    const bad = () => invalid(`invalid escape sequence: ${this.#since(begun)}`);
    if (this.#at >= this.#text.length) throw invalid("trailing \\");
    const c = this.#rune();
    if (c >= "0" && c <= "7") {
      const more = /^[0-7]{0,2}/.exec(this.#text.slice(this.#at, this.#at + 2))![0];
      if (c !== "0" && more === "") throw bad(); // a reference back
      this.#at += more.length;
      return Number.parseInt(c + more, 8);
    }
    if (c === "x") {
      if (this.#at >= this.#text.length) throw bad();
      const first = this.#rune();
      if (first !== "{") {
        if (this.#at >= this.#text.length) throw bad();
        const second = this.#rune();
        if (!isHex(first) || !isHex(second)) throw bad();
        return Number.parseInt(first + second, 16);
      }
      let rune = 0;
      let next = this.#rune();
      const digits = this.#at;
      while (isHex(next)) {
        rune = rune * 16 + Number.parseInt(next, 16);
        if (rune > 0x10ffff || this.#at >= this.#text.length) throw bad();
        next = this.#rune();
      }
      if (next !== "}" || this.#at === digits) throw bad();
      return rune;
    }
    if (control[c] !== undefined) return control[c];
    if (c.charCodeAt(0) < 0x80 && !/[0-9A-Za-z]/.test(c)) return c.charCodeAt(0);
    throw bad();
  }

  /** #class reads what follows "[". */
  #class(): Ranges {
    const begun = this.#at - 1;
    const missing = () => invalid(`missing ]: ${this.#text.slice(begun)}`);
    const not = this.#has("^");
    if (not) this.#at++;
    const out: number[] = [];
    const names = new Set<string>();
    const one = (): number => {
      if (this.#at >= this.#text.length) throw missing();
      return this.#has("\\") ? this.#escape() : this.#rune().codePointAt(0)!;
    };
    for (let first = true; first || !this.#has("]"); first = false) {
      if (this.#at >= this.#text.length) throw missing();
      const from = this.#at;
      const named = this.#posix() ?? this.#known(true);
      if (named !== undefined) {
        const name = this.#since(from);
        if (!names.has(name)) for (const rune of named) out.push(rune);
        names.add(name); // once is enough
        continue;
      }
      const lo = one();
      let hi = lo;
      if (this.#has("-") && this.#at + 1 < this.#text.length && this.#text[this.#at + 1] !== "]") {
        this.#at++;
        hi = one();
        if (hi < lo) throw invalid(`invalid character class range: ${this.#since(from)}`);
      }
      for (const rune of this.#folded([lo, hi])) out.push(rune);
    }
    this.#at++;
    return not ? negated(out) : out;
  }

  /** #posix reads [:alpha:] and its like within a class, if one stands here. */
  #posix(): Ranges | undefined {
    const end = this.#has("[:") ? this.#text.indexOf(":]", this.#at + 2) : -1;
    if (end < 0) return undefined;
    const begun = this.#at;
    this.#at = end + 2;
    const name = this.#text.slice(begun + 2, end);
    const not = name.startsWith("^");
    const bare = not ? name.slice(1) : name;
    if (!Object.hasOwn(posix, bare)) throw invalid(`invalid character class range: ${this.#since(begun)}`);
    return this.#signed(posix[bare]!, !not);
  }
}
