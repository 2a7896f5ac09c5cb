// One window of load on a proxy: what happened in it, and what that says in the shape's metric.
import { setTimeout as sleep } from "node:timers/promises";
import { busyNs, ranNs, resident } from "./cpu.ts";
import { type Load, type LoadOptions, startLoad, type Tally } from "./load.ts";
import type { Shape } from "./shapes.ts";
import { percentile } from "./stats.ts";

/** Outcome is what a window gave: a figure in the shape's own metric and unit, or a problem that says why there is none. */
export interface Outcome {
  readonly figure?: number;
  readonly problem?: string;
  readonly detail?: Detail;
}

/** Detail is all that was counted. */
export interface Detail {
  readonly calls: number;
  readonly failed: number;
  readonly failures: Readonly<Record<string, number>>;
  /** warmFailed are failures before the window: a proxy that is not ready, or a burst that it does not take. */
  readonly warmFailed: number;
  readonly perSecond: number;
  readonly inFlight: number;
  /** cpuMicros is the proxy's processor time for each call, loadMicros the load generator's; undefined without calls. */
  readonly cpuMicros?: number;
  readonly loadMicros?: number;
  /** cores is how many cores the proxy kept busy. */
  readonly cores: number;
  /** others is the share of the proxy's cores that something else had, which is noise; undefined where the load runs on the same cores. */
  readonly others?: number;
  /** Latencies are in µs. */
  readonly p50?: number;
  readonly p90?: number;
  readonly p99?: number;
  readonly p999?: number;
  readonly residentBytes: number;
}

/** Long enough for Node's compiler to have seen the hot code on a busy machine, and for everyone's connections to be open. */
const warmMs = 1_500;
/** A window with more failures than this share of its calls gives no figure: failing is cheap. */
const failedMax = 0.01;

/** Watched is the proxy under measurement. */
export interface Watched {
  readonly pids: readonly number[];
  /** alone are the cores that it should have to itself. */
  readonly alone: readonly number[];
}

/** observe runs a load on a proxy and counts what happens in one window, after a warm-up. */
export async function observe(shape: Shape, options: LoadOptions, watched: Watched, seconds: number): Promise<Outcome> {
  return shape.metric === "memory" ? await memory(shape, options, watched, seconds) : await window(shape, options, watched, seconds);
}

async function window(shape: Shape, options: LoadOptions, watched: Watched, seconds: number): Promise<Outcome> {
  const load = await startLoad(options);
  try {
    await sleep(shape.warmMs ?? warmMs);
    const failed = await warmed(load, shape.warmCalls ?? 0);
    const detail = await counted(load, watched, seconds);
    return judged(shape, { ...detail, warmFailed: detail.warmFailed + failed });
  } finally {
    await load.stop();
  }
}

/** Calls for warming up are waited for no longer than this. */
const warmCallsMs = 15_000;

/** warmed waits until a load has made so many calls, and gives how many of them failed. */
async function warmed(load: Load, calls: number): Promise<number> {
  const until = performance.now() + warmCallsMs;
  let failed = 0;
  for (let done = 0; done < calls && performance.now() < until; await sleep(250)) {
    const tally = await load.mark();
    done += tally.ok;
    failed += tally.failed;
  }
  return failed;
}

/** memory measures two loads on the same proxy: what the larger one adds, for each thing that it has more of. */
async function memory(shape: Shape, options: LoadOptions, watched: Watched, seconds: number): Promise<Outcome> {
  const settleMs = shape.warmMs ?? warmMs;
  const least = { connections: 1, calls: 1, ...shape.base };
  const base = await startLoad({ ...options, ...least });
  await sleep(settleMs);
  const before = resident(watched.pids);
  await base.stop();
  const load = await startLoad(options);
  try {
    await sleep(settleMs);
    const detail = await counted(load, watched, seconds);
    const failed = detail.warmFailed + detail.failed;
    if (failed > 0) return { detail, problem: `${failed} calls failed: ${texts(detail)}` };
    const more = shape.idle === true ? shape.connections - least.connections : detail.inFlight - least.connections * least.calls;
    return more > 0 ? { detail, figure: (detail.residentBytes - before) / more } : { detail, problem: `only ${detail.inFlight} calls in flight` };
  } finally {
    await load.stop();
  }
}

/** counted opens a window on a load that runs, and closes it. */
async function counted(load: Load, { pids, alone }: Watched, seconds: number): Promise<Detail> {
  const opened = await edge(load, pids, alone);
  await sleep(seconds * 1000);
  const closed = await edge(load, pids, alone);
  const { tally } = closed;
  const ran = closed.ranNs - opened.ranNs;
  const windowNs = tally.seconds * 1e9;
  const latency = (fraction: number, name: "p50" | "p90" | "p99" | "p999") => {
    const micros = percentile(tally.latencies, fraction);
    return micros === undefined ? {} : { [name]: micros };
  };
  return {
    calls: tally.ok,
    failed: tally.failed,
    failures: { ...opened.tally.failures, ...tally.failures },
    warmFailed: opened.tally.failed,
    perSecond: tally.ok / tally.seconds,
    inFlight: tally.inFlight,
    ...(tally.ok === 0 ? {} : { cpuMicros: ran / 1e3 / tally.ok, loadMicros: (tally.ownCpuSeconds * 1e6) / tally.ok }),
    cores: ran / windowNs,
    ...(alone.length === 0 ? {} : { others: Math.max(0, (closed.busyNs - opened.busyNs - ran) / windowNs / alone.length) }),
    ...latency(0.5, "p50"),
    ...latency(0.9, "p90"),
    ...latency(0.99, "p99"),
    ...latency(0.999, "p999"),
    residentBytes: resident(pids),
  };
}

/** Edge is one end of a window. */
interface Edge {
  readonly tally: Tally;
  readonly ranNs: number;
  readonly busyNs: number;
}

/** edge reads times before and after the load answers and takes the middle, as nobody knows when in between it counted. */
async function edge(load: Load, pids: readonly number[], alone: readonly number[]): Promise<Edge> {
  const before = { ran: ranNs(pids), busy: busyNs(alone) };
  const tally = await load.mark();
  const after = { ran: ranNs(pids), busy: busyNs(alone) };
  return { tally, ranNs: (before.ran + after.ran) / 2, busyNs: (before.busy + after.busy) / 2 };
}

function texts(detail: Detail): string {
  return Object.entries(detail.failures)
    .map(([text, times]) => `${times} × ${text}`)
    .join("; ");
}

function judged(shape: Shape, detail: Detail): Outcome {
  if (detail.calls === 0) return { detail, problem: `no call succeeded: ${texts(detail) || "no answer"}` };
  if (detail.failed > detail.calls * failedMax) return { detail, problem: `${detail.failed} calls failed: ${texts(detail)}` };
  switch (shape.metric) {
    case "cpu":
      return detail.cpuMicros === undefined ? { detail, problem: "no calls" } : { detail, figure: detail.cpuMicros };
    case "rate":
      return { detail, figure: detail.perSecond };
    case "latency":
      return detail.p50 === undefined ? { detail, problem: "no latencies" } : { detail, figure: detail.p50 };
    case "memory":
      throw new Error("memory is the difference of two loads");
  }
}
