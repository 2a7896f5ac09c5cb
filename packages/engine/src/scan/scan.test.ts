import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { create, toBinary } from "@bufbuild/protobuf";
import { DataType, SavedModelSchema } from "@tfs/proto";
import { background, Code } from "@tfs/std";
import { DType, fromStrings, newTensor, type Tensor } from "@tfs/tensor";
import { newAttrs } from "../embedded/index.ts";
import { flopsOf } from "./flops.ts";
import { newHeld } from "./held.ts";
import { scan, type Verdict } from "./index.ts";

const models = fileURLToPath(new URL("../../../../testdata/models/", import.meta.url));
const scratch = mkdtempSync(join(tmpdir(), "tfs-scan-"));
after(() => rmSync(scratch, { recursive: true, force: true }));
const ctx = background();
const told = (engines: readonly Verdict[]): Record<string, string> => Object.fromEntries(engines.map(({ engine, why }) => [engine, why ?? "yes"]));

test("scan: a perceptron is what its weights are", async () => {
  const found = await scan(ctx, join(models, "mlp/1"));
  const weights = 64 * 256 + 256 * 256 + 256 * 10;
  const [cost] = found.costs;
  assert.deepEqual(told(found.engines), { embedded: "yes", openvino: "yes", tensorflow: "yes", tfjs: "yes" });
  assert.deepEqual([found.missing, found.unknown, cost!.signature], [[], [], "serving_default"]);
  assert.ok(found.ops.includes("MatMul"));
  assert.ok(found.variableBytes >= 4 * weights, `${found.variableBytes}`);
  assert.ok(cost!.flops! >= 2 * weights && cost!.flops! < 2.2 * weights, `${cost!.flops}`);
  assert.deepEqual([cost!.valueBytes, cost!.assumed], [4 * 2 * 256, []]);
});

test("scan: OpenVINO has nothing to do in a counter", async () => {
  const found = await scan(ctx, join(models, "counter/1"), { costs: false });
  assert.deepEqual(told(found.engines), { embedded: "yes", openvino: "there is nothing in it to make faster", tensorflow: "yes", tfjs: "yes" });
});

const eight = "strings are of 36 bytes, eight words";
const features = "examples have all features, of one value, or 16 steps, where their number is open";
const rounds = (alias: string): string => `${alias} is 16: as many rounds, where a loop counts to it`;
const assumptions: readonly {
  readonly model: string;
  readonly signature?: string;
  readonly flops: readonly [least: number, most: number];
  readonly bytes: readonly [least: number, most: number];
  readonly assumed: readonly string[];
}[] = [
  { model: "counter/1", signature: "incr_counter_by", flops: [0, 0], bytes: [4, 4], assumed: ["delta has no dimensions"] },
  { model: "effects/1", signature: "bump", flops: [3, 3], bytes: [4, 12], assumed: [] },
  { model: "text/1", flops: [200, 300], bytes: [8 * 36, 16 * 36], assumed: [eight] },
  { model: "half_plus_two/1", signature: "regress_x_to_y", flops: [38, 45], bytes: [36 + 16, 80], assumed: [eight, features] },
  {
    model: "tables/1",
    signature: "insert",
    flops: [36, 36],
    bytes: [36 + 16 + 8 + 4, 100],
    assumed: ["ids has 1 dimension", "keys has 1 dimension", eight, "scores has 1 dimension"],
  },
  // 16 rounds of 16: in each a condition, a branch and two sums.
  { model: "rounds/1", flops: [4 * 256, 6 * 256], bytes: [16, 64], assumed: [rounds("inner"), rounds("outer")] },
  { model: "cond_loop/1", flops: [3 * 16, 5 * 16], bytes: [8, 64], assumed: [rounds("n")] },
  { model: "loops_v1/1", signature: "count", flops: [2 * 16 + 1, 2 * 16 + 1], bytes: [8, 16], assumed: [rounds("limit")] },
];
for (const { model, signature = "serving_default", flops, bytes, assumed } of assumptions)
  test(`scan: what ${signature} of ${model} costs, and what was assumed`, async () => {
    const cost = (await scan(ctx, join(models, model), { runMs: 600_000 })).costs.find((c) => c.signature === signature)!;
    assert.equal(cost.why, undefined);
    assert.ok(cost.flops! >= flops[0] && cost.flops! <= flops[1], `${cost.flops} operations`);
    assert.ok(cost.valueBytes! >= bytes[0] && cost.valueBytes! <= bytes[1], `${cost.valueBytes} bytes`);
    assert.deepEqual(cost.assumed, assumed);
  });

test("scan: a picture stands where one is decoded", async () => {
  const info = (name: string, dtype: DataType) => ({ dtype, tensorShape: { dim: [] }, encoding: { case: "name" as const, value: name } });
  const type = (value: DataType) => ({ value: { case: "type" as const, value } });
  const node = [
    { name: "file", op: "Placeholder", attr: { dtype: type(DataType.DT_STRING) } },
    { name: "picture", op: "DecodeJpeg", input: ["file"], attr: { channels: { value: { case: "i" as const, value: 3n } } } },
    { name: "y", op: "Cast", input: ["picture"], attr: { SrcT: type(DataType.DT_UINT8), DstT: type(DataType.DT_FLOAT) } },
    { name: "z", op: "Neg", input: ["y"], attr: { T: type(DataType.DT_FLOAT) } },
  ];
  const signature = { inputs: { file: info("file:0", DataType.DT_STRING) }, outputs: { z: info("z:0", DataType.DT_FLOAT) }, methodName: "p" };
  const metaGraphs = [{ metaInfoDef: { tags: ["serve"] }, graphDef: { node }, signatureDef: { serving_default: signature } }];
  const dir = mkdtempSync(join(scratch, "picture-"));
  writeFileSync(join(dir, "saved_model.pb"), toBinary(SavedModelSchema, create(SavedModelSchema, { metaGraphs })));
  const pixels = 224 * 224 * 3;
  const [cost] = (await scan(ctx, dir)).costs;
  assert.deepEqual(cost, { signature: "serving_default", flops: 36 + pixels, valueBytes: 2 * 4 * pixels, assumed: [eight, "pictures are of 224 × 224"] });
});

