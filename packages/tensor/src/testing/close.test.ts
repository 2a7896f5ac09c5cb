import assert from "node:assert/strict";
import { test } from "node:test";
import { DType, float32ToBfloat16, float32ToHalf, fromStrings, newTensor, type Tensor } from "../index.ts";
import { assertClose, assertNear, goldenTensor } from "./index.ts";

const float = (...values: number[]): Tensor => newTensor(DType.Float, [values.length], Float32Array.from(values));
const int = (...values: number[]): Tensor => newTensor(DType.Int32, [values.length], Int32Array.from(values));
const inf = Number.POSITIVE_INFINITY;

const pairs: { name: string; got: Tensor; want: Tensor; tolerance?: number; text?: RegExp }[] = [
  { name: "equal values are close", got: float(1, inf, Number.NaN, -0), want: float(1, inf, Number.NaN, 0) },
  { name: "small numbers differ by the tolerance itself", got: float(0.05), want: float(0), tolerance: 0.1 },
  { name: "large numbers differ by their share of it", got: float(1050), want: float(1000), tolerance: 0.1 },
  { name: "past the tolerance is not close", got: float(0, 1.2), want: float(0, 1), tolerance: 0.1, text: /y: element 1 is 1.2\d*, want 1$/ },
  { name: "nothing is close to infinity", got: float(1), want: float(inf), tolerance: 0.1, text: /element 0 is 1, want Infinity/ },
  { name: "infinity is close to nothing", got: float(inf), want: float(1), tolerance: 0.1, text: /is Infinity, want 1/ },
  { name: "the infinities are far apart", got: float(-inf), want: float(inf), tolerance: 0.1, text: /is -Infinity, want Infinity/ },
  { name: "NaN is not close to a number", got: float(Number.NaN), want: float(1), tolerance: 0.1, text: /is NaN, want 1/ },
  { name: "integers must be equal", got: int(1001), want: int(1000), tolerance: 0.1, text: /is 1001, want 1000/ },
  { name: "no tolerance means equal", got: float(1.0000001), want: float(1), text: /want 1/ },
  {
    name: "halfs are compared as numbers, not as bits",
    got: newTensor(DType.Half, [1], float32ToHalf(Float32Array.of(1.01))),
    want: newTensor(DType.Half, [1], float32ToHalf(Float32Array.of(1))),
    tolerance: 0.1,
  },
  {
    name: "so are bfloat16s",
    got: newTensor(DType.BFloat16, [1], float32ToBfloat16(Float32Array.of(2))),
    want: newTensor(DType.BFloat16, [1], float32ToBfloat16(Float32Array.of(1))),
    tolerance: 0.1,
    text: /is 2, want 1/,
  },
  { name: "strings must be equal, byte for byte", got: fromStrings(["a"]), want: fromStrings(["b"]), text: /element 0 is 97, want 98/ },
  { name: "another shape", got: float(1), want: newTensor(DType.Float, [1, 1], Float32Array.of(1)), text: /got float \[1\], want float \[1,1\]/ },
  { name: "another dtype", got: float(1), want: int(1), text: /got float \[1\], want int32 \[1\]/ },
  { name: "data that does not fill its shape", got: { dtype: DType.Int32, shape: [1], data: Int32Array.of(1, 2) }, want: int(1), text: /got 2 values, want 1/ },
];
for (const tc of pairs) {
  test(`assertClose: ${tc.name}`, () => {
    const run = (): void => assertClose(tc.got, tc.want, tc.tolerance ?? 0, "y");
    if (tc.text === undefined) run();
    else assert.throws(run, tc.text);
  });
}

test("a golden is read from base64", () => {
  assert.deepEqual(goldenTensor({ dtype: "int32", shape: [1], content: "BwAAAA==" }), int(7));
  assert.deepEqual(goldenTensor({ dtype: "DT_STRING", shape: [1], strings: ["YQ=="] }), fromStrings(["a"]));
  assert.throws(() => goldenTensor({ dtype: "float1", shape: [] }), /golden tensor of float1/);
});

test("assertNear measures by the largest number that is wanted", () => {
  assertNear(float(100, 0.05, inf), float(100, 0, inf), 1e-3, "y");
  assert.throws(() => assertNear(float(100, 0.2), float(100, 0), 1e-3, "y"), /y: element 1/);
  assert.throws(() => assertNear(float(1), float(inf), 1, "y"), /want Infinity/);
});
