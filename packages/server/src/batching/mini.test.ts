import assert from "node:assert/strict";
import { test } from "node:test";
import { create } from "@bufbuild/protobuf";
import type { EngineName } from "@tfs/engine";
import { SignatureDefSchema, TensorInfoSchema } from "@tfs/proto";
import { background, Code } from "@tfs/std";
import { fakeClock } from "@tfs/std/testing";
import { DType, newTensor, type Tensor } from "@tfs/tensor";
import type { Servable } from "../servable/index.ts";
import { newMiniBatching } from "./index.ts";

const ctx = background();
const rows = (n: number): Tensor => newTensor(DType.Float, [n], new Float32Array(n));

/** rig gives a servable whose input has so many rows by its signature, and the rows of its runs. */
async function rig(engine: EngineName, perPool: number, declared: number): Promise<{ readonly servable: Servable; readonly ran: number[] }> {
  const ran: number[] = [];
  const input = create(TensorInfoSchema, { encoding: { case: "name", value: "x" }, tensorShape: { dim: [{ size: BigInt(declared) }] } });
  const inner: Servable = {
    name: "m",
    version: 1n,
    signatures: new Map([["serving_default", create(SignatureDefSchema, { inputs: { x: input } })]]),
    chosen: { engine, why: "" },
    run: async (_, feeds) => {
      ran.push(feeds.get("x")!.shape[0]!);
      return [feeds.get("x")!];
    },
    close: async () => {},
  };
  const batching = newMiniBatching({ pools: 2, perPool, outer: undefined, clock: fakeClock(), defer: setImmediate });
  return { servable: await batching.wrap(inner, "/nowhere"), ran };
}
const cases: readonly {
  readonly name: string;
  readonly engine?: EngineName;
  readonly perPool: number;
  readonly declared?: number;
  readonly rows: number[];
  readonly want: number[];
}[] = [
  { name: "calls that come together are one batch", perPool: 2, rows: [1, 2, 3], want: [6] },
  { name: "a full call is divided by the interpreters of a pool", perPool: 4, rows: [500], want: [125, 125, 125, 125] },
  { name: "what does not divide evenly leaves a smaller batch", perPool: 3, rows: [500], want: [167, 167, 166] },
  { name: "a model that takes so many rows gets so many", perPool: 4, declared: 200, rows: [500], want: [200, 200, 100] },
  { name: "versions of other engines are left alone", engine: "embedded", perPool: 4, rows: [1, 2, 600], want: [1, 2, 600] },
];
for (const { name, engine = "tflite", perPool, declared = -1, rows: sizes, want } of cases)
  test(`mini-batching: ${name}`, async () => {
    const { servable, ran } = await rig(engine, perPool, declared);
    const got = await Promise.all(sizes.map((n) => servable.run(ctx, new Map([["x", rows(n)]]), ["x"])));
    assert.deepEqual([got.map(([y]) => y!.shape[0]), ran], [sizes, want]);
  });
test("mini-batching: a call of more than 500 rows is refused", async () => {
  const { servable } = await rig("tflite", 2, -1);
  await assert.rejects(servable.run(ctx, new Map([["x", rows(501)]]), ["x"]), { code: Code.InvalidArgument });
});
