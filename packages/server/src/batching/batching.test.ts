// Requests for one servable through real queues: a clock that stands still, the loop's own turns. Behaviour spec 5.4 to 5.7, and upstream's cases 13.11.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { newEmbeddedEngine } from "@tfs/engine";
import { background, Code, type Ctx, newError, newKey, withCancel, withValue } from "@tfs/std";
import { newRegistry, type Registry } from "@tfs/std/metrics";
import { type FakeClock, fakeClock } from "@tfs/std/testing";
import { DType, newTensor, type Tensor } from "@tfs/tensor";
import { newLoads } from "../servable/loads.ts";
import { loadServable, type Servable } from "../servable/servable.ts";
import { models } from "../testing/index.ts";
import type { Feeds } from "./rows.ts";
import { type Batching, type BatchingTuning, newBatching, type Parameters, policies } from "./index.ts";
import { withPriority } from "../priority/index.ts";
import { sweepMs } from "./scheduler.ts";
import { maxQueues } from "./session.ts";

const ctx = background();
/** low is a context of low priority. */
const low = withPriority(ctx, { get: () => "low" });
const floats = (shape: readonly number[], ...values: readonly number[]): Tensor => newTensor(DType.Float, shape, Float32Array.from(values));
/** column is an input of one value a row; feeds is a call's only input. */
const column = (...values: readonly number[]): Tensor => floats([values.length], ...values);
const feeds = (t: Tensor): Feeds => new Map([["x", t]]);

/** Ran is what the servable saw: the rows of each run, or a word in their place. */
type Ran = string[];

interface Rig {
  readonly servable: Servable;
  readonly batching: Batching;
  readonly ran: Ran;
  readonly clock: FakeClock;
  readonly metrics: Registry;
}

type Function = (feeds: Feeds, fetches: readonly string[], ctx: Ctx) => readonly Tensor[] | Promise<readonly Tensor[]>;

/** y doubles x, z is x; a negative number fails the whole run, and says so. */
const double: Function = (given, fetches) => {
  const x = given.get("x")!;
  const bad = (x.data as Float32Array).find((v) => v < 0);
  if (bad !== undefined) throw newError(Code.InvalidArgument, `${bad} is negative`);
  return fetches.map((name) => (name === "y" ? { ...x, data: (x.data as Float32Array).map((v) => v * 2) } : x));
};

async function rig(parameters: Parameters = {}, run: Function = double, tuning: Omit<BatchingTuning, "parameters"> = {}): Promise<Rig> {
  const ran: Ran = [];
  const [clock, metrics] = [fakeClock(), newRegistry()];
  const inner: Servable = {
    name: "m",
    version: 1n,
    signatures: new Map(),
    chosen: { engine: "embedded", why: "" },
    run: async (c, given, fetches) => {
      ran.push(`${[...given.keys()]}=${[...given.values()].map((t) => t.shape[0])}>${fetches}`);
      return await run(given, fetches, c);
    },
    close: async () => {},
  };
  const batching = newBatching({ parameters, ...tuning, cpus: 1, clock, metrics, defer: setImmediate });
  return { servable: await batching.wrap(inner, "/nowhere"), batching, ran, clock, metrics };
}
/** turn lets the loop go round. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
/** outcome is a call's answer as data, or its error as text. */
async function outcome(call: Promise<readonly Tensor[]>): Promise<unknown> {
  try {
    return (await call).map((t) => [...(t.data as Float32Array)]);
  } catch (err) {
    const { code, message } = err as { code: Code; message: string };
    return `${code}: ${message}`;
  }
}
const all = (calls: readonly Promise<readonly Tensor[]>[]): Promise<unknown[]> => Promise.all(calls.map(outcome));
/** sums gives count and sum of a metric of batching by label values; undefined if it is not declared. */
function sums(metrics: Registry, name: string): Record<string, [count: number, sum: number]> | undefined {
  const family = metrics.collect().find((f) => f.name === `/tensorflow/serving/batching_session/${name}`);
  return family && Object.fromEntries(family.cells.map((c) => [c.values.join(), c.buckets ? [c.buckets.count, c.buckets.sum] : [c.value, c.value]]));
}
const unavailable = `${Code.Unavailable}: The batch scheduling queue to which this task was submitted is full`;

