import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import { fromJson, type JsonValue, toBinary } from "@bufbuild/protobuf";
import { SavedModelSchema } from "@tfs/proto";
import { openSavedModel } from "@tfs/savedmodel";
import { background, Code, codeOf, type Ctx, newError, withCancel } from "@tfs/std";
import { fakeClock } from "@tfs/std/testing";
import { DType, fromStrings, newTensor, type Tensor } from "@tfs/tensor";
import type { LoadedModel } from "../../engine.ts";
import type { Gate } from "../../native/index.ts";
import { loadModel, newEmbeddedEngine } from "../index.ts";
import { newPool, type Pool, type PoolOptions } from "./pool.ts";
import { newPooledModel, type PooledModel } from "./pooled.ts";

const ctx = background();
const models = fileURLToPath(new URL("../../../../../testdata/models/", import.meta.url));
const scratch = mkdtempSync(join(tmpdir(), "tfs-pool-"));
after(() => rmSync(scratch, { recursive: true, force: true }));

/** The model has state of each sort, and a product that takes as long as one wants. */
const dir = join(scratch, "model");
mkdirSync(dir);
writeFileSync(join(dir, "saved_model.pb"), modelBytes());

function modelBytes(): Uint8Array {
  const float = { type: "DT_FLOAT" };
  const whole = { type: "DT_INT32" };
  const text = { type: "DT_STRING" };
  const node = [
    { name: "a", op: "Placeholder", attr: { dtype: float } },
    { name: "b", op: "Placeholder", attr: { dtype: float } },
    { name: "key", op: "Placeholder", attr: { dtype: text } },
    { name: "one", op: "Const", attr: { dtype: float, value: { tensor: { dtype: "DT_FLOAT", tensorShape: {}, floatVal: [1] } } } },
    { name: "shape", op: "Const", attr: { dtype: whole, value: { tensor: { dtype: "DT_INT32", tensorShape: { dim: [{ size: "1" }] }, intVal: [2] } } } },
    { name: "product", op: "MatMul", input: ["a", "b"], attr: { T: float } },
    { name: "axes", op: "Const", attr: { dtype: whole, value: { tensor: { dtype: "DT_INT32", tensorShape: { dim: [{ size: "2" }] }, intVal: [0, 1] } } } },
    { name: "total", op: "Sum", input: ["product", "axes"], attr: { T: float, Tidx: whole } },
    { name: "v", op: "VarHandleOp", attr: { dtype: float, shape: { shape: {} } } },
    { name: "init", op: "AssignVariableOp", input: ["v", "one"], attr: { dtype: float } },
    { name: "add", op: "AssignAddVariableOp", input: ["v", "one"], attr: { dtype: float } },
    { name: "count", op: "ReadVariableOp", input: ["v", "^add"], attr: { dtype: float } },
    { name: "random", op: "RandomUniform", input: ["shape"], attr: { dtype: float, T: whole, seed: { i: "1" }, seed2: { i: "2" } } },
    { name: "table", op: "MutableHashTableV2", attr: { shared_name: { s: btoa("t") }, key_dtype: text, value_dtype: float } },
    { name: "insert", op: "LookupTableInsertV2", input: ["table", "key", "count"], attr: { Tin: text, Tout: float } },
    { name: "found", op: "LookupTableFindV2", input: ["table", "key", "one", "^insert"], attr: { Tin: text, Tout: float } },
  ];
  const info = (name: string) => ({ name: `${name}:0`, dtype: "DT_FLOAT" });
  const methodName = "tensorflow/serving/predict";
  const signatureDef = {
    serving_default: { methodName, inputs: { a: info("a"), b: info("b") }, outputs: { product: info("product") } },
    __saved_model_init_op: { outputs: { __saved_model_init_op: info("init") } },
  };
  const metaGraphs = [{ metaInfoDef: { tags: ["serve"] }, graphDef: { node, versions: { producer: 1882 } }, signatureDef }];
  return toBinary(SavedModelSchema, fromJson(SavedModelSchema, { savedModelSchemaVersion: "1", metaGraphs } as JsonValue));
}

