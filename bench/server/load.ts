// Load on the server, and what it takes: processor time for each call, by the scheduler's own count.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { processTree, ranNs, resident } from "../gateway/cpu.ts";
import { type LoadOptions, startLoad } from "../gateway/load.ts";
import { type Files, framed } from "../gateway/payload.ts";
import { posts } from "../gateway/protocols.ts";
import { percentile } from "../gateway/stats.ts";
import { askGrpc, askRest } from "./ask.ts";
import type { Served } from "./serve.ts";

/** Figure is what one window gave. */
export interface Figure {
  readonly cpuMicros: number;
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
  readonly residentBytes: number;
}

const warmMs = 3_000;

/** Question is what a window asks again and again; `body` and `want` are files, as the load generator takes them. */
export type Question = Pick<LoadOptions, "target" | "protocol" | "path" | "connections" | "calls" | "body" | "want">;

/** measure puts a window of small Predict calls on a server: gRPC over 4 connections with 32 calls each, REST over 128 with one. */
export async function measure(
  served: Served,
  protocol: "grpc" | "rest",
  { files, dir, seconds }: { readonly files: Files; readonly dir: string; readonly seconds: number },
): Promise<Figure> {
  const grpc = protocol === "grpc";
  const body = files[grpc ? "smallRequest" : "smallJSON"]!;
  const want = join(dir, `want-${protocol}`);
  writeFileSync(want, await (grpc ? wantedOf(served.grpc, body) : askRest(served.rest, posts.rest.path, readFileSync(body))));
  const target = grpc ? served.grpc : served.rest;
  return await window(served.running.pid, { target, protocol, connections: grpc ? 4 : 128, calls: grpc ? 32 : 1, body, want }, seconds);
}

/** window asks a question for some seconds, after a while of warming up, and says what the process and all that it started took. */
export async function window(pid: number, question: Question, seconds: number): Promise<Figure> {
  const load = await startLoad({ ...question, cores: "1" });
  try {
    await sleep(warmMs);
    const pids = processTree(pid);
    await load.mark();
    const before = ranNs(pids);
    await sleep(seconds * 1000);
    const tally = await load.mark();
    const ran = ranNs(pids) - before;
    if (tally.failed > 0 || tally.ok === 0) throw new Error(`${tally.failed} calls failed: ${Object.keys(tally.failures).join("; ")}`);
    const latency = (fraction: number): number => percentile(tally.latencies, fraction) ?? Number.NaN;
    return { cpuMicros: ran / 1000 / tally.ok, perSecond: tally.ok / tally.seconds, p50: latency(0.5), p99: latency(0.99), residentBytes: resident(pids) };
  } finally {
    await load.stop();
  }
}

/** wantedOf asks a server for what a file with a framed Predict holds, and gives the framed answer that every call must have. */
export async function wantedOf(target: string, body: string): Promise<Uint8Array> {
  return framed(await askGrpc(target, "/tensorflow.serving.PredictionService/Predict", readFileSync(body).subarray(5)));
}