test("requests that come one at a time run at once, after some that did; whatever comes beside one is joined again", async () => {
  const { servable, ran, metrics } = await rig({ maxBatchSize: 4 });
  const ask = (value: number): Promise<readonly Tensor[]> => servable.run(ctx, feeds(column(value)), ["y"]);
  for (let i = 0; i < 3; i++) {
    const call = ask(i);
    await Promise.resolve();
    assert.equal(ran.length, i, "it waits for the end of the turn");
    assert.deepEqual(await outcome(call), [[2 * i]]);
    await turn();
  }
  const together = [ask(3), ask(4), ask(5)];
  await Promise.resolve();
  assert.equal(ran.length, 4, "the first of them runs at once");
  assert.deepEqual(await all(together), [[[6]], [[8]], [[10]]]);
  assert.deepEqual(ran.slice(3), ["x=1>y", "x=2>y"]);
  await turn();
  const next = [ask(6), ask(7)];
  assert.deepEqual(await all(next), [[[12]], [[14]]]);
  assert.deepEqual(ran.slice(5), ["x=2>y"], "from now on requests are taken to come together");
  assert.deepEqual(sums(metrics, "queuing_latency")?.[""]?.[0], 8);
  const late = ask(-1);
  assert.match(String(await outcome(late)), /-1 is negative/);
});

test("a request with a timeout, or one that is too large, never runs at once", async () => {
  const { servable, ran, clock } = await rig({ maxBatchSize: 2, batchTimeoutMicros: 1_000 });
  for (let i = 0; i < 5; i++) {
    const call = servable.run(ctx, feeds(column(i)), ["y"]);
    await turn();
    assert.equal(ran.length, i);
    await clock.advance(1);
    await turn();
    assert.deepEqual(await outcome(call), [[2 * i]]);
  }
  assert.match(String(await outcome(servable.run(ctx, feeds(column(1, 2, 3)), ["y"]))), /Task size 3 is larger than maximum input batch size 2/);
});

test("13.11 two requests of two rows in a batch of four: one run, each gets its rows", async () => {
  const { servable, ran } = await rig({ maxBatchSize: 4, batchTimeoutMicros: 1_000_000 });
  const calls = [column(1, 2), column(3, 4)].map((t) => servable.run(ctx, feeds(t), ["y"]));
  assert.deepEqual(await all(calls), [[[2, 4]], [[6, 8]]]);
  assert.deepEqual(ran, ["x=4>y"]);
});

/** matrixPair asks the matrix model for inputs of two and three rows inside. */
async function matrixPair(padVariableLengthInputs: boolean, isolates: boolean): Promise<readonly unknown[]> {
  const [path, loads] = [join(models, "matrix/1"), newLoads(newRegistry())];
  const model = await loadServable(ctx, { engines: () => newEmbeddedEngine(), tags: ["serve"], loads }, { name: "m", version: 1n, path }, path);
  const run: Function = (given, fetches, c) => model.run(c, new Map([["x:0", given.get("x")!]]), fetches);
  const { servable } = await rig({ maxBatchSize: 2, batchTimeoutMicros: 1_000_000, padVariableLengthInputs }, run, { isolates });
  const calls = [floats([1, 2, 2], 1, 2, 3, 4), floats([1, 3, 3], 5, 6, 7, 8, 9, 10, 11, 12, 13)].map((t) => servable.run(ctx, feeds(t), ["y:0"]));
  const shapes = await Promise.allSettled(calls);
  return [...(await all(calls)), ...shapes.map((r) => (r.status === "fulfilled" ? r.value[0]!.shape.join() : ""))];
}
const [small, large] = [
  [2.5, 3, 3.5, 4],
  [4.5, 5, 5.5, 6, 6.5, 7, 7.5, 8, 8.5],
];
test("13.11 padding, shapes [1,2,2] and [1,3,3]: the first is padded with its first element", async () =>
  assert.deepEqual(await matrixPair(true, true), [[[2.5, 3, 2.5, 3.5, 4, 2.5, 2.5, 2.5, 2.5]], [large], "1,3,3", "1,3,3"]));
