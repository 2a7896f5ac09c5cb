// The load generator and the backend stub as children: ../go/load and ../go/backend.
import { createInterface } from "node:readline";
import { freePorts, type Running, start, untilListening } from "./process.ts";
import { type Protocol, posts } from "./protocols.ts";
import type { Histogram } from "./stats.ts";
import { certificates, paths } from "./tools.ts";

/** Tally is what happened since the mark before. */
export interface Tally {
  readonly ok: number;
  readonly failed: number;
  readonly inFlight: number;
  readonly seconds: number;
  readonly ownCpuSeconds: number;
  readonly failures: Readonly<Record<string, number>>;
  /** latencies are in µs. */
  readonly latencies: Histogram;
}

/** Load is a load generator at work. */
export interface Load {
  /** mark says what happened since the last mark, and begins anew. */
  mark(): Promise<Tally>;
  /** rate begins so many calls a second from now on, of a load that began with a rate; 0 is none. */
  rate(perSecond: number): void;
  /** calls keeps so many calls in flight on each connection from now on, of a load that began with a rate. */
  calls(count: number): void;
  stop(): Promise<void>;
}

export interface LoadOptions {
  readonly target: string;
  readonly cores: string;
  readonly protocol: Protocol;
  /** path of every call; default Predict's, for the model of the gateway's shapes. */
  readonly path?: string;
  readonly connections: number;
  readonly calls: number;
  readonly rate?: number;
  readonly timeouts?: boolean;
  /** timeoutMs is what a call with a rate may take; then it is given up, and has failed. */
  readonly timeoutMs?: number;
  /** stream keeps calls open and sends a message after each answer. */
  readonly stream?: boolean;
  /** ca is a file with the authority of the target's certificate; with it TLS is spoken. */
  readonly ca?: string;
  /** once makes one round of calls and then only holds the connections. */
  readonly once?: boolean;
  /** body and want are files: what to send, and what every answer must be. */
  readonly body: string;
  readonly want: string;
}

/** Connections of a large shape, or an answer to a mark on a busy core, take this long at most. */
const answerMs = 30_000;

/** startLoad begins a load, and returns when all its connections are open. */
export async function startLoad(options: LoadOptions): Promise<Load> {
  const args = [`-target=${options.target}`, `-connections=${options.connections}`, `-calls=${options.calls}`];
  args.push(`-body=${options.body}`, `-want=${options.want}`);
  if (options.protocol === "grpc") {
    if (options.path !== undefined) args.push(`-path=${options.path}`);
  } else {
    const { path, headers } = posts[options.protocol];
    args.push("-protocol=http1", `-path=${options.path ?? path}`, ...Object.entries(headers).map(([name, value]) => `-header=${name}: ${value}`));
  }
  if (options.stream === true) args.push("-stream");
  if (options.rate !== undefined) args.push(`-rate=${options.rate}`);
  if (options.timeoutMs !== undefined) args.push(`-timeout=${options.timeoutMs}ms`);
  if (options.timeouts === true) args.push("-timeouts");
  if (options.once === true) args.push("-once");
  if (options.ca !== undefined) args.push(`-ca=${options.ca}`);
  const running = start([paths.load, ...args], { cores: options.cores });
  const next = lines(running);
  const say = (command: string): void => void running.child.stdin?.write(`${command}\n`);
  const stop = () => running.stop();
  try {
    await next();
  } catch (err) {
    await stop();
    throw err;
  }
  return {
    async mark() {
      say("mark");
      const tally = JSON.parse(await next()) as Omit<Tally, "latencies"> & { latencies: Histogram | null };
      return { ...tally, latencies: tally.latencies ?? [] };
    },
    rate: (perSecond) => say(`rate ${perSecond}`),
    calls: (count) => say(`calls ${count}`),
    stop,
  };
}

/** lines reads a child's output line by line, each within a time. */
function lines(running: Running): () => Promise<string> {
  const iterator = createInterface({ input: running.child.stdout! })[Symbol.asyncIterator]();
  return async () => {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`the load generator says nothing: ${running.said()}`)), answerMs);
    });
    try {
      const { done, value } = await Promise.race([iterator.next(), late]);
      if (done === true) throw new Error(`the load generator ended: ${running.said()}`);
      return value;
    } finally {
      clearTimeout(timer);
    }
  };
}

export interface BackendOptions {
  readonly count: number;
  readonly cores: string;
  /** Files: the answer to a call, the body that calls must have, the answer to GetModelMetadata, and where the first body of a call goes. */
  readonly answer: string;
  readonly want?: string;
  readonly metadata?: string;
  readonly capture?: string;
  readonly delayMs: number;
  /** stream answers every message instead of every call. */
  readonly stream?: boolean;
  /** tls is spoken, with the tests' certificate. */
  readonly tls?: boolean;
}

/** Backend is a stub of a model server, on one or several ports. */
export interface Backend {
  readonly addresses: readonly string[];
  readonly pid: number;
  stop(): Promise<void>;
}

export async function startBackend(options: BackendOptions): Promise<Backend> {
  const ports = await freePorts(options.count);
  const addresses = ports.map((port) => `127.0.0.1:${port}`);
  const args = [`-listen=${addresses.join(",")}`, `-answer=${options.answer}`, `-delay=${options.delayMs}ms`];
  for (const name of ["want", "metadata", "capture"] as const) if (options[name] !== undefined) args.push(`-${name}=${options[name]}`);
  if (options.stream === true) args.push("-stream");
  if (options.tls === true) args.push(`-cert=${certificates.cert}`, `-key=${certificates.key}`);
  const running = start([paths.backend, ...args], { cores: options.cores });
  try {
    for (const port of ports) await untilListening(running, port, answerMs);
  } catch (err) {
    await running.stop();
    throw err;
  }
  return { addresses, pid: running.pid, stop: () => running.stop() };
}
