// What batching gains, as a page.
import { conditions, type Environment } from "../gateway/environment.ts";
import { type Spread, three, verdict } from "../gateway/stats.ts";

export interface Compared {
  readonly name: string;
  /** least is how many times less a row shall cost with batching. */
  readonly least: number;
  /** unbatched and batched are processor time of a row in µs; ratio is taken round by round. */
  readonly unbatched: Spread;
  readonly batched: Spread;
  readonly ratio: Spread;
}

export interface BatchingResult {
  readonly environment: Environment;
  readonly rounds: number;
  readonly callers: number;
  readonly compared: readonly Compared[];
  /** queue is the queue's own processor time in µs for a request that comes alone. */
  readonly queue: Spread;
  /** alone is p50 of one gRPC call at a time, batched to unbatched. */
  readonly alone: Spread;
}

/** What is aimed at. */
const targets = { queueMicros: 5, alone: 1.05 };

/** report prints a result as Markdown. */
export function report({ environment, rounds, callers, compared, queue, alone }: BatchingResult): string {
  const row = (name: string, s: Spread, target: number): string => `| ${name} | ${three(s, 2)} | ≤ ${target} | ${verdict(s.median <= target)} |`;
  return [
    "# Batching benchmark",
    "",
    conditions(environment, `${rounds} rounds`),
    "",
    `${callers} callers at a time, each with requests of one row, on a server in the benchmark's own process, asked without sockets; default parameters, no timeout. min / median / max over the rounds; ratios are taken round by round.`,
    "",
    "| model | µs for a row, unbatched | batched | times less | target | |",
    "| --- | --- | --- | --- | --- | --- |",
    ...compared.map(
      (c) => `| ${c.name} | ${three(c.unbatched, 1)} | ${three(c.batched, 1)} | ${three(c.ratio, 2)} | ≥ ${c.least} | ${verdict(c.ratio.median >= c.least)} |`,
    ),
    "",
    "| | figure | target | |",
    "| --- | --- | --- | --- |",
    row("the queue's own processor time for a request that comes alone, its turn of the event loop included, in µs", queue, targets.queueMicros),
    row("p50 of one gRPC call at a time to half-plus-two, batched to unbatched", alone, targets.alone),
    "",
  ].join("\n");
}
