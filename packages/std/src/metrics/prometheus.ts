import type { Exemplar } from "./histogram.ts";
import type { Cell, Family } from "./registry.ts";

/** prometheusType is the content type of printPrometheus's text. */
export const prometheusType = "text/plain; version=0.0.4; charset=utf-8";

/**
 * printPrometheus prints families in Prometheus's text exposition format 0.0.4 (prometheus.io, "Exposition formats"). Characters that a name may not
 * have become `_`.
 */
export function printPrometheus(families: readonly Family[]): string {
  const lines: string[] = [];
  for (const family of families) {
    const name = safeName(family.name);
    lines.push(`# HELP ${name} ${family.help.replace(/\\/g, "\\\\").replace(/\n/g, "\\n")}`, `# TYPE ${name} ${family.kind}`);
    const labels = family.labels.map(safeLabel);
    for (const cell of family.cells) printCell(lines, name, labels, cell, false);
  }
  return lines.length === 0 ? "" : `${lines.join("\n")}\n`;
}

/** openMetricsType is the content type of printOpenMetrics's text. */
export const openMetricsType = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/** printOpenMetrics prints families as OpenMetrics 1.0 has them, which is Prometheus's form with units, exemplars and an end. Names of counters end in `_total`. */
export function printOpenMetrics(families: readonly Family[]): string {
  const lines: string[] = [];
  for (const family of families) {
    const isCounter = family.kind === "counter";
    const name = isCounter ? safeName(family.name).replace(/_total$/, "") : safeName(family.name);
    lines.push(`# HELP ${name} ${escapeValue(family.help)}`, `# TYPE ${name} ${family.kind}`);
    const unit = /_(seconds|bytes)$/.exec(name)?.[1];
    if (unit !== undefined) lines.push(`# UNIT ${name} ${unit}`);
    const labels = family.labels.map(safeLabel);
    for (const cell of family.cells) printCell(lines, isCounter ? `${name}_total` : name, labels, cell, true);
  }
  return `${[...lines, "# EOF"].join("\n")}\n`;
}

function printCell(lines: string[], name: string, labels: readonly string[], cell: Cell, open: boolean): void {
  const pairs = labels.map((label, i) => `${label}="${escapeValue(cell.values[i]!)}"`);
  const { buckets } = cell;
  if (buckets === undefined) {
    lines.push(`${name}${braced(pairs)} ${printNumber(cell.value)}`);
    return;
  }
  let below = 0;
  buckets.counts.forEach((count, i) => {
    below += count;
    const number = buckets.bounds[i] ?? Number.POSITIVE_INFINITY;
    const bound = open && Number.isInteger(number) ? number.toFixed(1) : printNumber(number); // OpenMetrics has canonical numbers in labels
    lines.push(`${name}_bucket${braced([...pairs, `le="${bound}"`])} ${below}${open ? exemplar(buckets.exemplars?.[i]) : ""}`);
  });
  lines.push(`${name}_sum${braced(pairs)} ${printNumber(buckets.sum)}`, `${name}_count${braced(pairs)} ${buckets.count}`);
}

function exemplar(found: Exemplar | undefined): string {
  return found === undefined ? "" : ` # {trace_id="${escapeValue(found.traceId)}"} ${printNumber(found.value)}`;
}

function braced(pairs: readonly string[]): string {
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}

function printNumber(n: number): string {
  if (Number.isFinite(n) || Number.isNaN(n)) return String(n);
  return n > 0 ? "+Inf" : "-Inf";
}

function safeName(name: string): string {
  return name.replace(/[^a-zA-Z0-9_:]/g, "_").replace(/^(?=\d|$)/, "_");
}

function safeLabel(label: string): string {
  return label.replace(/[^a-zA-Z0-9_]/g, "_").replace(/^(?=\d|$)/, "_");
}

function escapeValue(value: string): string {
  return value.replace(/\\/g, "\\\\").replace(/"/g, '\\"').replace(/\n/g, "\\n");
}
