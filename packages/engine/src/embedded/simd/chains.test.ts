import assert from "node:assert/strict";
import { test } from "node:test";
import { elementCount } from "@tfs/tensor";
import { erf, erfc } from "../kernels/unary.ts";
import { broadcast, offsets } from "../shape.ts";
import { type ChainOp, lay, newSimd, type Recipe } from "./index.ts";

let seed = 7;
function random(): number {
  seed = (Math.imul(seed, 1664525) + 1013904223) | 0;
  return seed / 2 ** 31;
}

const two: Partial<Record<ChainOp, (x: number, y: number) => number>> = {
  add: (x, y) => x + y,
  subtract: (x, y) => x - y,
  multiply: (x, y) => x * y,
  divide: (x, y) => x / y,
  maximum: Math.max,
  minimum: Math.min,
  squaredDifference: (x, y) => Math.fround(x - y) ** 2,
  leaky: (x, y) => (x < 0 ? x * y : x),
};
const rint = (x: number): number => (Math.abs(x % 1) === 0.5 ? 2 * Math.round(x / 2) : Math.round(x));
const one: Partial<Record<ChainOp, (x: number) => number>> = {
  relu: (x) => (x < 0 ? 0 : x),
  relu6: (x) => (x < 0 ? 0 : x > 6 ? 6 : x),
  negate: (x) => -x,
  absolute: Math.abs,
  square: (x) => x * x,
  root: Math.sqrt,
  inverseRoot: (x) => 1 / Math.sqrt(x),
  inverse: (x) => 1 / x,
  exponential: Math.exp,
  sigmoid: (x) => 1 / (1 + Math.exp(-x)),
  tanh: Math.tanh,
  erf,
  erfc,
  floor: Math.floor,
  ceil: Math.ceil,
  round: rint,
};

/** run runs a chain over inputs of these shapes; undefined if it cannot be laid out. */
function run(recipe: Recipe, inputs: readonly Float32Array[], shapes: readonly (readonly number[])[]): Float32Array | undefined {
  const layout = lay(recipe, shapes);
  if (layout === undefined) return undefined;
  const out = new Float32Array(elementCount(layout.shape)).fill(Number.NaN);
  newSimd().chain(layout, inputs, out);
  return out;
}

const special = [
  0,
  -0,
  0.5,
  1.5,
  2.5,
  -0.5,
  -1.5,
  1e-30,
  -1e-30,
  1e-5,
  -1e-5,
  87.5,
  -87.5,
  88.8,
  -103,
  150,
  -150,
  3e38,
  -3e38,
  Infinity,
  -Infinity,
  Number.NaN,
];
const numbers = Float32Array.from([...special, ...Array.from({ length: 4000 }, (_, i) => random() * (i < 1000 ? 1 : i < 3000 ? 12 : 90))]);
/** bound is how much of a number a result may be off; erfc's is the exponential of a square, whose rounding counts for more the larger it is. */
const bound = (op: ChainOp): number => (op === "erfc" ? 10e-6 : 2e-6);
for (const [op, of] of Object.entries(one) as [ChainOp, (x: number) => number][])
  test(`${op} is within ${bound(op) * 1e6} in a million of the true value`, () => {
    const got = run({ inputs: 1, steps: [{ op, from: [0] }] }, [numbers], [[numbers.length]])!;
    got.forEach((value, i) => {
      const want = Math.fround(of(numbers[i]!));
      // float32 has no more of numbers below 2^-126 than their distance.
      const close = Object.is(want, value) || want === value || Math.abs(value - want) <= bound(op) * Math.abs(want) + 2 ** -125;
      assert.ok(close, `${op}(${numbers[i]}) is ${value}, not ${want}`);
    });
  });

const shapes: readonly (readonly [a: readonly number[], b: readonly number[]])[] = [
  [[], []],
  [[7], [7]],
  [[1000], []],
  [[], [1000]],
  [
    [3, 50],
    [3, 1],
  ],
  [[3, 50], [50]],
  [[50], [3, 50]],
  [
    [3, 1],
    [1, 50],
  ],
  [
    [2, 1, 5],
    [4, 1],
  ],
  [
    [5, 3],
    [5, 1],
  ],
  [
    [2, 3, 4, 5],
    [3, 1, 5],
  ],
  [
    [2, 1, 4, 1, 3],
    [1, 3, 1, 5, 3],
  ],
  [
    [600, 1],
    [600, 1],
  ],
];
for (const [op, of] of Object.entries(two) as [ChainOp, (x: number, y: number) => number][])
  for (const [a, b] of shapes)
    test(`${op} of [${a}] and [${b}]`, () => {
      const [x, y] = [a, b].map((shape) => Float32Array.from({ length: elementCount(shape) }, random)) as [Float32Array, Float32Array];
      const shape = broadcast(a, b);
      const [p, q] = [offsets(a, shape), offsets(b, shape)];
      const want = Float32Array.from(p, (at, i) => of(x[at]!, y[q[i]!]!));
      assert.deepEqual(run({ inputs: 2, steps: [{ op, from: [0, 1] }] }, [x, y], [a, b]), want);
    });

