// What TensorFlow answers for the guide's two models.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { models } from "./server.ts";

interface Tensor {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly content: string;
}
interface Case {
  readonly inputs: Readonly<Record<string, Tensor>>;
  readonly outputs: Readonly<Record<string, Tensor>>;
}

/** nested gives a tensor's values as JSON has them. */
function nested({ dtype, shape, content }: Tensor): unknown {
  const bytes = Uint8Array.from(Buffer.from(content, "base64")).buffer;
  const flat =
    dtype === "DT_INT64" ? Array.from(new BigInt64Array(bytes), Number) : dtype === "DT_INT32" ? [...new Int32Array(bytes)] : [...new Float32Array(bytes)];
  return shape.reduceRight<unknown[]>(
    (values, n, i) => (i === 0 ? values : Array.from({ length: values.length / n }, (_, at) => values.slice(at * n, (at + 1) * n))),
    flat,
  );
}

/** Golden is a call with its answer: columns by name. */
export interface Golden {
  readonly inputs: Readonly<Record<string, unknown>>;
  readonly outputs: Readonly<Record<string, unknown>>;
}

/** golden gives the first case of a version's default signature. */
export function golden(model: string, version: number): Golden {
  const file = JSON.parse(readFileSync(join(models, model, "golden.json"), "utf8")) as {
    readonly versions: Readonly<Record<string, { readonly signatures: Readonly<Record<string, { readonly cases: readonly Case[] }>> }>>;
  };
  const { inputs, outputs } = file.versions[version]!.signatures["serving_default"]!.cases[0]!;
  const all = (of: Case["inputs"]) => Object.fromEntries(Object.entries(of).map(([alias, t]) => [alias, nested(t)]));
  return { inputs: all(inputs), outputs: all(outputs) };
}

/** closeTo tells whether two JSON values are the same but for the last digits of their numbers. */
export function closeTo(a: unknown, b: unknown): boolean {
  if (typeof a === "number" && typeof b === "number") return Math.abs(a - b) <= 1e-5 * Math.max(1, Math.abs(b));
  if (Array.isArray(a) && Array.isArray(b)) return a.length === b.length && a.every((value, i) => closeTo(value, b[i]));
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return a === b;
  const [left, right] = [a as Record<string, unknown>, b as Record<string, unknown>];
  return Object.keys(left).sort().join() === Object.keys(right).sort().join() && Object.keys(left).every((key) => closeTo(left[key], right[key]));
}
