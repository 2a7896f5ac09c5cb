// Einsum: sums over what one operand has alone, then one batched matrix product over what both share, then the order that the output asks for.
import { Code, newError } from "@tfs/std";
import { DType, dtypeName, elementCount, reshape, shapeText, type Tensor } from "@tfs/tensor";
import type { Kernels, State } from "../kernel.ts";
import { make, strides, walk } from "../shape.ts";
import { tensorOf } from "../value.ts";
import { moved } from "./array.ts";
import { batchMatMul, isMultiplied } from "./product.ts";
import { sumOver } from "./reduce.ts";
import { type Labels, multiplied, type Way, wayOf } from "./strided.ts";

/** Equation is `ab...,bc...->ac...` taken apart. */
interface Equation {
  readonly inputs: readonly string[];
  readonly output: string;
}

/** Dtypes for which TensorFlow has the op. */
const supported: ReadonlySet<DType> = new Set([
  DType.Float,
  DType.Double,
  DType.Half,
  DType.BFloat16,
  DType.Int32,
  DType.Int64,
  DType.Complex64,
  DType.Complex128,
]);
const ellipsis = "...";
const unique = (labels: readonly string[]): string[] => [...new Set(labels)];

function parse(equation: string, inputCount: number): Equation {
  const refuse = (why: string): Error => newError(Code.InvalidArgument, why);
  const [left, output, ...more] = equation.split("->");
  if (left === undefined || output === undefined || more.length > 0) throw refuse(`Expecting exactly one '->' in einsum equation: ${equation}`);
  const inputs = left.split(",");
  if (inputs.length > 2) throw refuse(`Expecting 1 or 2 input subscripts in equation '${equation}' but got: ${inputs.length}`);
  if (inputs.length !== inputCount) throw refuse(`Expecting ${inputs.length} inputs for equation '${equation}' but got: ${inputCount}`);
  for (const subscript of [...inputs, output]) {
    if (!/^[A-Za-z0-9]*(\.\.\.[A-Za-z0-9]*)?$/.test(subscript))
      throw refuse(`Expected letters and at most one ellipsis (...) in the subscript '${subscript}' of einsum equation: ${equation}`);
  }
  for (const label of output.replace(ellipsis, "")) {
    if (!left.includes(label))
      throw refuse(`Einsum output subscripts for equation '${equation}' has label '${label}' which is not present in the input subscripts`);
  }
  return { inputs, output };
}

/** covered counts the dimensions for which a subscript's ellipsis stands in a tensor of that rank. */
function covered(subscript: string, rank: number, input: number): number {
  const named = subscript.replace(ellipsis, "").length;
  const open = subscript.includes(ellipsis);
  if (open ? rank < named : rank !== named)
    throw newError(Code.InvalidArgument, `Expected input ${input} to have rank ${open ? "at least " : ""}${named} but got: ${rank}`);
  return rank - named;
}

/** labelsOf names every dimension; those under an ellipsis count from the right, as broadcasting does. */
function labelsOf(subscript: string, broadcast: number): string[] {
  const [before = "", after] = subscript.split(ellipsis);
  if (after === undefined) return [...before];
  return [...before, ...Array.from({ length: broadcast }, (_, i) => `.${broadcast - i}`), ...after];
}

/** checkSizes holds that a label has one size everywhere; what an ellipsis covers broadcasts instead. */
function checkSizes(tensors: readonly Tensor[], labels: readonly (readonly string[])[]): void {
  const sizes = new Map<string, number>();
  tensors.forEach(({ shape }, i) => {
    labels[i]!.forEach((label, axis) => {
      const [size, known] = [shape[axis]!, sizes.get(label)];
      if (known === undefined) sizes.set(label, size);
      else if (known !== size && !label.startsWith("."))
        throw newError(Code.InvalidArgument, `Expected dimension ${known} at axis ${axis} of the input shaped ${shapeText(shape)} but got dimension ${size}`);
    });
  });
}

/** stepsOf gives the step of each label of `order` within data of `shape`; a label that stands twice walks the diagonal. */
function stepsOf(shape: readonly number[], labels: readonly string[], order: readonly string[]): number[] {
  const own = strides(shape);
  return order.map((label) => labels.reduce((sum, l, axis) => (l === label ? sum + own[axis]! : sum), 0));
}

/** arranged gives a tensor with the dimensions of `order`, each label once. */
function arranged(state: State, t: Tensor, labels: readonly string[], order: readonly string[]): Tensor {
  if (order.length === labels.length && order.every((label, i) => label === labels[i])) return t;
  const shape = order.map((label) => t.shape[labels.indexOf(label)]!);
  return moved(state, t, shape, stepsOf(t.shape, labels, order));
}

/** summed brings an operand to the dimensions of `order`, adding up over all its others. */
function summed(state: State, t: Tensor, labels: readonly string[], order: readonly string[]): Tensor {
  const gone = unique(labels).filter((label) => !order.includes(label));
  const all = arranged(state, t, labels, [...order, ...gone]);
  return gone.length === 0
    ? all
    : sumOver(
        all,
        gone.map((_, i) => order.length + i),
      );
}