test("13.11 no padding, shapes that differ: both fail with the text about shapes, without isolation", async () => {
  const [a, b] = await matrixPair(false, false);
  assert.match(String(a), /^9: Tensors with name 'x' from different tasks have different shapes and padding is turned off\. Set pad_variable_length_inputs to/);
  assert.equal(b, a);
});
test("shapes that differ, with isolation: each is run by itself", async () =>
  assert.deepEqual(await matrixPair(false, true), [[small], [large], "1,2,2", "1,3,3"]));

const split: Parameters = { maxBatchSize: 3, maxExecutionBatchSize: 2, enableLargeBatchSplitting: true };
test("13.11 splitting, limit 3, execution 2: a request of three rows is split, and joined again in order", async () => {
  const { servable, ran } = await rig(split);
  assert.deepEqual(await outcome(servable.run(ctx, feeds(column(1, 2, 3)), ["y", "z"])), [
    [2, 4, 6],
    [1, 2, 3],
  ]);
  assert.deepEqual(ran, ["x=2>y,z", "x=1>y,z"]);
});
test("13.11 a request of four rows is too large for a limit of three", async () => {
  const { servable } = await rig(split);
  const text = `${Code.InvalidArgument}: Task size 4 is larger than maximum input batch size 3`;
  assert.deepEqual(await outcome(servable.run(ctx, feeds(column(1, 2, 3, 4)), ["y"])), text);
  const { servable: whole } = await rig({ maxBatchSize: 3 });
  assert.deepEqual(await outcome(whole.run(ctx, feeds(column(1, 2, 3, 4)), ["y"])), text);
});
for (const isolates of [false, true])
  test(`13.11 a request that is split, with a bad partner in one piece: ${isolates ? "only the partner fails, with isolation" : "both fail, without isolation"}`, async () => {
    const { servable } = await rig(split, double, { isolates });
    const bad = `${Code.InvalidArgument}: -1 is negative`;
    const calls = [column(1, 2, 3), column(-1)].map((t) => servable.run(ctx, feeds(t), ["y"]));
    assert.deepEqual(await all(calls), isolates ? [[[2, 4, 6]], bad] : [bad, bad]);
  });
test("pieces of a request of which one has failed do not run", async () => {
  const { servable, ran } = await rig(split, double);
  assert.deepEqual(await outcome(servable.run(ctx, feeds(column(-1, 2, 3)), ["y"])), `${Code.InvalidArgument}: -1 is negative`);
  await turn();
  await turn();
  assert.deepEqual(ran, ["x=2>y"]);
});
test("13.11 no timeout: a single request of two rows runs alone, and is not copied", async () => {
  const x = column(1, 2);
  let seen: Tensor | undefined;
  const { servable, ran } = await rig({}, (given, names) => double(new Map([["x", (seen = given.get("x")!)]]), names, ctx));
  assert.deepEqual(await outcome(servable.run(ctx, feeds(x), ["y"])), [[2, 4]]);
  assert.deepEqual(ran, ["x=2>y"]);
  assert.equal(seen, x);
});
test("13.11 inputs with 1 and 2 rows: refused, and no metric is recorded", async () => {
  const { servable, metrics } = await rig();
  const call = servable.run(ctx, new Map([...feeds(column(1)), ["w", column(1, 2)]]), ["y"]);
  assert.deepEqual(await outcome(call), `${Code.InvalidArgument}: Batching Run() input tensors must have equal 0th-dimension size`);
  assert.deepEqual(
    ["input_batch_size", "processed_batch_size", "padding_size"].map((name) => sums(metrics, name)),
    [undefined, undefined, undefined],
  );
  assert.deepEqual([sums(metrics, "queuing_latency"), sums(metrics, "wrapped_run_count")], [{}, {}]);
});

