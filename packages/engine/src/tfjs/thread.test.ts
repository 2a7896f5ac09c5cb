import assert from "node:assert/strict";
import { after, test } from "node:test";
import { rmSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { fromJson, type JsonValue } from "@bufbuild/protobuf";
import { MetaGraphDefSchema } from "@tfs/proto";
import { background, Code, newError, systemClock, withCancel } from "@tfs/std";
import { fakeClock } from "@tfs/std/testing";
import { DType, newTensor, type Tensor } from "@tfs/tensor";
import type { LoadedModel } from "../engine.ts";
import { newGate } from "../native/index.ts";
import { newModel } from "./model.ts";
import { threadScript } from "./testing/index.ts";
import { newThread, type ThreadOptions } from "../thread/index.ts";
import type { Thread } from "./messages.ts";

const ctx = background();
const file = threadScript();
after(() => rmSync(dirname(fileURLToPath(file)), { recursive: true }));

/** Threads of tests end with them. */
const threads: Thread[] = [];
function thread({ url = "file:///tfjs", ...options }: Partial<ThreadOptions> & { readonly url?: string } = {}): Thread {
  const made: Thread = newThread({ file, data: { url }, name: "tfjs", clock: systemClock(), ...options });
  made.join();
  threads.push(made);
  return made;
}
after(async () => {
  for (const one of threads) await one.leave();
});

const run = (...fetches: readonly string[]) => ({ kind: "run", model: 1, feeds: [], tensors: [], fetches }) as const;

test("tfjs: two who come at once start one thread", async () => {
  const one = thread();
  const [a, b] = await Promise.all([one.life(), one.life()]);
  assert.equal(a, b);
});

test("tfjs: a thread that dies fails the calls that it has, and the next is another", async () => {
  const one = thread();
  const life = await one.life();
  const calls = [life.call(run("hold:0")), life.call(run("die:0"))];
  for (const call of calls) await assert.rejects(call, { code: Code.Unavailable, message: "the tfjs engine's thread has died: run over by a test" });
  assert.equal(life.ended, true);
  await assert.rejects(life.call(run("x:0")), { code: Code.Unavailable });
  const [next, same] = await Promise.all([one.life(), one.life()]);
  assert.equal(next, same);
  assert.notEqual(next, life);
  assert.equal((await next.call(run("x:0"))).tensors?.length, 1);
});

test("tfjs: what fails in the thread has its code and text", async () => {
  const life = await thread().life();
  await assert.rejects(life.call(run("throw:0")), { code: Code.InvalidArgument, message: "thrown" });
});

for (const [url, message] of [
  ["file:///lacking", "tfjs-node does not load: lacking"],
  ["file:///dying", "the tfjs engine's thread has died: exit code 3"],
] as const)
  test(`tfjs: a thread that does not begin says why: ${message}`, () => assert.rejects(thread({ url }).life(), { code: Code.Unavailable, message }));

test("tfjs: a thread that dies is started so often in a minute and not more", async () => {
  const clock = fakeClock();
  const one = thread({ clock, maxDeaths: 2 });
  for (let i = 0; i < 2; i++) await assert.rejects((await one.life()).call(run("die:0")), { code: Code.Unavailable });
  await assert.rejects(one.life(), { code: Code.Unavailable, message: "the tfjs engine's thread has died 2 times within a minute" });
  await clock.advance(60_000);
  assert.equal((await one.life()).ended, false);
});

test("tfjs: a thread that ends with its last model may begin as often as there are models", async () => {
  const one = thread({ maxDeaths: 1 });
  for (let i = 0; i < 3; i++) {
    await one.life();
    await one.leave();
    one.join();
  }
});

test("tfjs: the last to leave ends the thread", async () => {
  const one = thread();
  const life = await one.life();
  one.join();
  await one.leave();
  assert.equal(life.ended, false);
  await one.leave();
  assert.equal(life.ended, true);
  one.join();
  assert.notEqual(await one.life(), life);
});

const graph = ["x", "y", "die", "throw", "hold", "go"].map((name) => ({ name, op: "Placeholder" }));
const metaGraph = fromJson(MetaGraphDefSchema, { graphDef: { node: graph } } as JsonValue);

async function loaded(one: Thread, dir = "/model", places = 2): Promise<LoadedModel> {
  const model = newModel({ metaGraph, dir, tags: ["serve"], bytes: 0, thread: one, gate: newGate({ places, maxWaiting: 8 }) });
  await model.load();
  return model;
}
const ask = async (model: LoadedModel, ...fetches: readonly string[]): Promise<unknown> => (await model.run(ctx, new Map(), fetches))[0]?.data[0];

test("tfjs: a model is loaded again by the first call after the thread has died", async () => {
  const model = await loaded(thread());
  const before = await ask(model, "y:0");
  await assert.rejects(ask(model, "die:0"), { code: Code.Unavailable });
  const after = await Promise.all([ask(model, "y:0"), ask(model, "y:0")]);
  assert.equal(after[0], after[1]);
  assert.notEqual(after[0], before);
});

test("tfjs: a model that does not load says so each time", async () => {
  const one = thread();
  for (let i = 0; i < 2; i++) await assert.rejects(loaded(one, "/bad"), { code: Code.FailedPrecondition, message: "bad model" });
});

test("tfjs: closing waits for runs, whose callers may have gone, and lets none in", async () => {
  const one = thread();
  const model = await loaded(one);
  using gone = withCancel(ctx);
  const reason = newError(Code.Canceled, "enough");
  const left = model.run(gone, new Map(), ["hold:0"]);
  await new Promise((resolve) => setImmediate(resolve)); // it has begun
  gone.cancel(reason);
  await assert.rejects(left, (err) => err === reason);
  one.join(); // another model's, so that the thread stays
  let closed = false;
  const closing = model.close().then(() => {
    closed = true;
  });
  await assert.rejects(ask(model, "y:0"), { code: Code.Unavailable, message: "the model has been unloaded" });
  const other = await loaded(one);
  assert.equal(closed, false);
  await ask(other, "go:0");
  await closing;
});

test("tfjs: closing a model whose thread has died is no mistake", async () => {
  const one = thread();
  const model = await loaded(one);
  await assert.rejects(ask(model, "die:0"), { code: Code.Unavailable });
  one.join();
  await model.close();
});

const float = (...shape: readonly number[]): Tensor => newTensor(DType.Float, shape, new Float32Array(shape.reduce((n, dim) => n * dim, 1)));
const notThere = (name: string): string => `Tensor ${name}, specified in either feed_devices or fetch_devices was not found in the Graph`;
for (const { name, feeds = {}, fetches = ["y:0"], code = Code.InvalidArgument, message } of [
  { name: "a fetch with a comma", fetches: ["y:0,x:0"], message: notThere("y:0,x:0") },
  { name: "a fetch of a control edge", fetches: ["^y"], message: notThere("^y") },
  { name: "an index that is no number", fetches: ["y:z"], message: notThere("y:z") },
  { name: "an index past any output", fetches: ["y:4294967296"], message: notThere("y:4294967296") },
  { name: "a feed that is not there", feeds: { "nope:0": float(1) }, message: notThere("nope:0") },
  { name: "a feed of fewer values than its shape", feeds: { "x:0": { ...float(2), shape: [3] } }, message: "x:0 of shape [3] takes 3 values, not 2" },
  {
    name: "a feed of strings fewer than its shape",
    feeds: { "x:0": { dtype: DType.String, shape: [1], data: [] } },
    message: "x:0 of shape [1] takes 1 values, not 0",
  },
  {
    name: "a feed of a dtype that the addon does not take",
    feeds: { "x:0": newTensor(DType.Double, [], Float64Array.of(1)) },
    code: Code.Unimplemented,
    message: "the tfjs engine cannot take x:0, a double tensor",
  },
] as readonly {
  readonly name: string;
  readonly feeds?: Readonly<Record<string, Tensor>>;
  readonly fetches?: readonly string[];
  readonly code?: Code;
  readonly message: string;
}[])
  test(`tfjs: ${name} does not reach the addon`, async () => {
    const model = await loaded(thread());
    await assert.rejects(model.run(ctx, new Map(Object.entries(feeds)), fetches), { code, message });
  });
