import { Code } from "./code.ts";
import { newError } from "./errors.ts";
import { nearest } from "./nearest.ts";

/** Flag describes one command-line flag. */
export interface Flag {
  readonly name: string;
  readonly kind: "string" | "int" | "bool";
  readonly fallback: string | number | boolean;
  /** group is the heading it stands under in --help. */
  readonly group: string;
  readonly help: string;
}

/** Flags are parsed values by name: a value of the flag's kind for every flag. */
export interface Flags {
  string(name: string): string;
  int(name: string): number;
  bool(name: string): boolean;
  /** given tells whether the flag was on the command line. */
  given(name: string): boolean;
}

/**
 * parseFlags reads `--name=value`, `--name value` (unless the value starts with `--`), and for bools `--name`. A flag that comes twice counts as it came last. Throws InvalidArgument for
 * an unknown flag (with the nearest name), a value that does not parse, and anything that is no flag.
 */
export function parseFlags(flags: readonly Flag[], argv: readonly string[]): Flags {
  const known = new Map(flags.map((f) => [f.name, f]));
  const values = new Map<string, string | number | boolean>();
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i]!;
    const found = /^--([^=]+)(?:=(.*))?$/s.exec(word);
    if (found === null) throw newError(Code.InvalidArgument, `unknown argument: ${word}`);
    const [, name = "", inline] = found;
    const flag = known.get(name);
    if (flag === undefined) {
      const close = nearest(name, known.keys());
      throw newError(Code.InvalidArgument, `unknown flag --${name}${close === undefined ? "" : `; did you mean --${close}?`}`);
    }
    let text = inline;
    if (text === undefined && flag.kind === "bool") text = "true";
    else if (text === undefined && argv[i + 1]?.startsWith("--") === false) text = argv[++i];
    if (text === undefined) throw newError(Code.InvalidArgument, `flag --${name} needs a value`);
    values.set(name, parse(flag, text));
  }
  const get = (name: string): string | number | boolean => {
    const flag = known.get(name);
    if (flag === undefined) throw new Error(`there is no flag ${name}`);
    return values.get(name) ?? flag.fallback;
  };
  return { string: (name) => String(get(name)), int: (name) => Number(get(name)), bool: (name) => get(name) === true, given: (name) => values.has(name) };
}

function parse(flag: Flag, text: string): string | number | boolean {
  const bad = () => newError(Code.InvalidArgument, `Couldn't interpret value ${text} for flag ${flag.name}.`);
  if (flag.kind === "string") return text;
  if (flag.kind === "bool") {
    if (text !== "true" && text !== "false") throw bad();
    return text === "true";
  }
  const n = Number(text);
  if (!/^-?\d+$/.test(text) || !Number.isSafeInteger(n)) throw bad();
  return n;
}

/** usage prints the flags by group, each with its default. */
export function usage(headline: string, flags: readonly Flag[]): string {
  const lines = [headline];
  for (const group of new Set(flags.map((f) => f.group))) {
    lines.push("", `${group}:`);
    for (const f of flags.filter((flag) => flag.group === group)) {
      const shown = f.kind === "string" ? (f.fallback === "" ? "" : ` (default ${f.fallback})`) : ` (default ${f.fallback})`;
      lines.push(`  --${f.name}${f.kind === "bool" ? "" : `=${f.kind.toUpperCase()}`}`, `      ${f.help}${shown}`);
    }
  }
  return `${lines.join("\n")}\n`;
}
