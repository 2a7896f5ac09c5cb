// What this engine promises beyond the conformance suite.
import assert from "node:assert/strict";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { background, Code, newError, withCancel } from "@tfs/std";
import { DType, fromStrings, newTensor, strings, type Tensor } from "@tfs/tensor";
import type { LoadedModel } from "../engine.ts";
import { newGate } from "../native/index.ts";
import { newTensorFlowEngine } from "./index.ts";
import { models } from "../testing/index.ts";
import { libraryDir } from "./testing/index.ts";

const ctx = background();
const dir = libraryDir();
const gate = newGate({ places: 4 });
const engine = newTensorFlowEngine({ dir, gate });
const scratch = mkdtempSync(join(tmpdir(), "tfs-tensorflow-"));
after(() => rmSync(scratch, { recursive: true, force: true }));
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const int = (n: number): Tensor => newTensor(DType.Int32, [], Int32Array.of(n));
const floats = (shape: readonly number[]): Tensor => newTensor(DType.Float, shape, new Float32Array(shape.reduce((a, b) => a * b, 1)));

/** names gives the graph tensors of a signature, by alias. */
function names(model: LoadedModel, signature = "serving_default") {
  const of = (side: Readonly<Record<string, { readonly encoding: { readonly value?: unknown } }>>): Record<string, string> =>
    Object.fromEntries(Object.entries(side).map(([alias, info]) => [alias, String(info.encoding.value)]));
  const { inputs, outputs } = model.metaGraph.signatureDef[signature]!;
  return { inputs: of(inputs), outputs: of(outputs) };
}

async function loaded(name: string, check: (model: LoadedModel) => Promise<void>, from = engine): Promise<void> {
  const model = await from.load(ctx, join(models, name));
  try {
    await check(model);
  } finally {
    await model.close();
  }
}

test("what a run waits for is not its time: with one place for all, their times come to no more than what passed", async () => {
  const model = await newTensorFlowEngine({ dir, gate: newGate({ places: 1 }) }).load(ctx, join(models, "rounds/1"));
  const { inputs, outputs } = names(model);
  const begun = performance.now();
  const told: number[] = [];
  const feeds = new Map(Object.values(inputs).map((name) => [name, int(20)]));
  await Promise.all(Array.from({ length: 16 }, () => model.run(ctx, feeds, Object.values(outputs), (ms) => void told.push(ms))));
  const passed = performance.now() - begun;
  assert.equal(told.length, 16);
  const sum = told.reduce((a, b) => a + b);
  assert.ok(sum <= passed, `${sum} of ${passed} ms`);
  await model.close();
});

test("a caller whose context ends is let go; the run keeps its place, and close waits for it", async () => {
  const narrow = newGate({ places: 1 });
  const model = await newTensorFlowEngine({ dir, gate: narrow }).load(ctx, join(models, "rounds/1"));
  const { inputs, outputs } = names(model);
  const feeds = (n: number) => new Map([...Object.values(inputs)].map((name) => [name, int(n)]));
  using given = withCancel(ctx);
  const left = model.run(given, feeds(300), Object.values(outputs));
  await turn();
  const reason = newError(Code.Canceled, "enough");
  given.cancel(reason);
  await assert.rejects(left, (err) => err === reason);
  assert.equal(narrow.busy, 1);
  const order: string[] = [];
  const next = model.run(ctx, feeds(1), Object.values(outputs)).then(() => order.push("the next one"));
  const closed = model.close().then(() => order.push("closed"));
  await assert.rejects(model.run(ctx, feeds(1), Object.values(outputs)), { code: Code.Unavailable, message: "the model has been unloaded" });
  await Promise.all([next, closed]);
  assert.deepEqual(order, ["the next one", "closed"]);
  assert.equal(narrow.busy, 0);
});

test("calls that change state come one after the other, in their order", () =>
  loaded("counter/1", async (model) => {
    const fetches = Object.values(names(model, "incr_counter").outputs);
    const got = await Promise.all(Array.from({ length: 32 }, () => model.run(ctx, new Map(), fetches)));
    assert.deepEqual(
      got.map(([count]) => (count!.data as Float32Array)[0]),
      Array.from({ length: 32 }, (_, i) => i + 1),
    );
  }));

test("more sets of fetches than are remembered are all answered, and so is the first again", () =>
  loaded("half_plus_two/1", async (model) => {
    const feeds = new Map([["x:0", newTensor(DType.Float, [1, 1], Float32Array.of(4))]]);
    for (const n of [...Array.from({ length: 300 }, (_, i) => i + 1), 1]) {
      const got = await model.run(ctx, feeds, new Array<string>(n).fill("y:0"));
      assert.deepEqual(
        got.map((t) => (t.data as Float32Array)[0]),
        new Array<number>(n).fill(4),
      );
    }
  }));

test("no fetches are no run", () => loaded("half_plus_two/1", async (model) => assert.deepEqual(await model.run(ctx, new Map(), []), [])));

