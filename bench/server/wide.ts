// A model that is as wide as it takes to be bound by memory: written by hand, since 128 MiB of weights are nothing to commit.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { create, toBinary } from "@bufbuild/protobuf";
import { type NodeDef, NodeDefSchema, SavedModelSchema } from "@tfs/proto";
import { DType, newTensor, type Tensor, toMessage } from "@tfs/tensor";

export const width = 4096;

/** writeWide writes a perceptron of two layers of width × width, whose input `x` and output `y` are rows of `width` floats, as version 1 at a base path. */
export function writeWide(basePath: string): void {
  const dir = join(basePath, "1");
  mkdirSync(dir, { recursive: true });
  const info = (name: string) => ({ encoding: { case: "name", value: `${name}:0` } as const, dtype: DType.Float });
  const node = [
    nodeOf("x", "Placeholder", [], { dtype: DType.Float }),
    ...["w1", "w2"].map((name, i) => constant(name, weights(i + 1))),
    nodeOf("h1", "MatMul", ["x", "w1"], { T: DType.Float }),
    nodeOf("r1", "Relu", ["h1"], { T: DType.Float }),
    nodeOf("y", "MatMul", ["r1", "w2"], { T: DType.Float }),
  ];
  const signature = { methodName: "tensorflow/serving/predict", inputs: { x: info("x") }, outputs: { y: info("y") } };
  const model = create(SavedModelSchema, {
    savedModelSchemaVersion: 1n,
    metaGraphs: [{ metaInfoDef: { tags: ["serve"] }, graphDef: { node, versions: { producer: 1882 } }, signatureDef: { serving_default: signature } }],
  });
  writeFileSync(join(dir, "saved_model.pb"), toBinary(SavedModelSchema, model));
}

/** weights are small numbers of both signs, the same each time. */
function weights(seed: number): Tensor {
  const data = new Float32Array(width * width);
  for (let i = 0, s = seed; i < data.length; i++) {
    s = (Math.imul(s, 1664525) + 1013904223) | 0;
    data[i] = s / 2 ** 37;
  }
  return newTensor(DType.Float, [width, width], data);
}

function nodeOf(name: string, op: string, input: string[], types: Readonly<Record<string, DType>>): NodeDef {
  const attr = Object.fromEntries(Object.entries(types).map(([key, type]) => [key, { value: { case: "type", value: type } as const }]));
  return create(NodeDefSchema, { name, op, input, attr });
}

function constant(name: string, t: Tensor): NodeDef {
  return create(NodeDefSchema, {
    name,
    op: "Const",
    attr: { dtype: { value: { case: "type", value: t.dtype } }, value: { value: { case: "tensor", value: toMessage(t, "content") } } },
  });
}
