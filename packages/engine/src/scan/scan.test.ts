import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { create, toBinary } from "@bufbuild/protobuf";
import { DataType, SavedModelSchema } from "@tfs/proto";
import { background, Code } from "@tfs/std";
import { DType, newTensor, type Tensor } from "@tfs/tensor";
import { newAttrs } from "../embedded/index.ts";
import { flopsOf } from "./flops.ts";
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
  assert.ok(cost!.stepBytes! >= 4 * 256 * 256 && cost!.stepBytes! < 5 * 256 * 256, `${cost!.stepBytes}`);
});

test("scan: a model that keeps state is not run, and OpenVINO has nothing to do in it", async () => {
  const found = await scan(ctx, join(models, "counter/1"));
  assert.deepEqual(told(found.engines), { embedded: "yes", openvino: "there is nothing in it to make faster", tensorflow: "yes", tfjs: "yes" });
  assert.ok(found.costs.every((c) => c.flops === undefined && c.why === "it keeps state (Assign, AssignAdd)"));
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
];
for (const { op, attr = {}, inputs, out, want } of counts)
  test(`scan: operations of ${op}`, () => assert.equal(flopsOf(op, newAttrs(op, attr as never), inputs, [out]), want));
