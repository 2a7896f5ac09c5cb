// What batching gains, as a page.
import { conditions, type Environment } from "../gateway/environment.ts";
import { type Spread, three, verdict } from "../gateway/stats.ts";

export interface Compared {
  readonly name: string;
  /** least is how many times less a row shall cost with batching; of the engine's time, if engineOnly. */
  readonly least: number;
  readonly engineOnly: boolean;
  /** unbatched and batched are processor time of a row in µs; ratio is taken round by round. */
  readonly unbatched: Spread;
  readonly batched: Spread;
  readonly ratio: Spread;
  /** engine is what the engine alone takes for a row in µs, by itself and among as many as there are callers: the least of ten rounds. */
  readonly engine: { readonly one: number; readonly many: number };
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
    `${callers} callers at a time, each with requests of one row, on a server in the benchmark's own process, asked without sockets; default parameters, no timeout. min / median / max over the rounds; ratios are taken round by round. The engine alone runs one row, or as many at once as there are callers, without a server: the least of ten rounds. The aim is of the figure in bold.`,
    "",
    "| model | µs for a row, unbatched | batched | times less | the engine alone, µs for a row → among many | target | |",
    "| --- | --- | --- | --- | --- | --- | --- |",
    ...compared.map(rowOf),
    "",
    "| | figure | target | |",
    "| --- | --- | --- | --- |",
    row("the queue's own processor time for a request that comes alone, its turn of the event loop included, in µs", queue, targets.queueMicros),
    row("p50 of one gRPC call at a time to half-plus-two, batched to unbatched", alone, targets.alone),
    "",
  ].join("\n");
}

function rowOf({ name, least, engineOnly, unbatched, batched, ratio, engine: { one, many } }: Compared): string {
  const bold = (text: string, isAim: boolean): string => (isAim ? `**${text}**` : text);
  const cells = [bold(three(ratio, 2), !engineOnly), `${one.toFixed(1)} → ${many.toFixed(1)}: ${bold((one / many).toFixed(2), engineOnly)}`];
  const met = (engineOnly ? one / many : ratio.median) >= least;
  return `| ${[name, three(unbatched, 1), three(batched, 1), ...cells, `≥ ${least}`, verdict(met)].join(" | ")} |`;
}