interface LoadingOptions extends Partial<PoolOptions> {
  readonly from?: string;
  readonly smallBytes?: number;
  readonly pool?: Pool;
}

/** load loads that model, or another, with a pool of its own. */
async function load({ from = dir, smallBytes = 2 ** 20, pool, ...options }: LoadingOptions = {}): Promise<PooledModel> {
  const model = await loadModel(ctx, from);
  await using saved = await openSavedModel(ctx, from);
  return newPooledModel({ model, metaGraphBytes: saved.metaGraphBytes, pool: pool ?? newPool({ threads: 1, ...options }), smallBytes });
}

/** square is a matrix of n x n numbers; one of 300 multiplied takes longer than a run may take here, one of 2 does not. */
function square(n: number): Tensor {
  return newTensor(
    DType.Float,
    [n, n],
    Float32Array.from({ length: n * n }, (_, i) => (i % 7) - 3),
  );
}
const [long, short] = [300, 2];

async function ask(model: LoadedModel, n: number, fetches: readonly string[], at: Ctx = ctx): Promise<unknown[]> {
  const feeds = new Map([...["a:0", "b:0"].map((name) => [name, square(n)] as const), ["key:0", fromStrings(["k"], [])] as const]);
  const got = await model.run(at, feeds, fetches);
  return got.map((t) => [...(t.data as Float32Array)].slice(0, 8));
}
const [product, count, random, found] = ["product:0", "count:0", "random:0", "found:0"];

test("pool: a long run gives from a thread what it gives here", async () => {
  const here = await newEmbeddedEngine({ threads: 0 }).load(ctx, dir);
  const model = await load();
  for (const n of [short, long, long, short]) assert.deepEqual(await ask(model, n, [product]), await ask(here, n, [product]));
  await model.close();
  await here.close();
});

for (const { name, asked } of [
  { name: "which is given up before it has changed anything", asked: [product, count, random, found] },
  { name: "which has changed something when it turns out to be long", asked: [count, random, found, product] },
])
  test(`pool: state goes on where it was when the model moves because of a run ${name}`, async () => {
    const here = await newEmbeddedEngine({ threads: 0 }).load(ctx, dir);
    const model = await load({ threads: 2 });
    for (const n of [short, short, long, short, long, long, short]) assert.deepEqual(await ask(model, n, asked), await ask(here, n, asked), `${n}`);
    await model.close();
    await here.close();
  });

test("pool: one run that was long here and had to stay, since it had changed something, has the next of its kind go to a thread", async () => {
  const { clock, places } = newPool({ threads: 1 });
  const { thread, gate } = places[0]!;
  let there = 0;
  const counted: Gate = {
    busy: 0,
    run(at, call) {
      there++;
      return gate.run(at, call);
    },
  };
  const model = await load({ pool: { clock, places: [{ thread, gate: counted }] } });
  for (const [i, want] of [0, 1, 2].entries()) {
    assert.deepEqual((await ask(model, long, [count, product]))[0], [i + 2]);
    assert.equal(there, want);
  }
  await model.close();
});

test("pool: a model whose runs begin in a thread has its state there from the beginning", async () => {
  const here = await newEmbeddedEngine({ threads: 0 }).load(ctx, dir);
  const model = await load({ smallBytes: -1, threads: 2 });
  await model.prepare();
  for (const asked of [[product], [count], [found, count], [product, count], [random]])
    assert.deepEqual(await ask(model, short, asked), await ask(here, short, asked), asked.join(" "));
  await model.close();
  await here.close();
});

