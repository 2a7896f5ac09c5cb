// More than the server can do: how many calls it answers in time, and how soon, beside its own capacity in the same run.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { create, toBinary } from "@bufbuild/protobuf";
import { DataType, PredictRequestSchema } from "@tfs/proto";
import { conditions, type Environment, environment, load } from "../gateway/environment.ts";
import { type Load, startLoad, type Tally } from "../gateway/load.ts";
import { framed } from "../gateway/payload.ts";
import { percentile, spread, verdict } from "../gateway/stats.ts";
import { root } from "../gateway/tools.ts";
import { wantedOf } from "./load.ts";
import type { Outcome, RunOptions, Section } from "./section.ts";
import { basePath, type Served, serveModels } from "./serve.ts";

export const overload: Section = {
  name: "overload",
  what: "five times the calls that it can answer: how many it answers in time, and how soon",
  needs: ["load"],
  run,
};

/** Pressed is one window of an open loop. */
interface Pressed {
  /** goodput is calls a second that were answered within their deadline. */
  readonly goodput: number;
  /** p50 and p99 of them are in µs, from when a call was due. */
  readonly p50: number;
  readonly p99: number;
  /** failures are how many of the others ended how. */
  readonly failures: Readonly<Record<string, number>>;
}

/** Flood is one server from its capacity to five times that. */
interface Flood {
  /** images are rows of one call. */
  readonly images: number;
  readonly capacity: number;
  readonly calm: Pressed;
  readonly flood: Pressed;
}

/** What clients wait. */
const deadlineMs = 1_000;
/** A server that is flooded has found that out by then, and what waited has gone. */
const settleMs = 5_000;
const warmMs = 3_000;
const connections = 16;
const sizes = [1, 16, 64];
const digits = join(root, "testdata/models/digits");
/** What is aimed at: of the capacity, and times the p99 in calm. */
const targets = { goodput: 0.9, p99: 3 };

async function run({ rounds, seconds, quick, dir }: RunOptions): Promise<Outcome> {
  const before = load();
  const floods: Flood[] = [];
  for (let round = 1; round <= rounds; round++)
    for (const images of quick ? sizes.slice(1, 2) : sizes) {
      const found = await measure(dir, images, seconds);
      floods.push(found);
      console.error(`round ${round}: ${line(found)}`);
    }
  const result = { environment: environment(before), rounds, seconds, floods };
  return { text: report(result), result };
}

/** measure floods a server that serves the digits CNN with calls of so many images. */
async function measure(dir: string, images: number, seconds: number): Promise<Flood> {
  const served = await serveModels(dir, [{ name: "digits", path: basePath(dir, "digits", digits) }], []);
  try {
    const [body, want] = [join(dir, "digits"), join(dir, "want-digits")];
    writeFileSync(body, request(images));
    writeFileSync(want, await wantedOf(served.grpc, body));
    const files = { body, want };
    const closed = await startLoad({ ...common(served), ...files, connections: 4, calls: 8 });
    const capacity = rate(await window(closed, warmMs, seconds));
    const press = async (times: number): Promise<Pressed> => {
      const open = await startLoad({ ...common(served), ...files, connections, calls: 1, rate: capacity * times, timeoutMs: deadlineMs });
      const tally = await window(open, settleMs, seconds);
      const latency = (fraction: number): number => percentile(tally.latencies, fraction) ?? Number.NaN;
      return { goodput: rate(tally), p50: latency(0.5), p99: latency(0.99), failures: tally.failures };
    };
    return { images, capacity, calm: await press(0.8), flood: await press(5) };
  } finally {
    await served.running.stop();
  }
}

function line({ images, capacity, calm, flood }: Flood): string {
  const ms = (micros: number): string => (micros / 1000).toFixed(2);
  const ratio = flood.p99 / calm.p99;
  return `${images} images, ${capacity.toFixed(0)}/s; at 0.8 ×: ${calm.goodput.toFixed(0)}/s, p99 ${ms(calm.p99)} ms; at 5 ×: ${flood.goodput.toFixed(0)}/s, p99 ${ms(flood.p99)} ms: ${((100 * flood.goodput) / capacity).toFixed(1)} %, ${ratio.toFixed(2)} ×; ${JSON.stringify(flood.failures)}`;
}

