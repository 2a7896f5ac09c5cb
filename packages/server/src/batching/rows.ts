// Data plane. Tensors of several tasks become those of one run, and its outputs become theirs: sections 5.4 and 5.6 of the behaviour specification.
import { Code, type Failure, newError } from "@tfs/std";
import { concat, pad, slice, type Tensor } from "@tfs/tensor";

export type Feeds = ReadonlyMap<string, Tensor>;

/** rowsOf gives the rows of a task, which all its inputs agree on. Throws InvalidArgument in TensorFlow Serving's words. */
export function rowsOf(feeds: Feeds): number {
  let rows = -1;
  for (const { shape } of feeds.values()) {
    if (shape.length === 0) throw newError(Code.InvalidArgument, "Batching Run() input tensors must have at least one dimension");
    if (rows >= 0 && shape[0] !== rows) throw newError(Code.InvalidArgument, "Batching Run() input tensors must have equal 0th-dimension size");
    rows = shape[0]!;
  }
  if (rows < 0) throw newError(Code.InvalidArgument, "Batching Run() must have at least one input tensor");
  return rows;
}

/** sizeFor gives the rows that a run of so many has: the next size that is allowed. */
export function sizeFor(rows: number, allowedSizes: readonly number[]): number {
  if (rows === 0) return 0; // there is no row to pad with
  return allowedSizes.find((size) => size >= rows) ?? rows;
}

export interface JoinOptions {
  readonly names: readonly string[];
  /** size is at least the rows of all tasks: what is more is padding. */
  readonly size: number;
  /** pads extends inner dimensions that differ. */
  readonly pads: boolean;
}

/** join makes the inputs of one run from those of several tasks. Throws FailedPrecondition or InvalidArgument. */
export function join(tasks: readonly Feeds[], { names, size, pads }: JoinOptions): Map<string, Tensor> {
  const joined = new Map<string, Tensor>();
  for (const name of names) {
    const given = tasks.map((feeds) => feeds.get(name)!);
    const tensors = given.every((t) => sameInside(t, given[0]!)) ? given : padded(name, given, pads);
    let missing = size;
    for (const { shape } of tensors) missing -= shape[0]!;
    if (missing > 0) {
      const last = tensors.findLast(({ shape }) => shape[0]! > 0)!; // padding is missing only where there are rows
      const row = slice(last, 0, 1);
      for (let i = 0; i < missing; i++) tensors.push(row);
    }
    joined.set(name, tensors.length === 1 ? tensors[0]! : concat(tensors));
  }
  return joined;
}

function sameInside({ shape }: Tensor, { shape: other }: Tensor): boolean {
  if (shape.length !== other.length) return false;
  for (let i = 1; i < shape.length; i++) if (shape[i] !== other[i]) return false;
  return true;
}

function padded(name: string, tensors: readonly Tensor[], pads: boolean): Tensor[] {
  const ranks = new Set(tensors.map(({ shape }) => shape.length));
  if (!pads || ranks.size > 1) {
    const what = `Tensors with name '${name}' from different tasks have different shapes and padding is turned off.`;
    const remedy = "Set pad_variable_length_inputs to true, or ensure that all tensors with the same name have equal dimensions starting with the first dim.";
    throw newError(Code.FailedPrecondition, `${what} ${remedy}`);
  }
  const greatest = tensors[0]!.shape.map((_, d) => tensors.reduce((most, { shape }) => Math.max(most, shape[d]!), 0));
  return tensors.map((t) => pad(t, greatest));
}

const flat: Failure = newError(Code.FailedPrecondition, "Batched output tensor has 0 dimensions");
const uneven: Failure = newError(
  Code.FailedPrecondition,
  "Batched output tensor's 0th dimension does not equal the sum of the 0th dimension sizes of the input tensors",
);

/** checkOutputs holds a run of `size` rows to outputs of as many. Throws FailedPrecondition in TensorFlow Serving's words. */
export function checkOutputs(outputs: readonly Tensor[], size: number): void {
  for (const { shape } of outputs) {
    if (shape.length === 0) throw flat;
    if (shape[0] !== size) throw uneven;
  }
}

/** cut gives rows [begin, end) of each tensor, as views. */
export function cut(tensors: readonly Tensor[], begin: number, end: number): Tensor[] {
  return tensors.map((t) => slice(t, begin, end));
}

/** glue joins the outputs of the pieces of one task. */
export function glue(pieces: readonly (readonly Tensor[])[]): Tensor[] {
  return pieces[0]!.map((_, i) => concat(pieces.map((outputs) => outputs[i]!)));
}
