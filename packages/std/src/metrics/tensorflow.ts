import { exponential } from "./histogram.ts";
import type { Cell, Family } from "./registry.ts";

/** tensorFlowType is the content type of printTensorFlow's text: TensorFlow Serving names neither charset nor version. */
export const tensorFlowType = "text/plain";

/** usBounds are the buckets that TensorFlow and TensorFlow Serving count microseconds in (Buckets::Exponential(10, 1.8, 33)); they count a bound in the bucket above. */
export const usBounds: readonly number[] = exponential(10, 1.8, 33);

/**
 * printTensorFlow prints families as TensorFlow Serving's page has them (prometheus_exporter.cc): no help, names with a colon for every character that a name may
 * not have, `{}` where there are no labels, whole numbers, and bounds and sums to six digits. Cells are sorted by their label values.
 */
export function printTensorFlow(families: readonly Family[]): string {
  const lines: string[] = [];
  for (const family of families) {
    const name = family.name.replace(/[^a-zA-Z0-9_]/g, ":").replace(/^(?=\d)/, "_");
    lines.push(`# TYPE ${name} ${family.kind}`);
    const labels = family.labels.map((label) => label.replace(/[^a-zA-Z0-9]/g, "_").replace(/^(?=\d)/, "_"));
    for (const cell of [...family.cells].sort(byValues)) printCell(lines, name, labels, cell);
  }
  return `${lines.join("\n")}\n`;
}

function printCell(lines: string[], name: string, labels: readonly string[], { values, value, buckets }: Cell): void {
  const pairs = labels.map((label, i) => `${label}="${escaped(values[i]!)}"`).join(",");
  if (buckets === undefined) {
    lines.push(`${name}{${pairs}} ${whole(value)}`);
    return;
  }
  const before = pairs === "" ? "" : `${pairs},`;
  let below = 0;
  buckets.counts.forEach((count, i) => {
    below += count;
    const bound = buckets.bounds[i];
    lines.push(`${name}_bucket{${before}le="${bound === undefined ? "+Inf" : sixDigits(bound)}"} ${below}`);
  });
  lines.push(`${name}_sum{${pairs}} ${sixDigits(buckets.sum)}`, `${name}_count{${pairs}} ${buckets.count}`);
}

function byValues(a: Cell, b: Cell): number {
  const at = a.values.findIndex((value, i) => value !== b.values[i]);
  return at < 0 ? 0 : a.values[at]! < b.values[at]! ? -1 : 1;
}

/** A newline is escaped, unlike there: as it is, it would break the page. */
function escaped(value: string): string {
  return value.replace(/\\/g, "\\\\").replace(/"/g, '\\"').replace(/\n/g, "\\n");
}

/** whole prints an int64, which is all that scalars are there. */
function whole(value: number): string {
  return Number.isFinite(value) ? String(BigInt.asIntN(64, BigInt(Math.trunc(value)))) : "0";
}

/** sixDigits prints as C's "%g" does. */
function sixDigits(n: number): string {
  if (!Number.isFinite(n)) return String(n).replace("Infinity", "inf").replace("NaN", "nan");
  const [digits = "", exponent = ""] = n.toExponential(5).split("e");
  const power = Number(exponent);
  if (power >= -4 && power < 6) return String(Number(n.toPrecision(6)));
  const mantissa = digits.replace(/\.?0+$/, "");
  return `${mantissa}e${power < 0 ? "-" : "+"}${String(Math.abs(power)).padStart(2, "0")}`;
}
