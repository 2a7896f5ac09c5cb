import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fromJson, type JsonValue, toBinary } from "@bufbuild/protobuf";
import { SavedModelSchema } from "@tfs/proto";
import { background, Code, newError, withCancel, withTimeout } from "@tfs/std";
import { DType, newTensor, strings, type Tensor } from "@tfs/tensor";
import { describeEngine } from "../conformance/index.ts";
import type { LoadedModel } from "../engine.ts";
import { openAddon } from "./addon.ts";
import { newTfjsEngine } from "./index.ts";
import { findPlace } from "./place.ts";
import { models, tfjsFolder } from "./testing/index.ts";

const ctx = background();
const from = [tfjsFolder()];
const engine = newTfjsEngine({ from });
const floats = (...values: readonly number[]): Tensor => newTensor(DType.Float, [values.length, 1], Float32Array.from(values));
const scratch = mkdtempSync(join(tmpdir(), "tfs-tfjs-"));

/** One model is held over all tests, so that the thread is not started for each. */
let held: LoadedModel;
before(async () => {
  held = await engine.load(ctx, join(models, "half_plus_two/1"));
});
after(async () => {
  await held.close();
  rmSync(scratch, { recursive: true, force: true });
});

/** The addon makes tensors of float, int32, int64, uint8, bool and string, and reads float, int32, int64, bool, string and complex64: no others can cross it. */
const others =
  "bfloat16 complex64 complex128 double float4_e2m1fn float8_e4m3fn float8_e5m2 half int16 int2 int4 int8 qint16 qint32 qint8 quint16 quint8 uint16 uint2 uint32 uint4 uint64 uint8";
describeEngine(engine, models, {
  refused: Object.fromEntries(others.split(" ").map((name) => [`dtype_${name}/1`, new RegExp(`the tfjs engine does not have ${name} \\(`)])),
});

test("tfjs: probe tells versions and device", async () => {
  assert.deepEqual(await engine.probe(ctx), { ok: true, version: "@tensorflow/tfjs-node-gpu 4.22.0 with TensorFlow 2.21.0 on the CPU" });
});

test("tfjs: an int64 is exact on its way in and out", async () => {
  const model = await engine.load(ctx, join(models, "dtype_int64/1"));
  const { inputs, outputs } = model.metaGraph.signatureDef["serving_default"]!;
  const x = newTensor(DType.Int64, [4], BigInt64Array.of(2n ** 53n + 1n, -(2n ** 63n), 2n ** 63n - 1n, 1n));
  const [y] = await model.run(ctx, new Map([[String(inputs["x"]!.encoding.value), x]]), [String(outputs["y"]!.encoding.value)]);
  assert.deepEqual(y!.data, x.data);
  await model.close();
});

/** constants writes a model whose output is a constant of its own. */
function constants(...values: readonly string[]): string {
  const tensor = { dtype: "DT_STRING", tensorShape: { dim: [{ size: `${values.length}` }] }, stringVal: values.map((v) => Buffer.from(v).toString("base64")) };
  const node = { name: "c", op: "Const", attr: { dtype: { type: "DT_STRING" }, value: { tensor } } };
  const metaGraphs = [
    {
      metaInfoDef: { tags: ["serve"] },
      graphDef: { node: [node], versions: { producer: 1000 } },
      signatureDef: { s: { outputs: { y: { name: "c:0", dtype: "DT_STRING" } }, methodName: "tensorflow/serving/predict" } },
    },
  ];
  const dir = mkdtempSync(join(scratch, "constants-"));
  writeFileSync(join(dir, "saved_model.pb"), toBinary(SavedModelSchema, fromJson(SavedModelSchema, { metaGraphs } as unknown as JsonValue)));
  return dir;
}

test("tfjs: strings that are the model's own are there for the next call too", async () => {
  const values = ["short", "too long to lie in the element itself, and so in memory of its own"];
  const model = await engine.load(ctx, constants(...values));
  for (let i = 0; i < 3; i++) assert.deepEqual(strings((await model.run(ctx, new Map(), ["c:0"]))[0]!), values, `call ${i}`);
  await model.close();
});