/** report prints the middle of the rounds as Markdown. */
function report({
  environment: e,
  rounds,
  seconds,
  floods,
}: {
  readonly environment: Environment;
  readonly rounds: number;
  readonly seconds: number;
  readonly floods: readonly Flood[];
}): string {
  const rows = [...new Set(floods.map(({ images }) => images))].map((images) => {
    const all = floods.filter((flood) => flood.images === images);
    const middle = (of: (flood: Flood) => number): number => spread(all.map(of)).median;
    const [goodput, p99] = [middle(({ flood, capacity }) => flood.goodput / capacity), middle(({ flood, calm }) => flood.p99 / calm.p99)];
    const ms = (of: (flood: Flood) => number): string => `${(middle(of) / 1000).toFixed(2)} ms`;
    return `| ${images} | ${middle(({ capacity }) => capacity).toFixed(0)}/s | ${ms(({ calm }) => calm.p99)} | ${ms(({ flood }) => flood.p99)} | ${(100 * goodput).toFixed(1)} %: ${verdict(goodput >= targets.goodput)} | ${p99.toFixed(2)}: ${verdict(p99 <= targets.p99)} |`;
  });
  return [
    "# Model server benchmark: overload",
    "",
    conditions(e, `${rounds} rounds, windows of ${seconds} s after ${settleMs / 1000} s`),
    "",
    `The digits CNN over gRPC; the server has core 0, the load generator core 1. The capacity is what a closed loop gets (4 connections × 8 calls); then ${connections} connections send calls at fixed times, 0.8 and 5 times as many, whose deadline is ${deadlineMs} ms. Latency counts from when a call was due, and of those that were answered. The middle of the rounds.`,
    "",
    `| images a call | capacity | p99 at 0.8 × | p99 at 5 × | answered in time at 5 ×, ≥ ${100 * targets.goodput} % of the capacity | p99 by that at 0.8 ×, ≤ ${targets.p99} |`,
    "| --- | --- | --- | --- | --- | --- |",
    ...rows,
    "",
  ].join("\n");
}

function common({ grpc }: Served): { readonly target: string; readonly cores: string; readonly protocol: "grpc" } {
  return { target: grpc, cores: "1", protocol: "grpc" };
}

async function window(load: Load, settle: number, seconds: number): Promise<Tally> {
  try {
    await sleep(settle);
    await load.mark();
    await sleep(seconds * 1000);
    return await load.mark();
  } finally {
    await load.stop();
  }
}

function rate({ ok, seconds }: Tally): number {
  return ok / seconds;
}

/** request asks for so many of the sixteen images that the model's golden answers are for. */
function request(images: number): Uint8Array {
  const golden = JSON.parse(readFileSync(join(digits, "golden.json"), "utf8")) as {
    readonly versions: {
      readonly 1: {
        readonly signatures: { readonly serving_default: { readonly cases: readonly { readonly inputs: { readonly image: { readonly content: string } } }[] } };
      };
    };
  };
  const all = Buffer.from(golden.versions[1].signatures.serving_default.cases[0]!.inputs.image.content, "base64");
  const imageBytes = 8 * 8 * 4;
  const tensorContent = Buffer.concat(Array.from({ length: images }, (_, i) => all.subarray((i % 16) * imageBytes, ((i % 16) + 1) * imageBytes)));
  const tensorShape = { dim: [images, 8, 8, 1].map((size) => ({ size: BigInt(size) })) };
  const inputs = { image: { dtype: DataType.DT_FLOAT, tensorShape, tensorContent } };
  return framed(toBinary(PredictRequestSchema, create(PredictRequestSchema, { modelSpec: { name: "digits" }, inputs })));
}
