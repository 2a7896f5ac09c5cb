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
  /** least is the smallest number that makes sense; default the type's own. */
  readonly least?: number;
  /** also are other names by which people look for it; they are not accepted, but lead to it. */
  readonly also?: readonly string[];
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
 * a line for each fault: an unknown flag (with the one that was meant), a value that does not parse or is too small, and anything that is no flag.
 */
export function parseFlags(flags: readonly Flag[], argv: readonly string[]): Flags {
  const known = new Map(flags.map((f) => [f.name, f]));
  const values = new Map<string, Value>();
  const faults: string[] = [];
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i]!;
    const [, dashes, name = "", inline] = /^([-–—]*)([^-–—=][^=]*)(?:=(.*))?$/s.exec(word) ?? ["", ""];
    const flag = dashes === "--" ? known.get(name) : undefined;
    let text = inline;
    if (text === undefined && flag?.kind === "bool") text = "true";
    else if (text === undefined && dashes !== "" && argv[i + 1]?.startsWith("--") === false) text = argv[++i];
    if (flag === undefined) {
      const hint = dashes === "" ? meantByWord(word, name, known, argv[i - 1]) : meant(name, flags);
      faults.push(`${dashes === "--" ? `unknown flag --${name}` : `unknown argument: ${word}`}${hint === undefined ? "" : `; did you mean --${hint}?`}`);
      continue;
    }
    const value = text === undefined ? undefined : parse(flag.kind, text);
    if (value === undefined) faults.push(text === undefined ? `flag --${name} needs a value` : `Couldn't interpret value ${text} for flag ${name}.`);
    else if (Number(value) < (flag.least ?? Number.NEGATIVE_INFINITY)) faults.push(`--${name}=${text}: expected ${flag.least} or more`);
    else values.set(name, value);
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

/** meantByWord is for a word without dashes: the value of the bool before it, or a flag that lacks them. */
function meantByWord(word: string, name: string, known: ReadonlyMap<string, Flag>, before = ""): string | undefined {
  const flag = known.get(before.replace(/^--/, ""));
  if (flag?.kind === "bool" && (word === "true" || word === "false")) return `${flag.name}=${word}`;
  return known.has(name) ? name : undefined;
}

/**
 * meant finds the flag that somebody means by another name: one that it is known by; the only one of fewest words that has all of the name's (rest_port means
 * rest_api_port); one that is nearly spelled so; one that the name ends in (grpc_port means port); the only one of fewest words that has all of the name's, nearly
 * spelled so (rest_prt).
 */
function meant(typed: string, flags: readonly Flag[]): string | undefined {
  const name = typed.toLowerCase().replaceAll("-", "_");
  const words = name.split("_").filter((word) => word !== "");
  return (
    flags.find((flag) => flag.also?.includes(name))?.name ??
    shortest(flags, (parts) => words.length > 0 && words.every((word) => parts.includes(word))) ??
    nearest(
      name,
      flags.map((flag) => flag.name),
    ) ??
    flags.find((flag) => name.endsWith(`_${flag.name}`))?.name ??
    shortest(flags, (parts) => words.length > 1 && words.every((word) => nearest(word, parts) !== undefined))
  );
}

/** shortest gives the only flag of fewest words among those whose words are as wanted. */
function shortest(flags: readonly Flag[], wanted: (words: readonly string[]) => boolean): string | undefined {
  const having = flags.map(({ name }) => name.split("_")).filter(wanted);
  const least = Math.min(...having.map(({ length }) => length));
  const [first, second] = having.filter(({ length }) => length === least);
  return second === undefined ? first?.join("_") : undefined;
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
const columns = 80;

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
