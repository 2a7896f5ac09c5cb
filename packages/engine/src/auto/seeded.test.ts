import assert from "node:assert/strict";
import { test } from "node:test";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { type MetaGraphDef, MetaGraphDefSchema, type SignatureDefSchema, type TensorInfoSchema } from "@tfs/proto";
import { DType } from "@tfs/tensor";
import { seededTrials } from "./seeded.ts";

type Info = MessageInitShape<typeof TensorInfoSchema>;
type Signature = MessageInitShape<typeof SignatureDefSchema>;

/** info declares a tensor; without a shape its rank is not known. */
function info(name: string, dtype: number, shape?: readonly number[]): Info {
  const dim = shape?.map((size) => ({ size: BigInt(size) }));
  return {
    encoding: { case: "name", value: `${name}:0` },
    dtype: dtype as NonNullable<Info["dtype"]>,
    tensorShape: dim === undefined ? { unknownRank: true } : { dim },
  };
}
const graph = (signatureDef: { readonly [name: string]: Signature }): MetaGraphDef => create(MetaGraphDefSchema, { signatureDef });
const outputs = { y: info("y", DType.Float, [-1]) };
const one = (...inputs: readonly Info[]): MetaGraphDef =>
  graph({ serving_default: { inputs: Object.fromEntries(inputs.map((input, i) => [`x${i}`, input])), outputs } });
const shapesOf = (metaGraph: MetaGraphDef): string[] =>
  seededTrials(metaGraph).map(({ feeds }) => [...feeds].map(([name, { shape }]) => `${name}[${shape}]`).join(" "));

const shapes: readonly { readonly name: string; readonly of: MetaGraphDef; readonly want: readonly string[] }[] = [
  { name: "rows that are left open are 1, 2 and 8", of: one(info("x", DType.Float, [-1, 4])), want: ["x:0[1,4]", "x:0[2,4]", "x:0[8,4]"] },
  { name: "other open dimensions are small", of: one(info("x", DType.Int32, [-1, -1])), want: ["x:0[1,16]", "x:0[2,8]", "x:0[8,8]"] },
  {
    name: "the same for all inputs of a signature",
    of: one(info("a", DType.Int64, [-1, -1]), info("b", DType.Half, [-1, -1, 3])),
    want: ["a:0[1,16] b:0[1,16,3]", "a:0[2,8] b:0[2,8,3]", "a:0[8,8] b:0[8,8,3]"],
  },
  { name: "a shape without open dimensions is tried once", of: one(info("x", DType.Float, [2, 3])), want: ["x:0[2,3]"] },
  { name: "so is a scalar", of: one(info("x", DType.Bool, [])), want: ["x:0[]"] },
  { name: "a rank that is not known is one of rows", of: one(info("x", DType.UInt8)), want: ["x:0[1]", "x:0[2]", "x:0[8]"] },
  { name: "strings are not made up", of: one(info("x", DType.String, [-1])), want: [] },
  { name: "nor is a part of a signature that takes some", of: one(info("x", DType.Float, [-1]), info("s", DType.String, [-1])), want: [] },
  { name: "nor what has no numbers", of: one(info("x", DType.Resource, [])), want: [] },
  { name: "an input that would be huge is not made", of: one(info("x", DType.Float, [-1, 4096, 1024])), want: ["x:0[1,4096,1024]"] },
  { name: "a model without signatures has no trials", of: graph({}), want: [] },
  { name: "nor has a signature without outputs", of: graph({ s: { inputs: { x: info("x", DType.Float, [-1]) } } }), want: [] },
  { name: "the init op's signature is not tried", of: graph({ __saved_model_init_op: { outputs } }), want: [] },
  { name: "a signature without inputs is tried once", of: graph({ s: { outputs } }), want: [""] },
  {
    name: "three signatures are tried, the default one among them",
    of: graph(Object.fromEntries(["d", "c", "b", "a", "serving_default"].map((name) => [name, { inputs: { x: info(name, DType.Float, [1]) }, outputs }]))),
    want: ["serving_default:0[1]", "a:0[1]", "b:0[1]"],
  },
];
for (const { name, of, want } of shapes) test(`seeded trials: ${name}`, () => assert.deepEqual(shapesOf(of), want));

test("seeded trials: the same model has the same ones", () => {
  const of = one(info("x", DType.Float, [-1, 4]), info("i", DType.Int64, [-1]));
  assert.deepEqual(seededTrials(of), seededTrials(of));
});
for (const [name, dtype] of Object.entries(DType)) {
  if (name === "Float" || name === "Double") continue;
  test(`seeded trials: a ${name} is 0 or 1, or there are none`, () => {
    for (const { feeds } of seededTrials(one(info("x", dtype, [64])))) {
      const values = [...(feeds.get("x:0")!.data as Iterable<number | bigint>)].map(Number);
      if (name === "Half" || name === "BFloat16") assert.ok(new Set(values).size > 10);
      else assert.deepEqual([...new Set(values)].sort(), [0, 1]);
    }
  });
}
for (const dtype of [DType.Float, DType.Double]) {
  test(`seeded trials: floats of dtype ${dtype} are spread from 0 to below 1`, () => {
    const values = [...(seededTrials(one(info("x", dtype, [1000])))[0]!.feeds.get("x:0")!.data as Float32Array)];
    assert.ok(values.every((v) => v >= 0 && v < 1));
    const mean = values.reduce((sum, v) => sum + v, 0) / values.length;
    assert.ok(mean > 0.45 && mean < 0.55, String(mean));
  });
}
