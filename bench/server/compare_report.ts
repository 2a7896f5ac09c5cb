// The comparison as a page.
import { conditions, type Environment } from "../gateway/environment.ts";
import { three, verdict } from "../gateway/stats.ts";
import type { Row } from "./compare.ts";

export interface Comparison {
  readonly environment: Environment;
  readonly rounds: number;
  readonly seconds: number;
  readonly rows: readonly Row[];
  /** memory is resident bytes by peer, under no load, after all windows. */
  readonly memory: Readonly<Record<string, number>>;
  readonly titles: Readonly<Record<string, string>>;
}

/** Every peer shall take that many times ours above its model. */
const leastRatio = 5;

/** compareReport prints a comparison as Markdown. */
export function compareReport({ environment, rounds, seconds, rows, memory, titles }: Comparison): string {
  const judged = ({ ratio }: Row): string => (ratio === undefined ? "" : verdict(ratio.median >= leastRatio));
  return [
    "# Model servers side by side",
    "",
    conditions(environment, `${rounds} rounds, windows of ${seconds} s`),
    "",
    `Processor time of all of a server's processes for each call, less what its model takes by itself in the same runtime: the overhead. All servers run on core 0, the load generator on core 1; each window is one server's. min / median / max over the rounds; a ratio is the peer's overhead by ours in the same round, at least ${leastRatio} is aimed at.`,
    "",
    "| shape | protocol | server | model alone | overhead | times ours | | calls/s | p99 |",
    "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ...rows.map(
      (r) =>
        `| ${r.shape} | ${r.protocol} | ${titles[r.peer]} | ${r.modelMicros.toFixed(1)} µs | ${three(r.overhead, 1)} µs | ${r.ratio === undefined ? "–" : three(r.ratio, 1)} | ${judged(r)} | ${Math.round(r.perSecond)} | ${(r.p99 / 1000).toFixed(1)} ms |`,
    ),
    "",
    `Resident memory after it all: ${Object.entries(memory)
      .map(([name, bytes]) => `${titles[name]} ${Math.round(bytes / 2 ** 20)} MiB`)
      .join(", ")}.`,
    "",
  ].join("\n");
}
