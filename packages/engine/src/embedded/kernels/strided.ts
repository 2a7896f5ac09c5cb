// Products of tensors whose dimensions have labels, where they lie: no operand is brought into another order first, if the steps of its dimensions allow it.
import { DType, elementCount, type Tensor } from "@tfs/tensor";
import type { State } from "../kernel.ts";
import { strides, walk } from "../shape.ts";
import type { Stack } from "../simd/index.ts";

/** Labels are what dimensions are called, sorted by what becomes of them in a product. */
export interface Labels {
  readonly batch: readonly string[];
  readonly rows: readonly string[];
  readonly columns: readonly string[];
  readonly contracted: readonly string[];
}

/** Walks gives the size and the step of each label. */
type Walks = ReadonlyMap<string, { readonly size: number; readonly step: number }>;

/**
 * stridedProduct multiplies floats; it gives nothing where the dimensions do not lie so that it could. `left`, `right` and `output` name the dimensions: each once, and
 * none but those of `labels`.
 */
export function stridedProduct(
  { simd, arena }: State,
  [a, b]: readonly [Tensor, Tensor],
  [left, right, output]: readonly [readonly string[], readonly string[], readonly string[]],
  labels: Labels,
): Tensor | undefined {
  const { batch, rows, columns, contracted } = labels;
  if (a.dtype !== DType.Float || b.dtype !== DType.Float) return undefined;
  if (left.length !== batch.length + rows.length + contracted.length || right.length !== batch.length + columns.length + contracted.length) return undefined;
  if (output.length !== batch.length + rows.length + columns.length) return undefined;
  const [x, y] = [walksOf(left, a.shape), walksOf(right, b.shape)];
  if ([...batch, ...contracted].some((label) => x.get(label)!.size !== y.get(label)!.size)) return undefined;
  const shape = output.map((label) => (x.get(label) ?? y.get(label))!.size);
  const z = walksOf(output, shape);
  if (elementCount(shape) === 0 || contracted.some((label) => x.get(label)!.size === 0)) return undefined;
  const [outRows, outColumns] = [together(z, rows), together(z, columns)];
  const first = stack(a, x, rows, contracted, batch);
  const second = stack(b, y, contracted, columns, batch);
  if (first === undefined || second === undefined || outRows === undefined || outColumns === undefined || outColumns.step !== 1) return undefined;
  const out = arena.make(shape);
  if (batch.length === 0 && (outRows.size === 1 || outRows.step === outColumns.size) && isDense(first) && isDense(second)) simd.multiply(first, second, out.data as Float32Array);
  else simd.multiplyEach(first, second, { data: out.data as Float32Array, wide: outRows.step, at: beginnings(z, batch) });
  return out;
}

function walksOf(labels: readonly string[], shape: readonly number[]): Walks {
  const steps = strides(shape);
  return new Map(labels.map((label, d) => [label, { size: shape[d]!, step: steps[d]! }]));
}

/** together gives the size and the step of dimensions that are walked over as one; nothing if they cannot be. */
function together(walks: Walks, labels: readonly string[]): { readonly size: number; readonly step: number } | undefined {
  let [size, step] = [1, 1];
  for (const label of [...labels].reverse()) {
    const own = walks.get(label)!;
    if (own.size === 1) continue;
    if (size === 1) step = own.step;
    else if (own.step !== step * size) return undefined;
    size *= own.size;
  }
  return { size, step };
}

/** stack sees a tensor as matrices of these rows and columns, of which one or the other lie together. */
function stack(t: Tensor, walks: Walks, rows: readonly string[], columns: readonly string[], batch: readonly string[]): Stack | undefined {
  const [r, c] = [together(walks, rows), together(walks, columns)];
  if (r === undefined || c === undefined) return undefined;
  const its = { data: t.data as Float32Array, at: beginnings(walks, batch) };
  if (c.step === 1 || c.size === 1) return { ...its, rows: r.size, columns: c.size, transposed: false, wide: r.size === 1 ? c.size : r.step };
  if (r.step === 1 || r.size === 1) return { ...its, rows: c.size, columns: r.size, transposed: true, wide: c.step };
  return undefined;
}

function isDense({ wide, columns }: Stack): boolean {
  return wide === columns;
}

function beginnings(walks: Walks, batch: readonly string[]): Int32Array {
  const own = batch.map((label) => walks.get(label)!);
  return walk(
    own.map(({ size }) => size),
    own.map(({ step }) => step),
  );
}