test("pool: state that changes after runs had copies is one for all that come then", async () => {
  const model = await load({ threads: 2 });
  await Promise.all(Array.from({ length: 6 }, () => ask(model, long, [product])));
  const counts = await Promise.all(Array.from({ length: 12 }, (_, i) => ask(model, i % 2 === 0 ? short : long, [count, product])));
  assert.deepEqual(
    counts.map(([n]) => (n as number[])[0]).sort((a, b) => a! - b!),
    Array.from({ length: 12 }, (_, i) => i + 2),
  );
  await model.close();
});

test("pool: others are served while a run takes long", async () => {
  const engine = newEmbeddedEngine({ threads: 1 });
  const endless = await engine.load(ctx, join(models, "cond_loop/1"));
  const other = await engine.load(ctx, dir);
  using caller = withCancel(ctx);
  const { inputs, outputs } = endless.metaGraph.signatureDef["serving_default"]!;
  const feeds = new Map([
    [String(inputs["x"]!.encoding.value), newTensor(DType.Float, [1], Float32Array.of(1))],
    [String(inputs["n"]!.encoding.value), newTensor(DType.Int32, [], Int32Array.of(2_000_000_000))],
  ]);
  const run = endless.run(caller, feeds, [String(outputs["y"]!.encoding.value)]);
  let over = false;
  run.catch(() => (over = true));
  for (let i = 0; i < 200; i++) await ask(other, short, [count]);
  assert.equal(over, false);
  const reason = newError(Code.Canceled, "gone");
  caller.cancel(reason);
  await assert.rejects(run, (err) => err === reason);
  await ask(other, long, [product]); // the one thread has seen that nobody waits
  await Promise.all([endless.close(), other.close()]);
});

test("pool: a model moves when what changes its state here has ended", async () => {
  const model = await load({ from: join(models, "rounds/1") });
  const { inputs, outputs } = model.metaGraph.signatureDef["serving_default"]!;
  const rounds = async (outer: number, aliases: readonly string[]): Promise<unknown> => {
    const feeds = new Map(
      Object.entries({ outer, inner: 1 }).map(([alias, n]) => [String(inputs[alias]!.encoding.value), newTensor(DType.Int32, [], Int32Array.of(n))]),
    );
    const got = await model.run(
      ctx,
      feeds,
      aliases.map((alias) => String(outputs[alias]!.encoding.value)),
    );
    return got[aliases.indexOf("count")]!.data[0];
  };
  assert.equal(Number(await rounds(100_000, ["total", "count"])), 100_000); // so long by turns that it is known to be
  const [here, there] = [rounds(50_000, ["count", "total"]), rounds(10_000, ["total", "count"])];
  assert.deepEqual([Number(await here), Number(await there)], [150_000, 160_000]);
  await model.close();
});

test("pool: a run that is not let in any more is told so, one that is under way is waited for", async () => {
  const pool = newPool({ threads: 1 });
  const model = await load({ pool });
  const runs = [ask(model, long, [product]), ask(model, long, [product])];
  const closing = model.close();
  await assert.rejects(ask(model, short, [product]), { code: Code.Unavailable, message: "the model has been unloaded" });
  const life = await pool.places[0]!.thread.life();
  await Promise.all(runs);
  await closing;
  assert.equal(life.ended, true);
  await model.close();
});

test("pool: what a run is fed stays the caller's, though it is a view", async () => {
  const model = await load();
  const bytes = new Float32Array(2 * long * long).fill(1);
  const a = newTensor(DType.Float, [long, long], bytes.subarray(0, long * long));
  const b = newTensor(DType.Float, [long, long], bytes.subarray(long * long));
  const [got] = await model.run(
    ctx,
    new Map([
      ["a:0", a],
      ["b:0", b],
    ]),
    [product],
  ); // prettier-ignore
  assert.equal(got!.data[0], long);
  assert.equal(bytes.length, 2 * long * long);
  assert.ok(bytes.every((v) => v === 1));
  await model.close();
});