for (const { allowed, ran: want, counted } of [
  { allowed: [2, 4], ran: 2, counted: { "2": [1, 0] } },
  { allowed: [1, 3, 4], ran: 3, counted: { "3": [1, 1] } },
])
  test(`13.11 sizes {${allowed}} are allowed: two rows run as ${want}`, async () => {
    const { servable, ran, metrics } = await rig({ maxBatchSize: 4, allowedBatchSizes: allowed });
    assert.deepEqual(await outcome(servable.run(ctx, feeds(column(1, 2)), ["y"])), [[2, 4]]);
    assert.deepEqual(ran, [`x=${want}>y`]);
    assert.deepEqual(sums(metrics, "input_batch_size"), { "": [1, 2] });
    assert.deepEqual(sums(metrics, "processed_batch_size"), { "": [1, want] });
    assert.deepEqual(sums(metrics, "padding_size"), counted);
    assert.deepEqual(sums(metrics, "wrapped_run_count"), { "": [1, 1] });
  });
for (const allowed of [
  [4, 2],
  [2, 8],
])
  test(`13.11 sizes {${allowed}} with a limit of 4: the model does not load`, () =>
    assert.rejects(rig({ maxBatchSize: 4, allowedBatchSizes: allowed }), {
      code: Code.InvalidArgument,
      message: `Last entry in allowed_batch_sizes must match max_batch_size; last entry was ${allowed[1]}; expected 4`,
    }));

test("13.11 names in different orders: one batch, and outputs in each caller's order", async () => {
  const { servable, ran } = await rig();
  const [a, b] = [column(1), column(2)];
  const calls = [
    servable.run(
      ctx,
      new Map([
        ["x", a],
        ["w", b],
      ]),
      ["z", "y"],
    ),
    servable.run(
      ctx,
      new Map([
        ["w", a],
        ["x", b],
      ]),
      ["y", "z"],
    ),
    servable.run(
      ctx,
      new Map([
        ["x", a],
        ["w", b],
      ]),
      ["y", "z", "y"],
    ),
  ];
  assert.deepEqual(await all(calls), [
    [[1], [2]],
    [[4], [2]],
    [[2], [1], [2]],
  ]);
  assert.deepEqual(ran, ["w,x=3,3>y,z"]);
});
test("13.11 a subset of the outputs has a queue of its own", async () => {
  const { servable, ran } = await rig({ maxBatchSize: 10 });
  const calls = [["y", "z"], ["y"], ["y", "z"], ["z"]].map((names, i) => servable.run(ctx, feeds(column(i)), names));
  assert.deepEqual(await all(calls), [[[0], [0]], [[2]], [[4], [2]], [[3]]]);
  assert.deepEqual(ran.sort(), ["x=1>y", "x=1>z", "x=2>y,z"]);
});
test("13.11 two signatures: requests for one never join those for the other", async () => {
  const { servable, ran } = await rig({}, (given, names) => double(new Map([["x", [...given.values()][0]!]]), names, ctx));
  const calls = ["x", "w", "x", "w"].map((name, i) => servable.run(ctx, new Map([[name, column(i)]]), ["y"]));
  assert.deepEqual(await all(calls), [[[0]], [[2]], [[4]], [[6]]]);
  assert.deepEqual(ran, ["x=2>y", "w=2>y"]);
});
/** until is a context with a deadline on a clock that stands still. */
const until = (deadline: number): Ctx => ({ ...ctx, signal: ctx.signal, deadline, value: () => undefined });
const overdue = `${Code.ResourceExhausted}: Run() timeout exceeded while waiting in batching queue`;
test("13.11 a run that may take 1 ms and is held for 10", async () => {
  const { servable, clock, ran } = await rig({ maxBatchSize: 4, batchTimeoutMicros: 10_000 });
  const call = outcome(servable.run(until(1), feeds(column(1)), ["y"]));
  await turn();
  await clock.advance(10);
  assert.equal(await call, overdue);
  assert.deepEqual(ran, []);
});
test("who is overdue leaves the queue before its batch is due, and the others run without it", async () => {
  const { servable, clock, ran } = await rig({ maxBatchSize: 4, batchTimeoutMicros: 100_000 });
  const [late, good] = [outcome(servable.run(until(1), feeds(column(1)), ["y"])), outcome(servable.run(until(200), feeds(column(2)), ["y"]))];
  await turn();
  await clock.advance(sweepMs);
  assert.equal(await late, overdue);
  await clock.advance(100);
  assert.deepEqual(await good, [[4]]);
  assert.deepEqual(ran, ["x=1>y"]);
});
test("a batch runs until the latest deadline of its tasks, under the first one's values, and nobody's leaving ends it", async () => {
  const key = newKey<string>("k");
  const seen: unknown[] = [];
  const { servable } = await rig({}, (given, names, c) => {
    seen.push(c.deadline, c.value(key), c.signal.aborted);
    return double(given, names, c);
  });
  using first = withCancel(withValue(until(300), key, "first"));
  const calls = [servable.run(first, feeds(column(1)), ["y"]), servable.run(until(500), feeds(column(2)), ["y"])];
  await all(calls);
  assert.deepEqual(seen, [500, "first", false]);
});
test("a request that runs alone has its own context", async () => {
  let seen: Ctx | undefined;
  const { servable } = await rig({}, (given, names, c) => double(given, names, (seen = c)));
  const own = until(300);
  await servable.run(own, feeds(column(1)), ["y"]);
  assert.equal(seen, own);
});

