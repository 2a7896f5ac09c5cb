// One measurement: a fresh backend, a fresh proxy, a load; a warm-up, then a window in which everything is counted.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { processTree, resident, type Usage, usage } from "./cpu.ts";
import { type Backend, type Load, type LoadOptions, restPath, startBackend, startLoad, type Tally } from "./load.ts";
import { type Files, imageValues, sentValues, smallValues } from "./payload.ts";
import type { Peer } from "./peers/index.ts";
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
  /** cpuMicros is the proxy's processor time for each call, loadMicros the load generator's. */
  readonly cpuMicros: number;
  readonly loadMicros: number;
  /** cores is how many cores the proxy kept busy; waited is how long it was ready and another program had its core, by threads times the window. */
  readonly cores: number;
  readonly waited: number;
  /** Latencies are in µs. */
  readonly p50?: number;
  readonly p90?: number;
  readonly p99?: number;
  readonly p999?: number;
  readonly residentBytes: number;
}

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

async function inside(
  shape: Shape,
  peer: Peer | undefined,
  options: MeasureOptions,
  stops: (() => Promise<void>)[],
): Promise<Pick<Measurement, "figure" | "problem" | "detail">> {
  const { files, dir } = options;
  const cores = shape.loadCores ?? "1";
  const rest = shape.protocol === "rest";
  const capture = join(dir, "captured");
  const backend = await startBackend({
    count: shape.backends ?? 1,
    cores,
    answer: files[shape.response]!,
    delayMs: shape.delayMs ?? 0,
    ...(rest ? { metadata: files["metadata"]!, capture } : { want: files[shape.request]! }),
  });
  stops.push(backend.stop);
  const proxy = peer === undefined ? undefined : await startProxy(shape, peer, backend, join(dir, "proxy"));
  if (proxy !== undefined) stops.push(() => proxy.running.stop());
  const target = proxy?.address ?? backend.addresses[0]!;
  const body = files[shape.request]!;
  const load: LoadOptions = {
    target,
    cores,
    protocol: shape.protocol,
    connections: shape.connections,
    calls: shape.calls,
    body,
    want: rest ? await referenceAnswer(target, body, dir) : files[shape.response]!,
    ...(shape.rate === undefined ? {} : { rate: shape.rate }),
    ...(shape.timeouts === undefined ? {} : { timeouts: shape.timeouts }),
    ...(shape.idle === undefined ? {} : { once: shape.idle }),
  };
  if (rest) checkSent(capture, shape);
  else await untilAnswered(load);
  const pids = processTree(proxy?.running.pid ?? backend.pid);
  return shape.metric === "memory" ? await memory(shape, load, pids, options) : await window(shape, load, pids, options);
}

interface Proxy {
  readonly running: Running;
  readonly address: string;
}