test("tfjs: a deadline lets the caller go while the model loads, and nothing stays behind", async () => {
  using short = withTimeout(ctx, 1);
  await assert.rejects(engine.load(short, join(models, "digits/1")), { code: Code.DeadlineExceeded });
  const reason = newError(Code.Canceled, "enough");
  using given = withCancel(ctx);
  const loading = engine.load(given, join(models, "digits/1"));
  given.cancel(reason);
  await assert.rejects(loading, (err) => err === reason);
});

test("tfjs: more runs than may wait are ResourceExhausted", async () => {
  const narrow = newTfjsEngine({ from, maxWaiting: 1 });
  const model = await narrow.load(ctx, join(models, "half_plus_two/1"));
  const runs = Array.from({ length: 8 }, (_, i) => model.run(ctx, new Map([["x:0", floats(i)]]), ["y:0"]));
  const settled = await Promise.allSettled(runs);
  const codes = settled.map((one) => (one.status === "rejected" ? (one.reason as { readonly code: Code }).code : Code.Ok));
  assert.deepEqual(codes, [...Array<Code>(3).fill(Code.Ok), ...Array<Code>(5).fill(Code.ResourceExhausted)]);
  await model.close();
});

test("tfjs: closing waits for the runs that are under way", async () => {
  const model = await engine.load(ctx, join(models, "half_plus_two/1"));
  const runs = Array.from({ length: 5 }, (_, i) => model.run(ctx, new Map([["x:0", floats(i)]]), ["y:0"]));
  await model.close();
  assert.deepEqual(
    (await Promise.all(runs)).map(([y]) => y!.data[0]),
    [2, 2.5, 3, 3.5, 4],
  );
});

test("tfjs: a thread ends with its last model, and comes back with the next", async () => {
  const own = newTfjsEngine({ from });
  for (let i = 0; i < 3; i++) {
    const model = await own.load(ctx, join(models, "half_plus_two/1"));
    assert.equal((await model.run(ctx, new Map([["x:0", floats(4)]]), ["y:0"]))[0]!.data[0], 4);
    await model.close();
  }
});

test("tfjs: nothing is kept of calls, whether they go well or not", async () => {
  const place = findPlace({ from });
  assert.ok(typeof place !== "string");
  const addon = await openAddon(place.url);
  assert.deepEqual([addon.tensorflow, addon.gpu], ["2.21.0", false]);
  const mlp = addon.load(join(models, "mlp/1"), ["serve"]);
  const text = addon.load(join(models, "dtype_string/1"), ["serve"]);
  const rows = 400; // 100 KB
  const good = newTensor(DType.Float, [rows, 64], new Float32Array(rows * 64));
  const bad = newTensor(DType.Float, [rows * 64], new Float32Array(rows * 64));
  const words = newTensor(
    DType.String,
    [100],
    Array.from({ length: 100 }, () => new Uint8Array(1000)),
  );
  const output = ["StatefulPartitionedCall:0"];
  const calls = async (n: number): Promise<void> => {
    for (let i = 0; i < n; i++) {
      await new Promise((turn) => setImmediate(turn)); // in which Node lets go of what nobody has any more
      addon.run(mlp, [["serving_default_x:0", good]], output);
      assert.throws(() => addon.run(mlp, [["serving_default_x:0", bad]], output), { code: Code.InvalidArgument, message: /^In\[0\] is not a matrix/ });
      addon.run(text, [["serving_default_x:0", words]], ["PartitionedCall_1:0"]);
    }
  };
  await calls(500);
  const before = process.memoryUsage.rss();
  await calls(1500);
  const grownMb = (process.memoryUsage.rss() - before) / 2 ** 20;
  assert.equal(addon.held(), 0);
  assert.ok(grownMb < 100, `${grownMb} MB for 1500 rounds of 400 KB`); // what is kept of one kind of call alone would be 150
  for (const model of [mlp, text]) addon.unload(model);
});