test("strings of every length go there and back", () =>
  loaded("dtype_string/1", async (model) => {
    const { inputs, outputs } = names(model);
    const lengths = [0, 1, 21, 22, 23, 24, 255, 4096, 1_000_000, ...Array.from({ length: 5000 }, (_, i) => i % 60)];
    const texts = lengths.map((n, i) => String(i % 10).repeat(n));
    const [got] = await model.run(ctx, new Map([[inputs["x"]!, fromStrings(texts)]]), [outputs["y"]!]);
    assert.deepEqual(strings(got!), texts);
  }));

const refused: { readonly name: string; readonly model: string; readonly feed: Tensor; readonly fetch?: string; readonly message: RegExp }[] = [
  {
    name: "fewer values than the shape takes",
    model: "half_plus_two/1",
    feed: { dtype: DType.Float, shape: [1000], data: new Float32Array(1) },
    message: /^shape \[1000\] of float does not take 1 values$/,
  },
  {
    name: "fewer strings than the shape takes",
    model: "dtype_string/1",
    feed: { dtype: DType.String, shape: [3], data: [] },
    message: /^shape \[3\] of string does not take 0 values$/,
  },
  { name: "a negative dimension", model: "half_plus_two/1", feed: { dtype: DType.Float, shape: [-1], data: new Float32Array(1) }, message: /dimension -1/ },
  {
    name: "more dimensions than any model has",
    model: "half_plus_two/1",
    feed: floats(new Array<number>(129).fill(1)),
    message: /129 dimensions cannot be fed/,
  },
  {
    name: "an empty tensor of billions of rows",
    model: "half_plus_two/1",
    feed: { dtype: DType.Float, shape: [2 ** 31, 3, 0], data: new Float32Array(0) },
    message: /^an empty tensor of shape \[2147483648,3,0\] cannot be fed/,
  },
  {
    name: "a dtype without values",
    model: "half_plus_two/1",
    feed: { dtype: DType.Resource, shape: [], data: [] },
    message: /^a resource tensor cannot be fed$/,
  },
  { name: "an image of other dimensions", model: "digits/1", feed: floats([64]), message: /:0 takes 4 dimensions, and its shape is \[64\]$/ },
];
for (const { name, model, feed, message } of refused)
  test(`refused before TensorFlow sees it, and the model goes on: ${name}`, () =>
    loaded(model, async (m) => {
      const { inputs, outputs } = names(m, m.metaGraph.signatureDef["serving_default"] === undefined ? "regress_x_to_y" : "serving_default");
      const [input] = Object.values(inputs);
      await assert.rejects(m.run(ctx, new Map([[input!, feed]]), Object.values(outputs)), { code: Code.InvalidArgument, message });
      assert.equal(gate.busy, 0);
    }));

test("a tensor that only a graph can hold is not fetched", () =>
  loaded("mlp/1", async (m) => {
    const handle = m.metaGraph.graphDef!.node.find((node) => node.op === "VarHandleOp")!.name;
    await assert.rejects(m.run(ctx, new Map(), [`${handle}:0`]), { code: Code.InvalidArgument, message: /is a resource: it can neither be fed nor fetched/ });
  }));

test("threads that are configured run a model", () =>
  loaded("mlp/1", async (m) => assert.ok(m.estimateBytes() > 0), newTensorFlowEngine({ dir, gate, config: { intraOpThreads: 1, interOpThreads: 1 } })));

test("a second folder is Unavailable while the first is loaded", async () =>
  assert.deepEqual(await newTensorFlowEngine({ dir: scratch, gate }).probe(ctx), {
    ok: false,
    why: `TensorFlow is loaded from ${dir}, and a process has room for one: ${scratch} is too many`,
  }));

test("what TensorFlow says of variables that are damaged is passed on", async () => {
  const broken = join(scratch, "mlp");
  cpSync(join(models, "mlp/1"), broken, { recursive: true });
  const data = join(broken, "variables/variables.data-00000-of-00001");
  const bytes = readFileSync(data);
  bytes.fill(7, 1000, 2000);
  writeFileSync(data, bytes);
  await assert.rejects(engine.load(ctx, broken), { code: Code.DataLoss, message: /[Cc]hecksum/ });
});

test("a load whose caller has left ends, and the next one is not disturbed", async () => {
  const narrow = newGate({ places: 1 });
  const one = newTensorFlowEngine({ dir, gate: narrow });
  const [before, reason] = [narrow.busy, newError(Code.Canceled, "enough")];
  using given = withCancel(ctx);
  const left = one.load(given, join(models, "mlp/1"));
  while (narrow.busy === before) await turn();
  given.cancel(reason);
  await assert.rejects(left, (err) => err === reason);
  assert.equal(narrow.busy, 1);
  await (await one.load(ctx, join(models, "mlp/1"))).close();
  assert.equal(narrow.busy, 0);
});

test("a stage is told when it went well", async () => {
  const told: string[] = [];
  const onStage = (stage: string, ms: number): void => void told.push(`${stage} ${ms > 0}`);
  await (await engine.load(ctx, join(models, "mlp/1"), { onStage })).close();
  await assert.rejects(engine.load(ctx, join(models, "mlp/1"), { tags: ["nope"], onStage }), { code: Code.NotFound });
  assert.deepEqual(told, ["restore true"]);
});