async function startProxy(shape: Shape, peer: Peer, backend: Backend, dir: string): Promise<Proxy> {
  mkdirSync(dir);
  const [port] = await freePorts(1);
  if (port === undefined) throw new Error("no free port");
  const { command, env } = peer.command({ port, backends: backend.addresses, workers: shape.workers ?? 1, dir });
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

/** referenceAnswer asks once by REST and checks the numbers; from then on every answer must have the same bytes. Proxies may print floats in their own ways. */
async function referenceAnswer(target: string, body: string, dir: string): Promise<string> {
  const deadline = performance.now() + readyMs;
  for (;;) {
    const response = await fetch(`http://${target}${restPath}`, {
      method: "POST",
      headers: { "content-type": "application/json", connection: "close" },
      body: readFileSync(body),
    });
    const text = Buffer.from(await response.arrayBuffer());
    if (response.status === 200) {
      checkAnswer(text.toString());
      const file = join(dir, "want");
      writeFileSync(file, text);
      return file;
    }
    if (performance.now() > deadline) throw new Error(`HTTP ${response.status}: ${text.toString().slice(0, 200)}`);
    await sleep(100);
  }
}

function checkAnswer(text: string): void {
  const { predictions } = JSON.parse(text) as { predictions: number[][] };
  const numbers = predictions.flat();
  // TensorFlow Serving prints six significant digits where nine are not needed to read the same float32 back, so the float32 is what has to agree.
  const same = numbers.length === smallValues.length && numbers.every((n, i) => Math.fround(n) === smallValues[i]);
  if (!same) throw new Error(`the answer has other numbers: ${text.slice(0, 200)}`);
}

/** checkSent compares what the backend got with what the JSON said. */
function checkSent(file: string, shape: Shape): void {
  const want = shape.request === "largeJSON" ? imageValues : smallValues;
  const got = sentValues(readFileSync(file));
  if (got.length !== want.length || got.some((value, i) => value !== want[i])) throw new Error("the backend got other numbers than were sent");
}

async function window(shape: Shape, options: LoadOptions, pids: readonly number[], { seconds }: MeasureOptions) {
  const load = await startLoad(options);
  try {
    await sleep(shape.warmMs ?? warmMs);
    const opened = await edge(load, pids);
    await sleep(seconds * 1000);
    const closed = await edge(load, pids);
    const detail = count(opened, closed, pids);
    return judged(shape, detail);
  } finally {
    await load.stop();
  }
}

/** memory measures two loads on the same proxy: what the larger one adds, for each thing that it has more of. */
async function memory(shape: Shape, options: LoadOptions, pids: readonly number[], { seconds }: MeasureOptions) {
  const settle = shape.warmMs ?? warmMs;
  const base = await startLoad({ ...options, ...shape.base });
  await sleep(settle);
  const before = resident(pids);
  await base.stop();
  const load = await startLoad(options);
  try {
    await sleep(settle);
    const opened = await edge(load, pids);
    await sleep(seconds * 1000);
    const closed = await edge(load, pids);
    const detail = count(opened, closed, pids);
    const more =
      shape.idle === true ? shape.connections - (shape.base?.connections ?? 0) : detail.inFlight - (shape.base?.connections ?? 0) * (shape.base?.calls ?? 0);
    if (more <= 0) return { detail, problem: `only ${detail.inFlight} calls in flight` };
    if (opened.tally.failed + detail.failed > 0) return { ...judged(shape, detail), figure: (detail.residentBytes - before) / more };
    return { detail, figure: (detail.residentBytes - before) / more };
  } finally {
    await load.stop();
  }
}

/** Edge is one end of a window. Usage is read before and after the load answers, and the middle taken: neither side gets the time in between. */
interface Edge {
  readonly tally: Tally;
  readonly usage: Usage;
}

async function edge(load: Load, pids: readonly number[]): Promise<Edge> {
  const before = usage(pids);
  const tally = await load.mark();
  const after = usage(pids);
  return { tally, usage: { ranNs: (before.ranNs + after.ranNs) / 2, waitedNs: (before.waitedNs + after.waitedNs) / 2 } };
}

function count(opened: Edge, { tally, usage: used }: Edge, pids: readonly number[]): Detail {
  const ranNs = used.ranNs - opened.usage.ranNs;
  const at = (fraction: number, name: "p50" | "p90" | "p99" | "p999") => {
    const micros = percentile(tally.latencies, fraction);
    return micros === undefined ? {} : { [name]: micros };
  };
  return {
    calls: tally.ok,
    failed: tally.failed,
    failures: tally.failures,
    warmFailed: opened.tally.failed,
    perSecond: tally.ok / tally.seconds,
    inFlight: tally.inFlight,
    cpuMicros: ranNs / 1e3 / tally.ok,
    loadMicros: (tally.ownCpuSeconds * 1e6) / tally.ok,
    cores: ranNs / 1e9 / tally.seconds,
    waited: (used.waitedNs - opened.usage.waitedNs) / 1e9 / tally.seconds,
    ...at(0.5, "p50"),
    ...at(0.9, "p90"),
    ...at(0.99, "p99"),
    ...at(0.999, "p999"),
    residentBytes: resident(pids),
  };
}

function judged(shape: Shape, detail: Detail): Pick<Measurement, "figure" | "problem" | "detail"> {
  const why = Object.entries(detail.failures).map(([text, times]) => `${times} × ${text}`);
  if (detail.calls === 0) return { detail, problem: `no call succeeded: ${why.join("; ") || "no answer"}` };
  if (detail.failed > detail.calls * failedMax) return { detail, problem: `${detail.failed} calls failed: ${why.join("; ")}` };
  const figure = { cpu: detail.cpuMicros, latency: detail.p50 ?? Number.NaN, rate: detail.perSecond, memory: Number.NaN }[shape.metric];
  return { detail, figure };
}
