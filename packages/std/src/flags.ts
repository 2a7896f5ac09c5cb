import { Code } from "./code.ts";
import { newError } from "./errors.ts";
import { nearest } from "./nearest.ts";

/**
 * FlagKind is what a flag takes. "int32" and "int64" have their types' bounds (an int64 past 2^53 is rounded to what a number holds), "int" is any integer that
 * a number holds exactly, "float" is a decimal in the bounds of 32 bits.
 */
export type FlagKind = "string" | "int" | "int32" | "int64" | "float" | "bool";

/** Flag describes one command-line flag. */
export interface Flag {
  readonly name: string;
  readonly kind: FlagKind;
  readonly fallback: string | number | boolean;
  /** shown is what --help says of a default that is not `fallback` itself, because it is computed. */
  readonly shown?: string;
  /** group is the heading it stands under in --help. */
  readonly group: string;
  readonly help: string;
}

/** Flags are parsed values by name: a value of the flag's kind for every flag. */
export interface Flags {
  string(name: string): string;
  int(name: string): number;
  float(name: string): number;
  bool(name: string): boolean;
  /** given tells whether the flag was on the command line. */
  given(name: string): boolean;
}

/**
 * parseFlags reads `--name=value`, `--name value` (unless the value starts with `--`), and for bools `--name`. A flag that comes twice counts as it came last. Throws InvalidArgument with
 * a line for each fault: an unknown flag (with the nearest name), a value that does not parse, and anything that is no flag.
 */
export function parseFlags(flags: readonly Flag[], argv: readonly string[]): Flags {
  const known = new Map(flags.map((f) => [f.name, f]));
  const values = new Map<string, Value>();
  const faults: string[] = [];
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i]!;
    const found = /^--([^=]+)(?:=(.*))?$/s.exec(word);
    if (found === null) {
      faults.push(unknownWord(word, known.get(argv[i - 1]?.slice(2) ?? "")));
      continue;
    }
    const [, name = "", inline] = found;
    const flag = known.get(name);
    let text = inline;
    if (text === undefined && flag?.kind === "bool") text = "true";
    else if (text === undefined && argv[i + 1]?.startsWith("--") === false) text = argv[++i];
    if (flag === undefined) {
      faults.push(unknownFlag(name, known.keys()));
      continue;
    }
    const value = text === undefined ? undefined : parse(flag.kind, text);
    if (value !== undefined) values.set(name, value);
    else faults.push(text === undefined ? `flag --${name} needs a value` : `Couldn't interpret value ${text} for flag ${name}.`);
  }
  if (faults.length > 0) throw newError(Code.InvalidArgument, faults.join("\n"));
  const get = (name: string): Value => {
    const flag = known.get(name);
    if (flag === undefined) throw new Error(`there is no flag ${name}`);
    return values.get(name) ?? flag.fallback;
  };
  const number = (name: string): number => Number(get(name));
  return { string: (name) => String(get(name)), int: number, float: number, bool: (name) => get(name) === true, given: (name) => values.has(name) };
}

type Value = string | number | boolean;

function unknownFlag(name: string, known: Iterable<string>): string {
  const close = nearest(name, known);
  return `unknown flag --${name}${close === undefined ? "" : `; did you mean --${close}?`}`;
}

/** unknownWord is for a word that is no flag; behind a bool it may have been meant as its value. */
function unknownWord(word: string, before: Flag | undefined): string {
  const meant = before?.kind === "bool" && (word === "true" || word === "false") ? `; did you mean --${before.name}=${word}?` : "";
  return `unknown argument: ${word}${meant}`;
}

/** parse gives the value that a text stands for, or undefined. */
function parse(kind: FlagKind, text: string): Value | undefined {
  switch (kind) {
    case "string":
      return text;
    case "bool":
      return text === "true" || text === "false" ? text === "true" : undefined;
    case "float":
      return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) && Number.isFinite(Math.fround(Number(text))) ? Number(text) : undefined;
    default:
      return /^[+-]?\d+$/.test(text) ? integer(kind, text) : undefined;
  }
}

function integer(kind: "int" | "int32" | "int64", text: string): number | undefined {
  const n = Number(text);
  if (kind === "int32") return n >= -(2 ** 31) && n < 2 ** 31 ? n : undefined;
  if (kind === "int64") return BigInt.asIntN(64, BigInt(text.replace(/^\+/, ""))) === BigInt(text.replace(/^\+/, "")) ? n : undefined;
  return Number.isSafeInteger(n) ? n : undefined;
}

/** --help is at most this wide. */
const columns = 100;

/** usage prints the flags by group, each with its default. */
export function usage(headline: string, flags: readonly Flag[]): string {
  const lines = [headline];
  for (const group of new Set(flags.map((f) => f.group))) {
    lines.push("", `${group}:`);
    for (const f of flags.filter((flag) => flag.group === group)) {
      lines.push(`  --${f.name}${takes[f.kind]}`, ...wrapped(f.help, `(default ${shown(f)})`));
    }
  }
  return `${lines.join("\n")}\n`;
}

const takes: Readonly<Record<FlagKind, string>> = { string: "=STRING", int: "=INT", int32: "=INT", int64: "=INT", float: "=FLOAT", bool: "" };

function shown(f: Flag): string {
  return f.shown ?? (f.kind === "string" ? JSON.stringify(f.fallback) : String(f.fallback));
}

const indent = "      ";
/** What stands in brackets is kept on one line up to this length. */
const unbroken = 40;

/** wrapped breaks a text between words; a word that is too long for a line has one of its own. */
function wrapped(text: string, bracket: string): string[] {
  const lines: string[] = [];
  for (const word of [...text.split(" "), ...(bracket.length > unbroken ? bracket.split(" ") : [bracket])]) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= columns) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(`${indent}${word}`);
  }
  return lines;
}
