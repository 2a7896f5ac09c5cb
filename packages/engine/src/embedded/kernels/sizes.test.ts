// What a few numbers in a request could ask of a kernel is refused before it is made.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Code } from "@tfs/std";
import { allocate, DType, fromStrings, newTensor, type Tensor } from "@tfs/tensor";
import { newAttrs } from "../attrs.ts";
import { kernels } from "./index.ts";
import { stateOf } from "../testing/state.ts";

const none = (): never => assert.fail("nothing here has state");
const state = stateOf();

const many = 2 ** 23 + 1;
const ints = (...values: readonly number[]): Tensor => newTensor(DType.Int32, [values.length], Int32Array.from(values));
const long = new Uint8Array(2 ** 22);
/** column and line make a square of long strings when they are joined. */
const [column, line] = [newTensor(DType.String, [32, 1], Array<Uint8Array>(32).fill(long)), newTensor(DType.String, [1, 32], Array<Uint8Array>(32).fill(long))];

const refused: readonly { readonly op: string; readonly inputs: readonly Tensor[]; readonly shape: string }[] = [
  { op: "Fill", inputs: [ints(many), fromStrings(["a"], [])], shape: `[${many}]` },
  { op: "Fill", inputs: [ints(2 ** 30), newTensor(DType.Float, [], Float32Array.of(1))], shape: `[${2 ** 30}]` },
  { op: "Tile", inputs: [fromStrings(["a"], [1]), ints(many)], shape: `[${many}]` },
  { op: "AsString", inputs: [allocate(DType.Bool, [many])], shape: `[${many}]` },
  { op: "StringJoin", inputs: [column, line], shape: "[32,32]" },
  { op: "AddV2", inputs: [column, line], shape: "[32,32]" },
];
for (const { op, inputs, shape } of refused)
  test(`${op}: a result of shape ${shape} and type ${inputs.at(-1)!.dtype === DType.Float ? "float" : "string"} is refused`, () => {
    const kernel = kernels[op]!({ name: op, op, attrs: newAttrs(op, {}), inputCount: inputs.length, body: none });
    assert.throws(() => kernel(inputs, state), { code: Code.ResourceExhausted, message: new RegExp(`a value of shape \\${shape.slice(0, -1)}\\] and type`) });
  });

const mean = (shape: readonly number[], axis: number): Tensor => {
  const kernel = kernels["Mean"]!({ name: "m", op: "Mean", attrs: newAttrs("m", {}), inputCount: 2, body: none });
  return kernel([newTensor(DType.Float, shape, new Float32Array(0)), ints(axis)], state) as Tensor;
};
test("Mean: of no elements there may be any number of rows", () => assert.deepEqual(mean([2 ** 40, 64, 0], 1).shape, [2 ** 40, 0]));
test("Mean: a result past two gigabytes, of no elements, is refused", () => assert.throws(() => mean([2 ** 40, 0], 1), { code: Code.ResourceExhausted }));
