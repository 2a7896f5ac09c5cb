// Updates of rows and elements by index: of tensors, which give a new one, and of variables, which keep it (scatter_nd_op.cc, scatter_op.cc).
import { Code, newError } from "@tfs/std";
import { DType, dtypeName, elementCount, shapeText, type Tensor } from "@tfs/tensor";
import type { KernelFactory, Kernels } from "../kernel.ts";
import { copyRun, ints, make } from "../shape.ts";
import { tensorOf, variableOf } from "../value.ts";
import { narrow, widen } from "./math.ts";

type Join = (old: number, update: number) => number;

const joins = {
  Update: undefined,
  Add: (a, b) => a + b,
  Sub: (a, b) => a - b,
  Mul: (a, b) => a * b,
  Div: (a, b) => a / b,
  Min: (a, b) => (b < a ? b : a),
  Max: (a, b) => (b > a ? b : a),
} satisfies Record<string, Join | undefined>;
type How = keyof typeof joins;

/** changed gives a copy of `t` with runs of `run` elements changed: run i lies at place(i). Without a join the new takes the old's place. */
function changed(t: Tensor, updates: Tensor, run: number, count: number, place: (i: number) => number, join: Join | undefined): Tensor {
  if (t.dtype !== updates.dtype) throw newError(Code.InvalidArgument, `updates are ${dtypeName(updates.dtype)}, not ${dtypeName(t.dtype)}`);
  const n = elementCount(updates.shape);
  const width = n === 0 ? 1 : updates.data.length / n;
  if (join === undefined) {
    const out = make(t.dtype, t.shape);
    copyRun(t.data, 0, t.data.length, out.data, 0);
    for (let i = 0; i < count; i++) copyRun(updates.data, i * run * width, run * width, out.data, place(i) * width);
    return out;
  }
  if (t.dtype === DType.String || t.dtype === DType.Bool) throw newError(Code.Unimplemented, `arithmetic on ${dtypeName(t.dtype)} is not supported`);
  const out = (widen(t) as Float32Array).slice();
  const from = widen(updates) as Float32Array;
  for (let i = 0; i < count; i++) {
    const to = place(i) * width;
    for (let k = 0; k < run * width; k++) out[to + k] = join(out[to + k]!, from[i * run * width + k]!);
  }
  return narrow(t.dtype, t.shape, out);
}

/** byIndex changes slices of `t`; the last dimension of the indices says where each is. */
function byIndex(t: Tensor, indices: Tensor, updates: Tensor, join: Join | undefined): Tensor {
  const depth = indices.shape.at(-1) ?? 0;
  if (indices.shape.length < 1 || depth > t.shape.length)
    throw newError(
      Code.InvalidArgument,
      `The last dimension of indices must be at most the rank of the output: ${shapeText(indices.shape)} vs. ${shapeText(t.shape)}`,
    );
  const inner = t.shape.slice(depth);
  const want = [...indices.shape.slice(0, -1), ...inner];
  if (shapeText(want) !== shapeText(updates.shape))
    throw newError(
      Code.InvalidArgument,
      `Dimensions [0,${indices.shape.length - 1}) of indices[shape=${shapeText(indices.shape)}] must match dimensions of updates[shape=${shapeText(updates.shape)}]`,
    );
  const at = ints(indices);
  const [run, count] = [elementCount(inner), elementCount(indices.shape.slice(0, -1))];
  const places = Array.from({ length: count }, (_, i) => {
    let flat = 0;
    for (let d = 0; d < depth; d++) {
      const index = at[i * depth + d]!;
      if (index < 0 || index >= t.shape[d]!)
        throw newError(
          Code.InvalidArgument,
          `indices[${i}] = [${at.slice(i * depth, (i + 1) * depth).join(", ")}] does not index into shape ${shapeText(t.shape)}`,
        );
      flat = flat * t.shape[d]! + index;
    }
    return flat * run;
  });
  return changed(t, updates, run, count, (i) => places[i]!, join);
}

/** byRow changes whole rows of `t`; one scalar may stand for all updates. */
function byRow(t: Tensor, indices: Tensor, updates: Tensor, join: Join | undefined): Tensor {
  const inner = t.shape.slice(1);
  const [rows, run] = [ints(indices), elementCount(inner)];
  rows.forEach((row, i) => {
    if (row < 0 || row >= (t.shape[0] ?? 0)) throw newError(Code.InvalidArgument, `indices[${i}] = ${row} is not in [0, ${t.shape[0] ?? 0})`);
  });
  const want = [...indices.shape, ...inner];
  let all = updates;
  if (updates.shape.length === 0) {
    all = make(updates.dtype, want);
    (all.data as unknown as { fill(v: unknown): void }).fill(updates.data[0]);
  } else if (shapeText(want) !== shapeText(updates.shape)) {
    throw newError(
      Code.InvalidArgument,
      `Must have updates.shape = indices.shape + params.shape[1:] or updates.shape = [], got updates.shape ${shapeText(updates.shape)}, indices.shape ${shapeText(indices.shape)}, params.shape ${shapeText(t.shape)}`,
    );
  }
  return changed(t, all, run, rows.length, (i) => rows[i]! * run, join);
}

type Change = (t: Tensor, indices: Tensor, updates: Tensor, join: Join | undefined) => Tensor;

/** ofVariable changes what a variable holds, and gives the variable. */
function ofVariable(change: Change, how: How): KernelFactory {
  return () => (inputs) => {
    const variable = variableOf(inputs[0]);
    variable.value = change(tensorOf(variable), tensorOf(inputs[1]), tensorOf(inputs[2]), joins[how]);
    return variable;
  };
}

const ofTensor =
  (how: How): KernelFactory =>
  () =>
  (inputs) =>
    byIndex(tensorOf(inputs[0]), tensorOf(inputs[1]), tensorOf(inputs[2]), joins[how]);

const scatterNd: KernelFactory = () => (inputs) => {
  const [indices, updates, shape] = [tensorOf(inputs[0]), tensorOf(inputs[1]), ints(tensorOf(inputs[2]))];
  // Strings begin empty, and are joined by taking the place.
  return byIndex(make(updates.dtype, shape), indices, updates, updates.dtype === DType.String || updates.dtype === DType.Bool ? undefined : joins.Add);
};

const names = Object.keys(joins) as How[];

export const scatters: Kernels = {
  ScatterNd: scatterNd,
  TensorScatterUpdate: ofTensor("Update"),
  TensorScatterAdd: ofTensor("Add"),
  TensorScatterSub: ofTensor("Sub"),
  TensorScatterMin: ofTensor("Min"),
  TensorScatterMax: ofTensor("Max"),
  ScatterNdNonAliasingAdd: ofTensor("Add"),
  ...Object.fromEntries(names.flatMap((how) => [`Scatter${how}`, `ResourceScatter${how}`].map((op) => [op, ofVariable(byRow, how)]))),
  ...Object.fromEntries(
    names
      .filter((how) => how !== "Mul" && how !== "Div")
      .flatMap((how) => [`ScatterNd${how}`, `ResourceScatterNd${how}`].map((op) => [op, ofVariable(byIndex, how)])),
  ),
};
