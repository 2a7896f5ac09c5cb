// The result as a page.
import { conditions, type Environment } from "../gateway/environment.ts";
import { type Spread, three, verdict } from "../gateway/stats.ts";
import type { Figure } from "./load.ts";
import type { Scale } from "./scale.ts";

export interface Result {
  readonly environment: Environment;
  readonly rounds: number;
  readonly seconds: number;
  /** modelMicros is what one run of the model takes by itself. */
  readonly modelMicros: number;
  readonly grpc: Calls;
  readonly rest: Calls;
  readonly readyMs: Spread;
  readonly scales: readonly Scale[];
}

/** Calls are windows of one protocol; `cpu` is µs for each call above the model's own. */
export interface Calls {
  readonly cpu: Spread;
  readonly figures: readonly Figure[];
}

/** What is aimed at. */
const targets = { grpcMicros: 25, restMicros: 60, readyMs: 300, residentMB: 120, idleShare: 0.01 };

/** report prints a result as Markdown. */
export function report(result: Result): string {
  const { environment, grpc, rest, readyMs, scales, modelMicros } = result;
  const memory = Math.max(...[...grpc.figures, ...rest.figures].map((f) => f.residentBytes)) / 2 ** 20;
  const middle = (figures: readonly Figure[], of: keyof Figure): string =>
    Math.round([...figures.map((f) => f[of])].sort((a, b) => a - b)[figures.length >> 1]!).toString();
  const row = (name: string, unit: string, figure: string, target: string, met: boolean): string =>
    `| ${name} | ${figure} ${unit} | ≤ ${target} ${unit} | ${verdict(met)} |`;
  const lines = [
    "# Model server benchmark",
    "",
    conditions(environment, `${result.rounds} rounds, windows of ${result.seconds} s`),
    "",
    `half-plus-two on ten floats with the embedded engine; the server has core 0, the load generator core 1. The model alone takes ${modelMicros.toFixed(1)} µs, which is taken off. min / median / max over the rounds.`,
    "",
    "| | figure | target | |",
    "| --- | --- | --- | --- |",
    row("processor time per gRPC call, 4 connections × 32", "µs", three(grpc.cpu, 1), `${targets.grpcMicros}`, grpc.cpu.median <= targets.grpcMicros),
    row("processor time per REST call, 128 connections", "µs", three(rest.cpu, 1), `${targets.restMicros}`, rest.cpu.median <= targets.restMicros),
    row("from the start of the process until it takes a connection", "ms", three(readyMs, 0), `${targets.readyMs}`, readyMs.median <= targets.readyMs),
    row("resident memory under load, the most", "MiB", memory.toFixed(0), `${targets.residentMB}`, memory <= targets.residentMB),
    "",
    `gRPC: ${middle(grpc.figures, "perSecond")} calls/s, p50 ${middle(grpc.figures, "p50")} µs, p99 ${middle(grpc.figures, "p99")} µs. REST: ${middle(rest.figures, "perSecond")} calls/s, p50 ${middle(rest.figures, "p50")} µs, p99 ${middle(rest.figures, "p99")} µs.`,
    "",
    "| models | ready after | for each | idle | target | memory |",
    "| --- | --- | --- | --- | --- | --- |",
    ...scales.map(
      (s) =>
        `| ${s.models} | ${Math.round(s.readyMs)} ms | ${((s.readyMs - readyMs.median) / s.models).toFixed(2)} ms | ${(s.idleShare * 100).toFixed(2)} % of a core | < ${targets.idleShare * 100} %: ${verdict(s.idleShare < targets.idleShare)} | ${Math.round(s.residentBytes / 2 ** 20)} MiB |`,
    ),
    "",
  ];
  return lines.join("\n");
}
