// Products of tensors whose dimensions have labels, where they lie: no operand is brought into another order first, if the steps of its dimensions allow it.
import { elementCount, type Tensor } from "@tfs/tensor";
import type { State } from "../kernel.ts";
import { productMs } from "../leash.ts";
import { strides, walk } from "../shape.ts";
import type { Numbers, Stack } from "../simd/index.ts";
import { resultOf } from "./product.ts";

/** Labels are what dimensions are called, sorted by what becomes of them in a product. */
export interface Labels {
  readonly batch: readonly string[];
  readonly rows: readonly string[];
  readonly columns: readonly string[];
  readonly contracted: readonly string[];
}

/** Walks gives the size and the step of each label. */
type Walks = ReadonlyMap<string, { readonly size: number; readonly step: number }>;

/** Way is how operands of known shapes are multiplied where they lie. */
export interface Way {
  readonly shape: readonly number[];
  readonly left: Geometry;
  readonly right: Geometry;
  readonly out: Pick<Geometry, "wide" | "at">;
  /** isOne says that it is one product of dense matrices. */
  readonly isOne: boolean;
}

type Geometry = Omit<Stack, "data">;

/**
 * wayOf finds one for operands of these shapes; there is none where the dimensions do not lie so. `left`, `right` and `output` name the dimensions; each must be there
 * once, and be one of `labels`.
 */
export function wayOf(
  [a, b]: readonly [readonly number[], readonly number[]],
  [left, right, output]: readonly [readonly string[], readonly string[], readonly string[]],
  { batch, rows, columns, contracted }: Labels,
): Way | undefined {
  if (left.length !== batch.length + rows.length + contracted.length || right.length !== batch.length + columns.length + contracted.length) return undefined;
  if (output.length !== batch.length + rows.length + columns.length) return undefined;
  const [x, y] = [walksOf(left, a), walksOf(right, b)];
  if ([...batch, ...contracted].some((label) => x.get(label)!.size !== y.get(label)!.size)) return undefined;
  const shape = output.map((label) => (x.get(label) ?? y.get(label))!.size);
  const z = walksOf(output, shape);
  if (elementCount(shape) === 0 || contracted.some((label) => x.get(label)!.size === 0)) return undefined;
  const [outRows, outColumns] = [together(z, rows), together(z, columns)];
  const first = geometry(x, rows, contracted, batch);
  const second = geometry(y, contracted, columns, batch);
  if (first === undefined || second === undefined || outRows === undefined || outColumns === undefined || outColumns.step !== 1) return undefined;
  const isOne = batch.length === 0 && (outRows.size === 1 || outRows.step === outColumns.size) && isDense(first) && isDense(second);
  return { shape, left: first, right: second, out: { wide: outRows.step, at: beginnings(z, batch) }, isOne };
}

/** multiplied goes it. */
export function multiplied({ simd, arena, leash }: State, a: Tensor, b: Tensor, way: Way): Tensor {
  leash?.step(productMs(elementCount(way.shape) * (way.left.transposed ? way.left.rows : way.left.columns)));
  const out = resultOf(arena, a.dtype, way.shape);
  const left = { ...way.left, data: a.data as Numbers };
  const right = { ...way.right, data: b.data as Numbers };
  if (way.isOne) simd.multiply(left, right, out.data as Numbers);
  else simd.multiplyEach(left, right, { ...way.out, data: out.data as Numbers });
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

/** geometry sees a tensor as matrices of these rows and columns, of which one or the other lie together. */
function geometry(walks: Walks, rows: readonly string[], columns: readonly string[], batch: readonly string[]): Geometry | undefined {
  const [r, c] = [together(walks, rows), together(walks, columns)];
  if (r === undefined || c === undefined) return undefined;
  const at = beginnings(walks, batch);
  if (c.step === 1 || c.size === 1) return { at, rows: r.size, columns: c.size, transposed: false, wide: r.size === 1 ? c.size : r.step };
  if (r.step === 1 || r.size === 1) return { at, rows: c.size, columns: r.size, transposed: true, wide: c.step };
  return undefined;
}

function isDense({ wide, columns }: Geometry): boolean {
  return wide === columns;
}

function beginnings(walks: Walks, batch: readonly string[]): Int32Array {
  const own = batch.map((label) => walks.get(label)!);
  return walk(
    own.map(({ size }) => size),
    own.map(({ step }) => step),
  );
}