test("pool: copies in one memory give what one alone gives", async () => {
  for (const name of ["digits", "attention_tiny", "lstm_tiny"]) {
    const from = join(models, name, "1");
    const [alone, many] = [await newEmbeddedEngine({ threads: 0 }).load(ctx, from), await load({ from, smallBytes: -1, threads: 3 })];
    const { inputs, outputs } = alone.metaGraph.signatureDef["serving_default"]!;
    const fetches = Object.values(outputs).map(({ encoding }) => String(encoding.value));
    const feeds = (seed: number): Map<string, Tensor> =>
      new Map(
        Object.values(inputs).map(({ encoding, tensorShape, dtype }) => {
          const shape = (tensorShape?.dim ?? []).map(({ size }) => (size < 0n ? 3 : Number(size)));
          const values = Array.from({ length: shape.reduce((n, dim) => n * dim, 1) }, (_, i) => (i * 7 + seed) % 5);
          return [
            String(encoding.value),
            newTensor(dtype as number as DType, shape, dtype === DType.Float ? Float32Array.from(values) : Int32Array.from(values)),
          ];
        }),
      );
    const got = await Promise.all(Array.from({ length: 60 }, (_, i) => many.run(ctx, feeds(i), fetches)));
    for (const [i, tensors] of got.entries()) assert.deepEqual(tensors, await alone.run(ctx, feeds(i), fetches), `${name} ${i}`);
    await Promise.all([alone.close(), many.close()]);
  }
});

test("pool: memory that one run has made large is let go, with the copies", { timeout: 120_000 }, async () => {
  const pool = newPool({ threads: 1 });
  const model = await load({ pool, smallBytes: -1 });
  const total = async (n: number): Promise<unknown> => {
    const [a, b] = [newTensor(DType.Float, [n, 1], new Float32Array(n).fill(1)), newTensor(DType.Float, [1, n], new Float32Array(n).fill(1))];
    return (await model.run(ctx, new Map(Object.entries({ "a:0": a, "b:0": b })), ["total:0"]))[0]!.data[0];
  };
  assert.equal(await total(100), 10_000);
  const life = await pool.places[0]!.thread.life();
  assert.equal(await total(8500), 72_250_000); // a product of 289 MB
  while (!life.ended) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(await total(100), 10_000);
  await model.close();
});

for (const { name, feeds, fetches = [product] } of [
  { name: "matrices that do not go together", feeds: { "a:0": square(long), "b:0": square(long + 1) } },
  { name: "a dtype that is not the graph's", feeds: { "a:0": newTensor(DType.Int32, [1, 1], Int32Array.of(1)), "b:0": square(1) } },
  { name: "a name that is not there", feeds: { "nope:0": square(1) } },
  { name: "a fetch that is not there", feeds: {}, fetches: ["nope:0"] },
  { name: "data that do not fill their shape", feeds: { "a:0": { ...square(2), shape: [3, 3] }, "b:0": square(3) } },
] as readonly { readonly name: string; readonly feeds: Readonly<Record<string, Tensor>>; readonly fetches?: readonly string[] }[])
  test(`pool: ${name} is told from a thread in the words that it is told in here`, async () => {
    const [here, there] = [await load(), await load({ smallBytes: -1 })];
    const told = async (model: LoadedModel): Promise<unknown> =>
      await model.run(ctx, new Map(Object.entries(feeds)), fetches).then(
        () => assert.fail("it went well"),
        (err: unknown) => [codeOf(err), (err as Error).message],
      );
    assert.deepEqual(await told(there), await told(here));
    await Promise.all([here.close(), there.close()]);
  });

test("pool: more runs than may wait are refused", async () => {
  const model = await load({ smallBytes: -1, maxWaiting: 1 });
  const got = await Promise.allSettled(Array.from({ length: 5 }, () => ask(model, long, [product])));
  assert.deepEqual(
    got.map((one) => (one.status === "fulfilled" ? "ran" : codeOf(one.reason))),
    ["ran", "ran", "ran", Code.ResourceExhausted, Code.ResourceExhausted],
  );
  await model.close();
});