test("who leaves is out of the queue, and makes room in it", async () => {
  const { servable, clock, ran } = await rig({ maxBatchSize: 2, maxEnqueuedBatches: 1, batchTimeoutMicros: 1_000_000 });
  const gone = withCancel(ctx);
  const left = outcome(servable.run(gone, feeds(column(1)), ["y"]));
  await turn();
  gone.cancel();
  assert.match(String(await outcome(servable.run(ctx, feeds(column(2, 3)), ["y"]))), new RegExp(`^${unavailable}`));
  await clock.advance(sweepMs);
  assert.equal(await left, `${Code.Canceled}: canceled`);
  assert.deepEqual(await outcome(servable.run(ctx, feeds(column(2, 3)), ["y"])), [[4, 6]]);
  assert.deepEqual(ran, ["x=2>y"]);
});
test("who has left when its batch is taken up does not run", async () => {
  const { servable, ran } = await rig();
  const gone = withCancel(ctx);
  const calls = [servable.run(gone, feeds(column(1)), ["y"]), servable.run(ctx, feeds(column(2)), ["y"])];
  gone.cancel();
  assert.deepEqual(await all(calls), [`${Code.Canceled}: canceled`, [[4]]]);
  assert.deepEqual(ran, ["x=1>y"]);
});

test("a full queue refuses, and takes again once a batch has been taken up", async () => {
  let release = (): void => {};
  const { servable } = await rig({ maxBatchSize: 1, maxEnqueuedBatches: 2 }, async (given, names) => {
    await new Promise<void>((resolve) => (release = resolve));
    return double(given, names, ctx);
  });
  const ask = (v: number) => outcome(servable.run(ctx, feeds(column(v)), ["y"]));
  const calls = [ask(0)];
  await turn();
  calls.push(ask(1), ask(2));
  assert.equal(await ask(3), `${unavailable}; currently 2 batches enqueued and max_enqueued_batches is 2`);
  for (let i = 0; i < 2; i++) {
    release();
    await turn();
    await turn();
  }
  calls.push(ask(4));
  for (let i = 0; i < 3; i++) {
    release();
    await turn();
    await turn();
  }
  assert.deepEqual(await Promise.all(calls), [[[0]], [[2]], [[4]], [[8]]]);
});

for (const policy of policies)
  test(`a server that drains lets no request wait for others: ${policy}`, async () => {
    const { servable, batching, ran } = await rig({ maxBatchSize: 9, batchTimeoutMicros: 3_600_000_000 }, double, { policy });
    const calls = [ctx, low, ctx].map((c, i) => outcome(servable.run(c, feeds(column(i)), ["y"])));
    await turn();
    assert.deepEqual(ran, []);
    batching.drain();
    assert.deepEqual(await Promise.all(calls), [[[0]], [[2]], [[4]]]);
    assert.deepEqual(await outcome(servable.run(ctx, feeds(column(5)), ["y"])), [[10]]);
  });

