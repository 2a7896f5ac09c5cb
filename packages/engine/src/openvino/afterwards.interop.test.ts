// What follows on OpenVINO's part and is not for it: the host computes it from what OpenVINO gives.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { create, fromJson, toBinary } from "@bufbuild/protobuf";
import { DataType, NodeDefSchema, SavedModelSchema, TensorInfoSchema } from "@tfs/proto";
import { background } from "@tfs/std";
import { DType, newTensor, strings } from "@tfs/tensor";
import { newGate } from "../native/index.ts";
import { newOpenVinoEngine } from "./index.ts";
import { libraryDir } from "./testing/index.ts";

const ctx = background();
const dir = libraryDir();
const saved = mkdtempSync(join(tmpdir(), "tfs-afterwards-"));
after(() => rmSync(saved, { recursive: true, force: true }));

const float = { type: "DT_FLOAT" };
const node = (name: string, op: string, input: readonly string[], attr: object) => fromJson(NodeDefSchema, { name, op, input: [...input], attr } as never);
const dims = (...sizes: readonly string[]) => ({ dim: sizes.map((size) => ({ size })) });
const info = (name: string, dtype: DataType, ...sizes: readonly bigint[]) =>
  create(TensorInfoSchema, { encoding: { case: "name", value: name }, dtype, tensorShape: { dim: sizes.map((size) => ({ size })) } });

/** x [?, 2] · [[1, 2, 3], [4, 5, 6]], its largest column, and that as text. */
writeFileSync(
  join(saved, "saved_model.pb"),
  toBinary(
    SavedModelSchema,
    create(SavedModelSchema, {
      metaGraphs: [
        {
          metaInfoDef: { tags: ["serve"] },
          graphDef: {
            node: [
              node("x", "Placeholder", [], { dtype: float, shape: { shape: dims("-1", "2") } }),
              node("w", "Const", [], {
                dtype: float,
                value: { tensor: { dtype: "DT_FLOAT", tensorShape: dims("2", "3"), floatVal: [1, 2, 3, 4, 5, 6] } },
              }),
              node("k", "Const", [], { dtype: { type: "DT_INT32" }, value: { tensor: { dtype: "DT_INT32", tensorShape: {}, intVal: [1] } } }),
              node("m", "MatMul", ["x", "w"], { T: float }),
              node("top", "TopKV2", ["m", "k"], { T: float }),
              node("text", "AsString", ["top:1"], { T: { type: "DT_INT32" } }),
            ],
          },
          signatureDef: {
            serving_default: {
              inputs: { x: info("x:0", DataType.DT_FLOAT, -1n, 2n) },
              outputs: {
                product: info("m:0", DataType.DT_FLOAT, -1n, 3n),
                best: info("top:0", DataType.DT_FLOAT, -1n, 1n),
                column: info("text:0", DataType.DT_STRING, -1n, 1n),
              },
              methodName: "tensorflow/serving/predict",
            },
          },
        },
      ],
    }),
  ),
);

test("openvino: the host goes on from what OpenVINO gives, for all that is fetched or a part", async () => {
  const ran: string[] = [];
  const model = await newOpenVinoEngine({ dir, gate: newGate({ places: 2 }), onRun: (by) => void ran.push(by) }).load(ctx, saved);
  const feeds = new Map([["x:0", newTensor(DType.Float, [2, 2], Float32Array.of(1, 1, 1, -1))]]);
  const [column, product, best] = await model.run(ctx, feeds, ["text:0", "m:0", "top:0"]);
  assert.deepEqual(strings(column!), ["2", "0"]);
  assert.deepEqual([...(product!.data as Float32Array)], [5, 7, 9, -3, -3, -3]);
  assert.deepEqual([...(best!.data as Float32Array)], [9, -3]);
  const [only] = await model.run(ctx, feeds, ["m:0"]);
  assert.deepEqual(only, product);
  assert.deepEqual(ran, ["openvino", "openvino"]);
  await model.close();
});
