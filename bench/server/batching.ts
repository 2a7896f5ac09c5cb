// Batching against none, in one run and in turns: what 64 callers at a time cost for each row, what one alone waits for, and what the queue itself takes.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { newEmbeddedEngine } from "@tfs/engine";
import { newChannel } from "@tfs/rpc";
import { background, newLogger, systemClock } from "@tfs/std";
import { newRegistry } from "@tfs/std/metrics";
import { DType, newTensor, type Tensor } from "@tfs/tensor";
import { newBatching } from "../../packages/server/dist/batching/index.js";
import { environment, load } from "../gateway/environment.ts";
import type { Files } from "../gateway/payload.ts";
import { spread, type Spread } from "../gateway/stats.ts";
import { root } from "../gateway/tools.ts";
import { type BatchingResult, type Compared, report } from "./batching_report.ts";
import type { Outcome, RunOptions, Section } from "./section.ts";
import { serve } from "./serve.ts";
import { width, writeWide } from "./wide.ts";

const callers = 64;

export const batching: Section = {
  name: "batching",
  what: "requests that are joined against requests that are not: a row's processor time, the queue's own, and what one call at a time waits",
  needs: [],
  run,
};

type Run = (feeds: ReadonlyMap<string, Tensor>, fetches: readonly string[]) => Promise<readonly Tensor[]>;
interface Subject {
  readonly run: Run;
  readonly feeds: ReadonlyMap<string, Tensor>;
  readonly fetches: readonly string[];
}

/** Shape is a model and how many requests a window of it has. */
interface Shape {
  readonly name: string;
  readonly path: string;
  readonly row: readonly number[];
  readonly requests: number;
  /** least is how many times less a row shall cost with batching. */
  readonly least: number;
}

/** micros gives the processor time of one request, with so many callers at a time. */
async function micros({ run, feeds, fetches }: Subject, requests: number, at: number): Promise<number> {
  let left = requests;
  const caller = async (): Promise<void> => {
    while (left-- > 0) await run(feeds, fetches);
  };
  const before = process.cpuUsage();
  await Promise.all(Array.from({ length: at }, caller));
  const { user, system } = process.cpuUsage(before);
  return (user + system) / requests;
}

const ctx = background();
/** batchedOf puts a queue in front of a run. */
async function batchedOf(run: Run): Promise<Run> {
  const batching = newBatching({ cpus: 1, clock: systemClock(), metrics: newRegistry(), defer: setImmediate });
  const inner = { name: "m", version: 1n, signatures: new Map(), run: (_: unknown, ...call: Parameters<Run>) => run(...call), close: async () => {} };
  const servable = await batching.wrap(inner, "");
  return (...call) => servable.run(ctx, ...call);
}

async function compare(shape: Shape, rounds: number): Promise<Compared> {
  const model = await newEmbeddedEngine().load(ctx, shape.path, { tags: ["serve"] });
  try {
    const { inputs, outputs } = model.metaGraph.signatureDef["serving_default"]!;
    const nameOf = (info: (typeof inputs)[string] | undefined): string => (info?.encoding.case === "name" ? info.encoding.value : "");
    const n = shape.row.reduce((a, b) => a * b, 1);
    const x = newTensor(
      DType.Float,
      [1, ...shape.row],
      Float32Array.from({ length: n }, (_, i) => (i % 17) / 17),
    );
    const run: Run = (...call) => model.run(ctx, ...call);
    const subject = { run, feeds: new Map([[nameOf(Object.values(inputs)[0]), x]]), fetches: Object.values(outputs).map(nameOf) };
    const subjects = [subject, { ...subject, run: await batchedOf(run) }];
    for (const s of subjects) await micros(s, Math.min(shape.requests, 2 * callers), callers);
    const [unbatched, batched]: [number[], number[]] = [[], []];
    for (let round = 0; round < rounds; round++) {
      unbatched.push(await micros(subjects[0]!, shape.requests, callers));
      batched.push(await micros(subjects[1]!, shape.requests, callers));
    }
    const ratio = spread(unbatched.map((u, i) => u / batched[i]!));
    return { name: shape.name, least: shape.least, unbatched: spread(unbatched), batched: spread(batched), ratio };
  } finally {
    await model.close();
  }
}

/** queueMicros gives what the queue takes of processor time for a request, with so many callers: a run that does nothing, with and without one. */
async function queueMicros(at: number, rounds: number): Promise<Spread> {
  const x = newTensor(DType.Float, [1, 10], new Float32Array(10));
  const run: Run = async (feeds) => [feeds.get("x")!];
  const bare = { run, feeds: new Map([["x", x]]), fetches: ["x"] };
  const queued = { ...bare, run: await batchedOf(run) };
  const figures: number[] = [];
  for (let round = 0; round <= rounds; round++) {
    const [without, with_] = [await micros(bare, 100_000, at), await micros(queued, 100_000, at)];
    if (round > 0) figures.push(with_ - without); // the first one warms up
  }
  return spread(figures);
}

/** aloneRatios gives how much longer one gRPC call at a time takes with batching and no timeout: the ratio of medians, round by round. */
async function aloneRatios(dir: string, files: Files, rounds: number): Promise<Spread> {
  const body = readFileSync(files["smallRequest"]!).subarray(5);
  const clock = systemClock();
  const logger = newLogger({ write: () => {}, clock, level: "error" });
  const servers = [await serve(dir, ["resnet"]), await serve(dir, ["resnet"], ["--enable_batching"])];
  try {
    const channels = servers.map(({ grpc }) => newChannel({ address: grpc, clock, logger }));
    const median = async (which: number): Promise<number> => {
      const took: number[] = [];
      for (let i = 0; i < 2_000; i++) {
        const before = performance.now();
        await channels[which]!.unary(ctx, "/tensorflow.serving.PredictionService/Predict", body);
        took.push(performance.now() - before);
      }
      return spread(took).median;
    };
    const ratios: number[] = [];
    for (let round = -1; round < rounds; round++) {
      const without = await median(0);
      const with_ = await median(1);
      if (round >= 0) ratios.push(with_ / without); // the first one warms up
    }
    for (const channel of channels) await channel[Symbol.asyncDispose]();
    return spread(ratios);
  } finally {
    for (const { running } of servers) await running.stop();
  }
}

async function run({ rounds, dir, files }: RunOptions): Promise<Outcome> {
  const loadBefore = load();
  writeWide(join(dir, "wide"));
  const committed = (name: string): string => join(root, "testdata/models", name, "1");
  const shapes: readonly Shape[] = [
    { name: `two layers of ${width} × ${width}`, path: join(dir, "wide/1"), row: [width], requests: 2 * callers, least: 3 },
    { name: "a small perceptron", path: committed("mlp"), row: [64], requests: 100 * callers, least: 2 },
    { name: "digits, a CNN", path: committed("digits"), row: [8, 8, 1], requests: 40 * callers, least: 0.95 },
  ];
  const compared: Compared[] = [];
  for (const shape of shapes) {
    compared.push(await compare(shape, rounds));
    console.error(`${shape.name}: ${compared.at(-1)!.ratio.median.toFixed(2)} times less`);
  }
  const queue = { together: await queueMicros(callers, rounds), single: await queueMicros(1, rounds) };
  const alone = await aloneRatios(dir, files, rounds);
  const result: BatchingResult = { environment: environment(loadBefore), rounds, callers, compared, queue, alone };
  return { text: report(result), result };
}