test("what is not a number stays it through the limits", () => {
  for (const op of ["maximum", "minimum"] as const)
    assert.ok(Number.isNaN(run({ inputs: 2, steps: [{ op, from: [0, 1] }] }, [Float32Array.of(Number.NaN), Float32Array.of(1)], [[1], [1]])![0]));
});

test("random chains give what their steps give one by one", () => {
  const ops = Object.keys(two) as ChainOp[];
  for (let round = 0; round < 200; round++) {
    const dims = Array.from({ length: 1 + (round % 4) }, () => 1 + Math.floor(Math.abs(random()) * 6));
    const count = 1 + Math.floor(Math.abs(random()) * 4);
    const given = Array.from({ length: count }, () => dims.map((d) => (random() > 0.3 ? 1 : d)).slice(Math.floor(Math.abs(random()) * dims.length)));
    const inputs = given.map((shape) => Float32Array.from({ length: elementCount(shape) }, random));
    const length = 2 + Math.floor(Math.abs(random()) * 5);
    // Each step reads the one before it, so that the last one depends on all that is read.
    const steps = Array.from({ length }, (_, k) => ({
      op: ops.filter((o) => o !== "divide")[Math.floor(Math.abs(random()) * (ops.length - 1))]!,
      from: [k === 0 ? 0 : count + k - 1, k < count ? k : Math.floor(Math.abs(random()) * (count + k))],
    }));
    const used = given.filter((_, i) => steps.some((s) => s.from.includes(i)));
    if (used.length < count) continue;
    let values = given.map((shape, i) => ({ shape: shape as readonly number[], data: inputs[i]! }));
    for (const { op, from } of steps) {
      const [a, b] = from.map((v) => values[v]!) as [(typeof values)[0], (typeof values)[0]];
      const shape = broadcast(a.shape, b.shape);
      const [p, q] = [offsets(a.shape, shape), offsets(b.shape, shape)];
      values = [...values, { shape, data: Float32Array.from(p, (at, i) => two[op]!(a.data[at]!, b.data[q[i]!]!)) }];
    }
    const got = run({ inputs: count, steps }, inputs, given);
    if (got === undefined) continue; // much of it would be computed over and over
    const want = values.at(-1)!.data;
    assert.equal(got.length, want.length);
    for (const [i, v] of got.entries())
      assert.ok(Math.abs(v - want[i]!) <= 1e-5 * Math.abs(want[i]!) + 1e-6, `round ${round}, element ${i} is ${v}, not ${want[i]}`);
  }
});

const refused: readonly { readonly name: string; readonly recipe: Recipe; readonly shapes: readonly (readonly number[])[] }[] = [
  { name: "shapes that do not fit", recipe: { inputs: 2, steps: [{ op: "add", from: [0, 1] }] }, shapes: [[3], [4]] },
  { name: "no elements", recipe: { inputs: 2, steps: [{ op: "add", from: [0, 1] }] }, shapes: [[0, 3], [3]] },
  { name: "a bias of another length", recipe: { inputs: 2, steps: [{ op: "bias", from: [0, 1] }] }, shapes: [[3, 1], [4]] },
  {
    name: "more dimensions than it walks over",
    recipe: { inputs: 2, steps: [{ op: "add", from: [0, 1] }] },
    shapes: [
      [2, 1, 2, 1, 2, 1],
      [1, 2, 1, 2, 1, 2],
    ],
  },
  {
    name: "steps over little whose results are spread out",
    recipe: {
      inputs: 2,
      steps: [
        { op: "exponential", from: [0] },
        { op: "tanh", from: [2] },
        { op: "add", from: [3, 1] },
      ],
    },
    shapes: [
      [1, 100],
      [100, 1],
    ],
  },
];
for (const { name, recipe, shapes: given } of refused) test(`${name} are for others`, () => assert.equal(lay(recipe, given), undefined));