/** mortal is a thread like the pool's, but one that ends when it is asked for die:0. */
const mortal = join(scratch, "mortal.mjs");
const worker = new URL("./dist/embedded/pool/worker.js", import.meta.resolve("@tfs/engine/package.json"));
writeFileSync(
  mortal,
  `import { parentPort } from "node:worker_threads";
parentPort.on("message", ({ request }) => void (request.fetches?.includes("die:0") && process.exit(7)));
await import(${JSON.stringify(worker.href)});
`,
);

test("pool: a thread that dies fails what it was asked, and is followed by another", async () => {
  const model = await load({ smallBytes: -1, file: pathToFileURL(mortal) });
  const want = await ask(model, long, [product]);
  const message = "the embedded engine's thread has died: exit code 7";
  await assert.rejects(ask(model, long, ["die:0"]), { code: Code.Unavailable, message });
  assert.deepEqual(await ask(model, long, [product]), want);
  await model.close();
});

test("pool: changes of state end with the thread that they were made in", async () => {
  const model = await load({ file: pathToFileURL(mortal) });
  const counts: unknown[] = [];
  for (const asked of [[count], [product, count], [count]]) counts.push((await ask(model, asked.length === 2 ? long : short, asked)).at(-1));
  await assert.rejects(ask(model, long, ["die:0"]), { code: Code.Unavailable });
  counts.push((await ask(model, short, [count])).at(-1));
  assert.deepEqual(counts, [[2], [3], [4], [3]]);
  await model.close();
});

test("pool: a thread that one model has killed fails no run of another", async () => {
  const pool = newPool({ threads: 1, file: pathToFileURL(mortal) });
  const [killer, other] = [await load({ smallBytes: -1, pool }), await load({ smallBytes: -1, pool })];
  const want = await ask(other, long, [product]);
  for (let i = 0; i < 3; i++) {
    const [died, ran] = await Promise.allSettled([ask(killer, long, ["die:0"]), ask(other, long, [product])]);
    assert.deepEqual([died.status, ran], ["rejected", { status: "fulfilled", value: want }]);
  }
  await Promise.all([killer.close(), other.close()]);
});

test("pool: what changes the state does not begin again after a death", async () => {
  const pool = newPool({ threads: 1, file: pathToFileURL(mortal) });
  const [killer, other] = [await load({ smallBytes: -1, pool }), await load({ smallBytes: -1, pool })];
  assert.deepEqual(await ask(other, short, [count]), [[2]]);
  await ask(killer, short, [product]); // both are there
  const [, ran] = await Promise.allSettled([ask(killer, short, ["die:0"]), ask(other, short, [count])]);
  assert.deepEqual(ran.status === "rejected" && [codeOf(ran.reason), ran.reason.message], [
    Code.Unavailable,
    "the embedded engine's thread has died of another run",
  ]);
  await Promise.all([killer.close(), other.close()]);
});

test("pool: a model that kills its threads is run no more for a while, others are", async () => {
  const clock = fakeClock();
  const pool = newPool({ threads: 1, file: pathToFileURL(mortal), clock });
  const [killer, other] = [await load({ smallBytes: -1, pool }), await load({ smallBytes: -1, pool })];
  const message = "the embedded engine's thread has died: exit code 7";
  for (let i = 0; i < 5; i++) await assert.rejects(ask(killer, long, ["die:0"]), { code: Code.Unavailable, message });
  await assert.rejects(ask(killer, long, [product]), { message: "the model has ended its thread 5 times within a minute: it is not run until that is past" });
  const want = await ask(other, long, [product]);
  await clock.advance(60_000);
  assert.deepEqual(await ask(killer, long, [product]), want);
  await Promise.all([killer.close(), other.close()]);
});
