// One measurement: a fresh backend, a fresh proxy in front of it, first answers that are right, then a window of load.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { processTree } from "./cpu.ts";
import { type Backend, type Load, type LoadOptions, startBackend, startLoad, type Tally } from "./load.ts";
import { type Files, imageValues, sentValues, smallValues } from "./payload.ts";
import type { Peer } from "./peers/index.ts";
import { type Protocol, posts, upstream } from "./protocols.ts";
import { freePorts, type Running, start, untilListening } from "./process.ts";
import type { Shape } from "./shapes.ts";
import { certificates } from "./tools.ts";
import { type Outcome, observe, type Watched } from "./window.ts";

/** Measurement is what one window gave. */
export interface Measurement extends Outcome {
  readonly shape: string;
  readonly peer: string;
  readonly round: number;
}

export interface MeasureOptions {
  readonly files: Files;
  /** dir is for temporary files. */
  readonly dir: string;
  readonly seconds: number;
  readonly round: number;
}

/** A proxy has this long to listen and to reach its backends. */
const readyMs = 15_000;

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
    tls: spokenToBackend(shape, peer),
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
    ...(shape.tls === undefined ? {} : { ca: certificates.ca }),
  };
  if (want === undefined) checkSent(capture, shape);
  if (shape.protocol === "grpc") await untilAnswered(load);
  const watched: Watched = {
    pids: processTree(proxy?.running.pid ?? backend.pid),
    alone: proxyCores(shape).filter((core) => !cores.split(",").includes(`${core}`)),
  };
  return await observe(shape, load, watched, options.seconds);
}

/** spokenToBackend tells whether a backend hears TLS: from a proxy on both sides, and where there is none as the proxy would. */
function spokenToBackend(shape: Shape, peer: Peer | undefined): boolean {
  return peer === undefined ? shape.tls !== undefined : shape.tls === "both";
}

interface Proxy {
  readonly running: Running;
  readonly address: string;
}

async function startProxy(shape: Shape, peer: Peer, backend: Backend, dir: string): Promise<Proxy> {
  mkdirSync(dir);
  const [port] = await freePorts(1);
  if (port === undefined) throw new Error("no free port");
  const { command, env } = peer.command({ port, backends: backend.addresses, workers: shape.workers ?? 1, protocol: shape.protocol, tls: shape.tls, dir });
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

function proxyCores(shape: Shape): number[] {
  return (shape.proxyCores ?? "0").split(",").map(Number);
}
