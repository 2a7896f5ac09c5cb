// Batching against none, in one run and in turns: what 64 callers at a time cost for each row, what one alone waits for, and what the queue itself takes.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { create } from "@bufbuild/protobuf";
import { ModelSpecSchema } from "@tfs/proto";
import { newChannel } from "@tfs/rpc";
import { newServer } from "@tfs/server";
import { background, discard, systemClock } from "@tfs/std";
import { DType, newTensor, type Tensor } from "@tfs/tensor";
import { environment, load } from "../gateway/environment.ts";
import type { Files } from "../gateway/payload.ts";
import { spread, type Spread } from "../gateway/stats.ts";
import { root } from "../gateway/tools.ts";
import { type BatchingResult, type Compared, report } from "./batching_report.ts";
import { aloneIn } from "./engine.ts";
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

/** Shape is a model, by its base path, and how many requests a window of it has. */
interface Shape {
  readonly name: string;
  readonly path: string;
  readonly input: string;
  readonly row: readonly number[];
  readonly requests: number;
  /** least is how many times less a row shall cost with batching: its processor time, or that of the engine alone. */
  readonly least: number;
  readonly engineOnly?: boolean;
}

const ctx = background();
const clock = systemClock();
const logger = discard();

/** Subject is a server in this process, asked without sockets. */
interface Subject extends AsyncDisposable {
  ask(): Promise<unknown>;
}

async function open({ path, input, row }: Shape, isBatched: boolean): Promise<Subject> {
  const server = newServer({ models: [{ name: "m", basePath: path }], clock, logger, ...(isBatched ? { batching: {} } : {}) });
  await server.start(ctx);
  const direct = server.direct();
  const call = { spec: create(ModelSpecSchema, { name: "m" }), inputs: new Map([[input, filled(1, row)]]), outputFilter: [] };
  return { ask: () => direct.predict(ctx, call), [Symbol.asyncDispose]: async () => void (await server.drain(0)) };
}

/** micros gives the processor time of one request, with so many callers at a time. */
async function micros({ ask }: Subject, requests: number, at: number): Promise<number> {
  let left = requests;
  const caller = async (): Promise<void> => {
    while (left-- > 0) await ask();
  };
  const before = process.cpuUsage();
  await Promise.all(Array.from({ length: at }, caller));
  const { user, system } = process.cpuUsage(before);
  return (user + system) / requests;
}

/** inTurns gives the figures of both, round by round; the first one warms up and is left out. */
async function inTurns(shape: Shape, rounds: number, at: number): Promise<{ readonly unbatched: number[]; readonly batched: number[] }> {
  await using plain = await open(shape, false);
  await using queued = await open(shape, true);
  const [unbatched, batched]: [number[], number[]] = [[], []];
  for (let round = 0; round <= rounds; round++) {
    const [without, with_] = [await micros(plain, shape.requests, at), await micros(queued, shape.requests, at)];
    if (round === 0) continue;
    unbatched.push(without);
    batched.push(with_);
  }
  return { unbatched, batched };
}

/** filled gives so many rows. */
function filled(rows: number, row: readonly number[]): Tensor {
  const n = row.reduce((a, b) => a * b, rows);
  return newTensor(
    DType.Float,
    [rows, ...row],
    Float32Array.from({ length: n }, (_, i) => (i % 17) / 17),
  );
}

async function compare(shape: Shape, rounds: number): Promise<Compared> {
  const version = join(shape.path, "1");
  const runs = Math.max(2, Math.floor(shape.requests / callers));
  const [one, many] = [await aloneIn(version, filled(1, shape.row), runs), await aloneIn(version, filled(callers, shape.row), runs)];
  const { unbatched, batched } = await inTurns(shape, rounds, callers);
  return {
    name: shape.name,
    least: shape.least,
    engineOnly: shape.engineOnly ?? false,
    engine: { one: one.micros, many: many.micros / callers },
    unbatched: spread(unbatched),
    batched: spread(batched),
    ratio: spread(unbatched.map((u, i) => u / batched[i]!)),
  };
}

/** queueMicros gives what the queue takes of processor time for a request that comes alone: both run the model once for each. */
async function queueMicros(rounds: number): Promise<Spread> {
  const shape = { name: "half-plus-two", path: join(root, "testdata/models/half_plus_two"), input: "x", row: [10], requests: 30_000, least: 0 };
  const { unbatched, batched } = await inTurns(shape, rounds, 1);
  return spread(batched.map((b, i) => b - unbatched[i]!));
}

/** aloneRatios gives how much longer one gRPC call at a time takes with batching and no timeout: the ratio of medians, round by round. */
async function aloneRatios(dir: string, files: Files, rounds: number): Promise<Spread> {
  const body = readFileSync(files["smallRequest"]!).subarray(5);
  const servers = [await serve(dir, ["resnet"]), await serve(dir, ["resnet"], ["--enable_batching"])];
  try {
    const channels = servers.map(({ grpc }) => newChannel({ address: grpc, clock, logger }));
    const ask = async (which: number): Promise<number> => {
      const before = performance.now();
      await channels[which]!.unary(ctx, "/tensorflow.serving.PredictionService/Predict", body);
      return performance.now() - before;
    };
    const ratios: number[] = [];
    for (let round = 0; round <= rounds; round++) {
      const took: [number[], number[]] = [[], []];
      for (let i = 0; i < 4_000; i++) for (const which of [0, 1] as const) took[which].push(await ask(which)); // call by call: both meet the same noise
      if (round > 0) ratios.push(spread(took[1]).median / spread(took[0]).median);
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
  const committed = (name: string): string => join(root, "testdata/models", name);
  const shapes: readonly Shape[] = [
    { name: `two layers of ${width} × ${width}`, path: join(dir, "wide"), input: "x", row: [width], requests: 2 * callers, least: 3 },
    { name: "a small perceptron", path: committed("mlp"), input: "x", row: [64], requests: 100 * callers, least: 2, engineOnly: true },
    { name: "digits, a CNN", path: committed("digits"), input: "image", row: [8, 8, 1], requests: 40 * callers, least: 0.95 },
  ];
  const compared: Compared[] = [];
  for (const shape of shapes) {
    compared.push(await compare(shape, rounds));
    console.error(`${shape.name}: ${compared.at(-1)!.ratio.median.toFixed(2)} times less`);
  }
  const queue = await queueMicros(rounds);
  const alone = await aloneRatios(dir, files, rounds);
  const result: BatchingResult = { environment: environment(loadBefore), rounds, callers, compared, queue, alone };
  return { text: report(result), result };
}
