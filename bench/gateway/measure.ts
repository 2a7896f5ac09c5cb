// One measurement: a fresh backend, a fresh proxy, a load; a warm-up, then a window in which everything is counted.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { busyNs, processTree, ranNs, resident } from "./cpu.ts";
import { type Backend, type Load, type LoadOptions, startBackend, startLoad, type Tally } from "./load.ts";
import { type Files, imageValues, sentValues, smallValues } from "./payload.ts";
import type { Peer } from "./peers/index.ts";
import { type Protocol, posts, upstream } from "./protocols.ts";
import { freePorts, type Running, start, untilListening } from "./process.ts";
import type { Shape } from "./shapes.ts";
import { percentile } from "./stats.ts";

/** Measurement is what one window gave. */
export interface Measurement {
  readonly shape: string;
  readonly peer: string;
  readonly round: number;
  /** figure is in the shape's own metric and unit; undefined if the window gave none, and then `problem` says why. */
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

type Outcome = Pick<Measurement, "figure" | "problem" | "detail">;

export interface MeasureOptions {
  readonly files: Files;
  /** dir is for temporary files. */
  readonly dir: string;
  readonly seconds: number;
  readonly round: number;
}

/** Long enough for Node's compiler to have seen the hot code on a busy machine, and for everyone's connections to be open. */
const warmMs = 1_500;
/** A proxy has this long to listen and to reach its backends. */
const readyMs = 15_000;
/** A window with more failures than this share of its calls gives no figure: failing is cheap. */
const failedMax = 0.01;

/** measure runs one shape through one peer, or straight to the backend without one. It reports what goes wrong with a peer instead of throwing. */
export async function measure(shape: Shape, peer: Peer | undefined, options: MeasureOptions): Promise<Measurement> {
  const id = { shape: shape.name, peer: peer?.name ?? "direct", round: options.round };
  const dir = mkdtempSync(join(options.dir, `${id.peer}-`));
  const stops: (() => Promise<void>)[] = [];
  try {
    return { ...id, ...(await inside(shape, peer, { ...options, dir }, stops)) };
  } catch (err) {
    return { ...id, problem: (err as Error).message };
  } finally {
    for (const stop of stops.reverse()) await stop();
    rmSync(dir, { recursive: true, force: true });
  }
}

async function inside(shape: Shape, peer: Peer | undefined, options: MeasureOptions, stops: (() => Promise<void>)[]): Promise<Outcome> {
  const { files, dir } = options;
  const cores = shape.loadCores ?? "1";
  const want = upstream(shape.protocol, shape.request, files);
  const capture = join(dir, "captured");
  const backend = await startBackend({
    count: shape.backends ?? 1,
    cores,
    answer: files[shape.response]!,
    delayMs: shape.delayMs ?? 0,
    ...(want === undefined ? { metadata: files["metadata"]!, capture } : { want }),
    ...(shape.stream === undefined ? {} : { stream: shape.stream }),
  });
  stops.push(backend.stop);
  const proxy = peer === undefined ? undefined : await startProxy(shape, peer, backend, join(dir, "proxy"));
  if (proxy !== undefined) stops.push(() => proxy.running.stop());
  const target = proxy?.address ?? backend.addresses[0]!;
  const body = files[shape.request]!;
  const response = files[shape.response]!;
  const load: LoadOptions = {
    target,
    cores,
    protocol: shape.protocol,
    connections: shape.connections,
    calls: shape.calls,
    body,
    want: shape.protocol === "grpc" ? response : await referenceAnswer(shape.protocol, target, { body, response, dir }),
    ...(shape.stream === undefined ? {} : { stream: shape.stream }),
    ...(shape.rate === undefined ? {} : { rate: shape.rate }),
    ...(shape.timeouts === undefined ? {} : { timeouts: shape.timeouts }),
    ...(shape.idle === undefined ? {} : { once: shape.idle }),
  };
  if (want === undefined) checkSent(capture, shape);
  if (shape.protocol === "grpc") await untilAnswered(load);
  const watched: Watched = {
    pids: processTree(proxy?.running.pid ?? backend.pid),
    alone: proxyCores(shape).filter((core) => !cores.split(",").includes(`${core}`)),
  };
  return shape.metric === "memory" ? await memory(shape, load, watched, options) : await window(shape, load, watched, options);
}

interface Proxy {
  readonly running: Running;
  readonly address: string;
}

async function startProxy(shape: Shape, peer: Peer, backend: Backend, dir: string): Promise<Proxy> {
  mkdirSync(dir);
  const [port] = await freePorts(1);
  if (port === undefined) throw new Error("no free port");
  const { command, env } = peer.command({ port, backends: backend.addresses, workers: shape.workers ?? 1, protocol: shape.protocol, dir });
  const running = start(command, { cores: shape.proxyCores ?? "0", cwd: dir, ...(env === undefined ? {} : { env }) });
  try {
    await untilListening(running, port, readyMs);
  } catch (err) {
    await running.stop();
    throw err;
  }
  return { running, address: `127.0.0.1:${port}` };
}

/** untilAnswered makes single calls until one succeeds: a proxy may listen before its backends are connected. */
async function untilAnswered(load: LoadOptions): Promise<void> {
  const deadline = performance.now() + readyMs;
  for (;;) {
    const probe = await startLoad({ ...withoutRate(load), connections: 1, calls: 1, once: true });
    try {
      const tally = await answered(probe, deadline);
      if (tally.ok > 0) return;
      if (performance.now() > deadline) throw new Error(`no call succeeds: ${Object.keys(tally.failures).join("; ") || "no answer"}`);
    } finally {
      await probe.stop();
    }
    await sleep(100);
  }
}

function withoutRate({ rate: _, ...load }: LoadOptions): LoadOptions {
  return load;
}

/** answered waits until the one call has ended. */
async function answered(probe: Load, deadline: number): Promise<Tally> {
  for (;;) {
    const tally = await probe.mark();
    if (tally.ok + tally.failed > 0 || performance.now() > deadline) return tally;
    await sleep(20);
  }
}

/** referenceAnswer asks once over HTTP/1.1 and checks the answer; from then on every answer must have the same bytes. Proxies may print floats in their own ways. */
async function referenceAnswer(protocol: Exclude<Protocol, "grpc">, target: string, paths: { body: string; response: string; dir: string }): Promise<string> {
  const deadline = performance.now() + readyMs;
  const { path, headers, check } = posts[protocol];
  for (;;) {
    const response = await fetch(`http://${target}${path}`, { method: "POST", headers: { ...headers, connection: "close" }, body: readFileSync(paths.body) });
    const answer = new Uint8Array(await response.arrayBuffer());
    if (response.status === 200) {
      check(answer, { response: readFileSync(paths.response) });
      const file = join(paths.dir, "want");
      writeFileSync(file, answer);
      return file;
    }
    if (performance.now() > deadline) throw new Error(`HTTP ${response.status}: ${Buffer.from(answer).toString().slice(0, 200)}`);
    await sleep(100);
  }
}

/** checkSent compares what the backend got with what the JSON said. */
function checkSent(file: string, shape: Shape): void {
  const want = shape.request === "largeJSON" ? imageValues : smallValues;
  const got = sentValues(readFileSync(file));
  if (got.length !== want.length || got.some((value, i) => value !== want[i])) throw new Error("the backend got other numbers than were sent");
}

/** Watched is the proxy under measurement. */
interface Watched {
  readonly pids: readonly number[];
  /** alone are the cores that it should have to itself. */
  readonly alone: readonly number[];
}

function proxyCores(shape: Shape): number[] {
  return (shape.proxyCores ?? "0").split(",").map(Number);
}

async function window(shape: Shape, options: LoadOptions, watched: Watched, { seconds }: MeasureOptions): Promise<Outcome> {
  const load = await startLoad(options);
  try {
    await sleep(shape.warmMs ?? warmMs);
    return judged(shape, await counted(load, watched, seconds));
  } finally {
    await load.stop();
  }
}

/** memory measures two loads on the same proxy: what the larger one adds, for each thing that it has more of. */
async function memory(shape: Shape, options: LoadOptions, watched: Watched, { seconds }: MeasureOptions): Promise<Outcome> {
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

/** edge reads times before and after the load answers and takes the middle: the calls of the time in between are in neither window or half in each. */
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