/** spreadOut gives the output its order; a label that stands twice there puts the values on a diagonal among zeros. */
function spreadOut(state: State, t: Tensor, labels: readonly string[], output: readonly string[]): Tensor {
  if (unique(output).length === output.length) return arranged(state, t, labels, output);
  const shape = output.map((label) => t.shape[labels.indexOf(label)]!);
  const out = make(t.dtype, shape);
  const at = walk(t.shape, stepsOf(shape, output, labels));
  const width = at.length === 0 ? 1 : t.data.length / at.length;
  const [from, to] = [t.data as ArrayLike<number>, out.data as unknown as { [i: number]: number }];
  for (let i = 0; i < at.length; i++) for (let k = 0; k < width; k++) to[at[i]! * width + k] = from[i * width + k]!;
  return out;
}

/** sorted says what becomes of the labels of two operands. */
function sorted(left: readonly string[], right: readonly string[], output: readonly string[]): Labels {
  const shared = unique(left).filter((label) => right.includes(label));
  return {
    batch: shared.filter((label) => output.includes(label)),
    contracted: shared.filter((label) => !output.includes(label)),
    rows: unique(left).filter((label) => !right.includes(label) && output.includes(label)),
    columns: unique(right).filter((label) => !left.includes(label) && output.includes(label)),
  };
}

/** product multiplies two operands over the labels they share. */
function product(state: State, a: Tensor, b: Tensor, left: readonly string[], right: readonly string[], output: readonly string[]): Tensor {
  const { batch, contracted, rows, columns } = sorted(left, right, output);
  const x = summed(state, a, left, [...batch, ...rows, ...contracted]);
  const y = summed(state, b, right, [...batch, ...columns, ...contracted]);
  const matrices = (t: Tensor, free: number): Tensor => {
    const [outer, inner] = [batch.length, batch.length + free];
    return reshape(t, [...t.shape.slice(0, outer), elementCount(t.shape.slice(outer, inner)), elementCount(t.shape.slice(inner))]);
  };
  const z = batchMatMul(state, matrices(x, rows.length), matrices(y, columns.length), false, true);
  const size = (t: Tensor, count: number): number[] => t.shape.slice(batch.length, batch.length + count);
  const whole = reshape(z, [...z.shape.slice(0, batch.length), ...size(x, rows.length), ...size(y, columns.length)]);
  return spreadOut(state, whole, [...batch, ...rows, ...columns], output);
}

/** Prepared is what an equation comes to for inputs of some ranks. */
interface Prepared {
  readonly labels: readonly (readonly string[])[];
  readonly wanted: readonly string[];
}

function prepare({ inputs, output }: Equation, tensors: readonly Tensor[]): Prepared {
  for (const { dtype } of tensors) if (!supported.has(dtype)) throw newError(Code.Unimplemented, `Einsum is not supported for ${dtypeName(dtype)}`);
  const counts = inputs.map((subscript, i) => covered(subscript, tensors[i]!.shape.length, i));
  const broadcast = Math.max(...counts);
  if (broadcast > 0 && !output.includes(ellipsis))
    throw newError(Code.InvalidArgument, `Output contains ${broadcast} broadcasting dimension(s) but no ellipsis (...) was found in the output subscripts.`);
  const labels = inputs.map((subscript, i) => labelsOf(subscript, counts[i]!));
  checkSizes(tensors, labels);
  return { labels, wanted: labelsOf(output, broadcast) };
}

function einsum(state: State, { labels, wanted }: Prepared, [a, b]: readonly Tensor[]): Tensor {
  if (b !== undefined) return product(state, a!, b, labels[0]!, labels[1]!, wanted);
  const kept = unique(wanted);
  return spreadOut(state, summed(state, a!, labels[0]!, kept), kept, wanted);
}

export const einsums: Kernels = {
  Einsum: (node) => {
    const equation = parse(node.attrs.string("equation"), node.inputCount);
    let shapes: readonly (readonly number[])[] = [];
    let way: Way | undefined; // for numbers that WebAssembly multiplies, of these shapes
    return (inputs, state) => {
      const tensors = inputs.map((v) => tensorOf(v));
      const [a, b] = tensors;
      const fast = b !== undefined && isMultiplied(a!) && b.dtype === a!.dtype;
      if (fast && way !== undefined && tensors.every(({ shape }, i) => shapeText(shape) === shapeText(shapes[i]!))) return multiplied(state, a!, b, way);
      const prepared = prepare(equation, tensors);
      const [left, right] = prepared.labels as [readonly string[], readonly string[]];
      shapes = tensors.map(({ shape }) => shape);
      way = fast ? wayOf([a!.shape, b.shape], [left, right, prepared.wanted], sorted(left, right, prepared.wanted)) : undefined;
      return way === undefined ? einsum(state, prepared, tensors) : multiplied(state, a!, b!, way);
    };
  },
};
