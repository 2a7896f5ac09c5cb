import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create, toBinary } from "@bufbuild/protobuf";
import { DataType, type SavedModel, SavedModelSchema } from "@tfs/proto";
import { type Ctx, throwIfDone } from "@tfs/std";
import { DType, newTensor, toMessage } from "@tfs/tensor";
import type { Engine } from "../engine.ts";

/**
 * rehearse has an engine do what it does with its first model only, such as opening a library, its plugins and a session: it loads and runs a model of one product, out of
 * a folder of its own. An engine that cannot do that has at least looked for its library. It does not fail, and leaves off when ctx ends.
 */
export async function rehearse(ctx: Ctx, engine: Engine): Promise<void> {
  let dir: string | undefined;
  try {
    await engine.probe(ctx);
    throwIfDone(ctx);
    dir = await mkdtemp(join(tmpdir(), "tfs-rehearsal-"));
    await writeFile(join(dir, "saved_model.pb"), toBinary(SavedModelSchema, product()));
    const model = await engine.load(ctx, dir);
    try {
      await model.run(ctx, new Map([["x:0", newTensor(DType.Float, [1, 4], new Float32Array(4))]]), ["y:0"]);
    } finally {
      await model.close();
    }
  } catch {
    // the first load says what is wrong
  } finally {
    if (dir !== undefined) await rm(dir, { recursive: true, force: true }).catch(() => {});
  }
}

/** product is y = x w. */
function product(): SavedModel {
  const type = { value: { case: "type", value: DataType.DT_FLOAT } } as const;
  const shape = { dim: [{ size: -1n }, { size: 4n }] };
  const w = toMessage(newTensor(DType.Float, [4, 4], new Float32Array(16)));
  const info = (name: string) => ({ encoding: { case: "name", value: name } as const, dtype: DataType.DT_FLOAT, tensorShape: shape });
  return create(SavedModelSchema, {
    savedModelSchemaVersion: 1n,
    metaGraphs: [
      {
        metaInfoDef: { tags: ["serve"] },
        graphDef: {
          versions: { producer: 1882 },
          node: [
            { name: "x", op: "Placeholder", attr: { dtype: type, shape: { value: { case: "shape", value: shape } } } },
            { name: "w", op: "Const", attr: { dtype: type, value: { value: { case: "tensor", value: w } } } },
            { name: "y", op: "MatMul", input: ["x", "w"], attr: { T: type } },
          ],
        },
        signatureDef: { serving_default: { methodName: "tensorflow/serving/predict", inputs: { x: info("x:0") }, outputs: { y: info("y:0") } } },
      },
    ],
  });
}