test("one bad request of a batch fails alone: the others run once more, each by itself", async () => {
  const { servable, ran } = await rig();
  const calls = [column(1), column(-2), column(3, 4), column(-5)].map((t) => servable.run(ctx, feeds(t), ["y"]));
  const bad = (n: number): string => `${Code.InvalidArgument}: ${n} is negative`;
  assert.deepEqual(await all(calls), [[[2]], bad(-2), [[6, 8]], bad(-5)]);
  assert.deepEqual(ran, ["x=5>y", "x=1>y", "x=1>y", "x=2>y", "x=1>y"]);
});
test("without isolation a failure is everybody's", async () => {
  const { servable, ran } = await rig({}, double, { isolates: false });
  const calls = [column(1), column(-2)].map((t) => servable.run(ctx, feeds(t), ["y"]));
  assert.deepEqual(await all(calls), Array(2).fill(`${Code.InvalidArgument}: -2 is negative`));
  assert.deepEqual(ran, ["x=2>y"]);
});
test("a request that fails alone is not run again", async () => {
  const { servable, ran } = await rig();
  assert.equal(await outcome(servable.run(ctx, feeds(column(-1)), ["y"])), `${Code.InvalidArgument}: -1 is negative`);
  assert.deepEqual(ran, ["x=1>y"]);
});
for (const { name, output, text } of [
  { name: "an output without rows", output: floats([], 1), text: "Batched output tensor has 0 dimensions" },
  {
    name: "an output of another number of rows",
    output: column(1, 2, 3),
    text: "Batched output tensor's 0th dimension does not equal the sum of the 0th dimension sizes of the input tensors",
  },
])
  test(`${name} cannot be told apart: each request fails`, async () => {
    const { servable } = await rig({}, () => [output]);
    const calls = [column(1), column(2)].map((t) => servable.run(ctx, feeds(t), ["y"]));
    assert.deepEqual(await all(calls), Array(2).fill(`${Code.FailedPrecondition}: ${text}`));
  });

test("a request of low priority fills up the batch of others, under the others' limits", async () => {
  const parameters = { maxBatchSize: 8, allowedBatchSizes: [4, 8] };
  const lowParameters = { maxBatchSize: 2, batchTimeoutMicros: 1_000_000 };
  const { servable, ran, clock } = await rig(parameters, double, { lowParameters });
  const calls = [servable.run(low, feeds(column(1)), ["y"]), servable.run(ctx, feeds(column(2, 3)), ["y"])];
  assert.deepEqual(await all(calls), [[[2]], [[4, 6]]]);
  assert.deepEqual(ran, ["x=4>y"]);
  const alone = outcome(servable.run(low, feeds(column(1)), ["y"]));
  await turn();
  await clock.advance(1000);
  assert.deepEqual(await alone, [[2]]);
  assert.deepEqual(ran, ["x=4>y", "x=1>y"]);
});
test("a bad request of low priority does not fail the batch that it fills up", async () => {
  const { servable } = await rig({ maxBatchSize: 8 });
  const calls = [servable.run(low, feeds(column(-1)), ["y"]), servable.run(ctx, feeds(column(2, 3)), ["y"])];
  assert.deepEqual(await all(calls), [`${Code.InvalidArgument}: -1 is negative`, [[4, 6]]]);
});
test("a batch of no allowed size is made smaller rather than padded, where that is asked for", async () => {
  const { servable, ran, metrics } = await rig({ maxBatchSize: 4, allowedBatchSizes: [2, 4] }, double, { padding: "BATCH_DOWN" });
  const calls = [1, 2, 3].map((v) => servable.run(ctx, feeds(column(v)), ["y"]));
  assert.deepEqual(await all(calls), [[[2]], [[4]], [[6]]]);
  assert.deepEqual(ran, ["x=2>y", "x=2>y"]);
  assert.deepEqual(sums(metrics, "padding_size"), { "2": [2, 1] });
});