test("scan: a run that takes too long is given up", async () => {
  const { costs } = await scan(ctx, join(models, "mlp/1"), { runMs: 0 });
  assert.deepEqual(costs, [{ signature: "serving_default", why: "it had not ended after 0 ms with made-up inputs" }]);
});

test("scan: without costs nothing is loaded", async () => assert.deepEqual((await scan(ctx, join(models, "digits/1"), { costs: false })).costs, []));

test("scan: ops that are missing are told, and those that nobody has", async () => {
  const node = (name: string, op: string, ...input: string[]) => ({ name, op, input });
  const graphDef = { node: [node("x", "Placeholder"), node("a", "Qr", "x"), node("y", "Zonk", "a")] };
  const info = (name: string) => ({ dtype: DataType.DT_HALF, encoding: { case: "name" as const, value: name } });
  const signature = { inputs: { x: info("x:0") }, outputs: { y: info("y:0") }, methodName: "p" };
  const metaGraphs = [{ metaInfoDef: { tags: ["serve"] }, graphDef, signatureDef: { serving_default: signature } }];
  writeFileSync(join(scratch, "saved_model.pb"), toBinary(SavedModelSchema, create(SavedModelSchema, { metaGraphs })));
  const found = await scan(ctx, scratch);
  assert.deepEqual([found.ops, found.missing, found.unknown], [["Placeholder", "Qr", "Zonk"], ["Qr", "Zonk"], ["Zonk"]]);
  assert.deepEqual(told(found.engines), { embedded: "it lacks Qr, Zonk", openvino: "it lacks Qr, Zonk", tensorflow: "it lacks Zonk", tfjs: "it lacks Zonk" });
  assert.deepEqual(found.costs, [{ signature: "serving_default", why: "the embedded engine cannot run it" }]);
});

test("scan: values are held from the op that gives them to the last that reads them", () => {
  const [x, weight, a, b, c] = [zeros(1), zeros(100), zeros(10), zeros(20), zeros(30)] as [Tensor, Tensor, Tensor, Tensor, Tensor];
  const held = newHeld([x]);
  held.step([], [weight], true);
  held.step([x, weight], [a], false);
  held.step([a], [b], false);
  held.step([b], [{ ...b, shape: [4, 5] }], false); // the same values in another shape
  held.step([b], [c], false);
  assert.equal(held.most(), 4 * (20 + 30));
});

test("scan: a folder that is no SavedModel is NotFound", () => assert.rejects(scan(ctx, join(scratch, "nothing")), { code: Code.NotFound }));

const zeros = (...shape: number[]): Tensor => newTensor(DType.Float, shape, new Float32Array(shape.reduce((a, b) => a * b, 1)));
const text = (value: string) => ({ value: { case: "s" as const, value: new TextEncoder().encode(value) } });
const counts: readonly {
  readonly op: string;
  readonly attr?: Readonly<Record<string, unknown>>;
  readonly inputs: readonly Tensor[];
  readonly out: Tensor;
  readonly want: number;
}[] = [
  { op: "MatMul", inputs: [zeros(2, 3), zeros(3, 5)], out: zeros(2, 5), want: 60 },
  { op: "BatchMatMulV2", inputs: [zeros(4, 2, 3), zeros(4, 3, 5)], out: zeros(4, 2, 5), want: 240 },
  { op: "Conv2D", inputs: [zeros(1, 4, 4, 3), zeros(2, 2, 3, 7)], out: zeros(1, 3, 3, 7), want: 2 * 9 * 7 * 12 },
  { op: "Einsum", attr: { equation: text("...ij,...jk->...ik") }, inputs: [zeros(6, 2, 3), zeros(3, 5)], out: zeros(6, 2, 5), want: 2 * 6 * 30 },
  { op: "AddV2", inputs: [zeros(4, 3), zeros(3)], out: zeros(4, 3), want: 12 },
  { op: "Sum", inputs: [zeros(4, 3)], out: zeros(), want: 12 },
  { op: "Reshape", inputs: [zeros(4, 3)], out: zeros(12), want: 0 },
  { op: "Less", inputs: [zeros(4, 3), zeros(3)], out: zeros(4, 3), want: 12 },
  { op: "StringLower", inputs: [fromStrings(["abc", "de"], [2])], out: fromStrings(["abc", "de"], [2]), want: 5 },
  { op: "GatherV2", inputs: [fromStrings(["abc", "de"], [2])], out: fromStrings(["abc"], [1]), want: 0 },
];
for (const { op, attr = {}, inputs, out, want } of counts)
  test(`scan: operations of ${op}`, () => assert.equal(flopsOf(op, newAttrs(op, attr as never), inputs, [out]), want));
