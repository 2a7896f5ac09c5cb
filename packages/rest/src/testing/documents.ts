import { DType } from "@tfs/tensor";
import { anyNumber } from "./numbers.ts";
import type { Random } from "./random.ts";

/** RandomDocument is a predict body and what the signature says about its inputs. */
export interface RandomDocument {
  readonly text: string;
  readonly types: ReadonlyMap<string, DType>;
}

const common = [DType.Float, DType.Float, DType.Double, DType.Int32, DType.Int64, DType.Bool, DType.String];
const rare = [
  DType.Int16,
  DType.Int8,
  DType.UInt8,
  DType.UInt16,
  DType.UInt32,
  DType.UInt64,
  DType.Half,
  DType.BFloat16,
  DType.Complex64,
  DType.QInt8,
  DType.UInt4,
  DType.Float8E4M3FN,
];
const names = ["x", "y", "input_1", "größe", "b64", "instances", "signature_name", 'quo"te', "back\\slash", "a b", "constructor", "0"];
const spaces = ["", "", "", " ", "\n", "\t", "\r\n", "  ", "\n    "];
const strange = [
  "null",
  "true",
  "1",
  '"s"',
  "{}",
  "[]",
  "[1]",
  '{"b64":"AA=="}',
  '{"b64":1}',
  '{"b64":"AA==","x":1}',
  "NaN",
  "-Infinity",
  "1.0",
  "1e2",
  "-1",
  "300",
  "2147483648",
  "9223372036854775808",
  "18446744073709551616",
  "nul",
  "01",
  "1.",
  ".5",
  "+1",
  "--1",
  "NAN",
  "infinity",
];

/** anyDocument makes a body that fits its signature, nearly fits it, or is broken. */
export function anyDocument(r: Random): RandomDocument {
  const types = new Map<string, DType>();
  const inputs = r.chance(0.6) ? 1 : 1 + r.below(3);
  while (types.size < inputs) types.set(r.chance(0.8) ? `in_${types.size}` : r.pick(names), r.chance(0.8) ? r.pick(common) : r.pick(rare));
  const gap = r.chance(0.5) ? "" : r.pick(spaces); // mostly one style throughout
  const space = (): string => (r.chance(0.95) ? gap : r.pick(spaces));
  const mistakes = r.chance(0.3) ? 0.03 : 0;
  const shapes = new Map([...types.keys()].map((name) => [name, Array.from({ length: r.below(5) }, () => (r.chance(0.05) ? 0 : 1 + r.below(3)))]));

  const row = r.chance(0.5);
  const named = types.size > 1 ? r.chance(0.97) : r.chance(0.4);
  const rows = r.chance(0.03) ? 0 : 1 + r.below(4);
  const [only] = types.keys();
  const one = (): string => (named ? object() : value(only!));
  const key = row ? "instances" : "inputs";
  const body = row ? list(Array.from({ length: rows }, one)) : one();
  const members: string[] = [`"${key}"${space()}:${space()}${body}`];
  if (r.chance(0.3))
    members.splice(r.below(2), 0, `"signature_name"${space()}:${space()}${r.pick(['"serving_default"', '"s"', '""', '"\\u0073"', "1", "null"])}`);
  if (r.chance(0.1))
    members.splice(r.below(members.length + 1), 0, r.pick(['"other":[1,{"a":"\\""}]', '"context":{}', '"instances":[1]', '"inputs":[1]', `"${key}":${body}`]));
  let text = `${r.chance(0.03) ? "\ufeff" : ""}${space()}{${space()}${members.join(`${space()},${space()}`)}${space()}}${r.chance(0.1) ? r.pick([" ", "\n", " x", "}", "{}"]) : ""}`;
  for (let changes = r.chance(0.25) ? 1 + r.below(2) : 0; changes > 0; changes--) {
    const at = r.below(text.length + 1);
    text =
      text.slice(0, at) +
      r.pick(["", "", "[", "]", "{", "}", ",", ":", '"', "0", ".", "-", "e", " ", "\\", "é", "],[", "\u0000", "N"]) +
      text.slice(at + r.below(3));
  }
  return { text, types };

  function list(items: readonly string[]): string {
    return `[${space()}${items.join(`${space()},${space()}`)}${space()}]`;
  }
  function object(): string {
    const keys = [...types.keys()];
    if (r.chance(0.3)) keys.reverse();
    if (r.chance(mistakes)) keys.pop();
    if (r.chance(mistakes)) keys.push(r.pick([...types.keys(), "unknown"]));
    return `{${space()}${keys.map((name) => `${r.chance(0.97) ? JSON.stringify(name) : escaped(name)}${space()}:${space()}${value(name)}`).join(`${space()},${space()}`)}${space()}}`;
  }
  function value(name: string): string {
    const dtype = types.get(name) ?? DType.Float;
    const shape = shapes.get(name) ?? [];
    const nest = (depth: number): string => {
      if (depth >= shape.length || r.chance(mistakes / 3)) return r.chance(mistakes) ? r.pick(strange) : element(r, dtype);
      const size = shape[depth]! + (r.chance(mistakes / 3) ? 1 : 0);
      return list(Array.from({ length: size }, () => nest(depth + 1)));
    };
    return nest(0);
  }
}

/** escaped spells a name with its first character as an escape. */
function escaped(name: string): string {
  return `"\\u${name.charCodeAt(0).toString(16).padStart(4, "0")}${JSON.stringify(name.slice(1)).slice(1, -1)}"`;
}

function element(r: Random, dtype: DType): string {
  switch (dtype) {
    case DType.Bool:
      return r.pick(["true", "false"]);
    case DType.String:
      return r.pick([
        '"a"',
        '""',
        '"größe"',
        '"\\u00e9\\n\\/"',
        '"\\ud83d\\ude00"',
        '"a\\u0000b"',
        '{"b64":"aGk="}',
        '{"b64": "aGk"}',
        '{ "b64" : "" }',
        '"[1,2]"',
        '"{\\"b64\\":1}"',
      ]);
    case DType.Float:
    case DType.Double:
      return r.chance(0.02) ? r.pick(["NaN", "Infinity", "-Infinity", "Inf", "-Inf", "-NaN"]) : anyNumber(r);
    case DType.UInt64:
      return String(BigInt(r.word()) * BigInt(r.chance(0.5) ? 1 : r.word()));
    case DType.Int64:
      return String((BigInt(r.word()) - 2n ** 31n) * BigInt(r.chance(0.5) ? 1 : r.word()));
    case DType.UInt32:
      return String(r.word());
    case DType.Int32:
    case DType.Int16:
    case DType.Int8:
      return String(r.chance(0.5) ? r.below(400) - 200 : r.word() | 0);
    default:
      return String(r.below(300));
  }
}