test("waiting and rows are counted, request by request and batch by batch", async () => {
  const { servable, clock, metrics } = await rig({ maxBatchSize: 4, batchTimeoutMicros: 3_000, allowedBatchSizes: [4] });
  const first = servable.run(ctx, new Map([...feeds(column(1)), ["w", column(1)]]), ["y"]);
  await turn();
  await clock.advance(2);
  const second = servable.run(ctx, new Map([...feeds(column(2, 3)), ["w", column(1, 1)]]), ["y"]);
  await turn();
  await clock.advance(1);
  await all([first, second]);
  assert.deepEqual(sums(metrics, "queuing_latency"), { "": [2, 4000] });
  assert.deepEqual(sums(metrics, "wrapped_run_count"), { "": [1, 1] });
  assert.deepEqual(sums(metrics, "input_batch_size"), { "": [4, 6] });
  assert.deepEqual(sums(metrics, "processed_batch_size"), { "": [1, 4] });
  assert.deepEqual(sums(metrics, "padding_size"), { "4": [1, 1] });
  const [six] = metrics.collect().filter((f) => f.name.endsWith("queuing_latency"));
  assert.deepEqual([six!.labels, six!.cells[0]!.buckets!.bounds.length], [["thread_pool_name"], 52]);
});

test("queues of a model are bounded: an idle one makes place, and where none is idle a request is refused", async () => {
  const { servable, clock, ran } = await rig({ maxBatchSize: 2, batchTimeoutMicros: 1_000_000 });
  const calls = Array.from({ length: maxQueues }, (_, i) => outcome(servable.run(ctx, feeds(column(i)), ["y", `o${i}`])));
  const refused = await outcome(servable.run(ctx, feeds(column(1)), ["y"]));
  assert.match(String(refused), /^14: requests for 256 different sets of inputs and outputs of this model are waiting/);
  await turn();
  await clock.advance(1000);
  for (let i = 0; i <= maxQueues; i++) await turn();
  assert.equal((await Promise.all(calls)).length, maxQueues);
  assert.deepEqual(await outcome(servable.run(ctx, feeds(column(1, 1)), ["y"])), [[2, 2]]);
  assert.equal(ran.at(-1), "x=2>y");
});

const dir = mkdtempSync(join(tmpdir(), "tfs-batching-"));
after(() => rmSync(dir, { recursive: true, force: true }));
for (const { name, text, global, want } of [
  {
    name: "its own count, and not the server's",
    text: "max_batch_size { value: 2 }",
    global: { maxBatchSize: 3, allowedBatchSizes: [3] },
    want: ["x=2>y", "x=2>y"],
  },
  { name: "none: it is not batched at all", text: undefined, global: { maxBatchSize: 4 }, want: ["x=1>y", "x=1>y", "x=1>y", "x=1>y"] },
])
  test(`parameters of one version: ${name}`, async () => {
    rmSync(join(dir, "batching_params.pbtxt"), { force: true });
    if (text !== undefined) writeFileSync(join(dir, "batching_params.pbtxt"), text);
    const seen: string[] = [];
    const inner: Servable = {
      name: "m",
      version: 1n,
      signatures: new Map(),
      chosen: { engine: "embedded", why: "" },
      run: async (c, given, names) => {
        seen.push(`x=${given.get("x")!.shape[0]}>${names}`);
        return await double(given, names, c);
      },
      close: async () => {},
    };
    const options = { cpus: 1, clock: fakeClock(), metrics: newRegistry(), defer: setImmediate, perModel: true, parameters: global };
    const servable = await newBatching(options).wrap(inner, dir);
    await all([1, 2, 3, 4].map((v) => servable.run(ctx, feeds(column(v)), ["y"])));
    assert.deepEqual(seen, want);
  });
test("parameters of one version that do not parse fail its load", async () => {
  writeFileSync(join(dir, "batching_params.pbtxt"), "max_batch_size: {");
  const batching = newBatching({ cpus: 1, clock: fakeClock(), metrics: newRegistry(), defer: setImmediate, perModel: true });
  const { servable } = await rig();
  await assert.rejects(
    batching.wrap(servable, dir),
    /^INVALID_ARGUMENT: Invalid protobuf file: '.*batching_params\.pbtxt': Error parsing text-format tensorflow\.serving\.B/,
  );
});
