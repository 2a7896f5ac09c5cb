// The run as Markdown.
import { conditions, type Environment } from "./environment.ts";
import type { Goal, Row, ShapeSummary, Verdict } from "./summary.ts";
import type { Spread } from "./stats.ts";

/** Run is all that a report is made of. */
export interface Run {
  readonly environment: Environment;
  readonly rounds: number;
  readonly seconds: number;
  readonly verdict: Verdict;
  readonly summaries: readonly ShapeSummary[];
  /** titles of the peers by name. */
  readonly titles: Readonly<Record<string, string>>;
}

const unitNames = { cpu: "CPU µs per call", latency: "added µs (median latency)", rate: "calls per second", memory: "bytes" };

/** markdown prints a run. */
export function markdown(run: Run): string {
  const lines = [
    "# Gateway benchmark",
    "",
    verdictLine(run),
    "",
    conditions(run.environment, `${run.rounds} interleaved rounds, windows of ${run.seconds} s`),
    "",
    "Figures are min / median / max over the rounds. A ratio says how many times better ours was in the same round. “Others” is the share of the proxy's core that other programs had: noise.",
  ];
  for (const summary of run.summaries) lines.push("", `## ${summary.shape.name}: ${summary.shape.title}`, "", ...table(summary, run.titles));
  return `${lines.join("\n")}\n`;
}

function verdictLine({ verdict, summaries, titles }: Run): string {
  if (verdict === "valid") return "This run is valid: no call of ours failed, and no peer was more than 20 % worse than it is known to be.";
  const rows = summaries.flatMap(({ shape, rows }) => rows.map((row) => ({ shape, row })));
  if (verdict === "failed") {
    const where = rows.filter(({ row }) => row.peer === "tfs" && (row.failed > 0 || row.problems.length > 0)).map(({ shape }) => shape.name);
    return `**This run failed**: our gateway failed calls or gave no figure in ${where.join(", ")}.`;
  }
  const suspects = rows.flatMap(({ shape, row }) =>
    row.suspect === undefined ? [] : [`${titles[row.peer] ?? row.peer} in ${shape.name} (${number(row.suspect.measured)}, known ${number(row.suspect.known)})`],
  );
  return `**This run is invalid**: peers were more than 20 % worse than they are known to be: ${suspects.join("; ")}.`;
}

function table({ shape, rows }: ShapeSummary, titles: Run["titles"]): string[] {
  const cells = rows.map((row) => cellsOf(row, titles));
  const head = ["Proxy", unitNames[shape.metric], "ratio to ours", "target", "calls/s", "p50 µs", "p99 µs", "others", "rounds", "remarks"];
  return [head, head.map(() => "---"), ...cells].map((line) => `| ${line.join(" | ")} |`);
}

function cellsOf(row: Row, titles: Run["titles"]): string[] {
  const optional = (n: number | undefined) => (n === undefined ? "–" : number(n));
  const name = titles[row.peer] ?? row.peer;
  return [
    row.peer === "tfs" ? `**${name}**` : name,
    row.figures === undefined ? "–" : spreadText(row.figures),
    row.ratios === undefined ? "–" : `${spreadText(row.ratios)} ×`,
    row.goals.map(goalText).join(", ") || "–",
    optional(row.perSecond),
    optional(row.p50),
    optional(row.p99),
    row.others === undefined ? "–" : `${Math.round(row.others * 100)} %`,
    `${row.rounds}`,
    remarks(row).join("; ").replaceAll("|", "\\|").replaceAll("\n", " "),
  ];
}

function goalText({ of, bound, wanted, met }: Goal): string {
  const name = of === "p99" ? "p99 " : "";
  return `${name}${bound === "least" ? "≥" : "≤"} ${number(wanted)}${of === "ratio" ? " ×" : ""} ${met ? "met" : "missed"}`;
}

function remarks(row: Row): string[] {
  const found = [...row.problems];
  if (row.failed > 0) found.push(`${row.failed} calls failed`);
  if (row.suspect !== undefined) found.push(`suspect: known ${number(row.suspect.known)}`);
  return found;
}

function spreadText({ min, median, max }: Spread): string {
  return `${number(min)} / ${number(median)} / ${number(max)}`;
}

/** number prints three digits, and all of those before the point. */
export function number(n: number): string {
  const size = Math.abs(n);
  return n.toFixed(size >= 99.95 ? 0 : size >= 9.995 ? 1 : 2);
}
