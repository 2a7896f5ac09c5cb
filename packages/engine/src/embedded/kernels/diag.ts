// Diagonals and bands of matrices, in all three versions of the ops (matrix_diag_op.cc, matrix_set_diag_op.cc, matrix_band_part_op.cc).
import { Code, newError } from "@tfs/std";
import { elementCount, shapeText, type Tensor } from "@tfs/tensor";
import type { KernelFactory, Kernels } from "../kernel.ts";
import { copyRun, int, ints, make } from "../shape.ts";
import { tensorOf } from "../value.ts";

/** Band is a range of diagonals of matrices; a diagonal that is shorter than the longest lies at one end of its row. */
interface Band {
  readonly rows: number;
  readonly columns: number;
  readonly lower: number;
  readonly upper: number;
  /** longest is the length of the longest diagonal. */
  readonly longest: number;
  readonly align: string;
}

function band(rows: number, columns: number, k: readonly number[], align: string): Band {
  const [lower = 0, upper = lower] = k;
  if (lower > upper) throw newError(Code.InvalidArgument, `lower_diag_index must not be larger than upper_diag_index: ${lower} > ${upper}`);
  for (const d of [lower, upper])
    if (d !== 0 && !(d > -rows && d < columns))
      throw newError(Code.InvalidArgument, `diag_index is out of bound: ${d}. It must be between ${-rows} and ${columns}`);
  return { rows, columns, lower, upper, longest: Math.min(rows + Math.min(upper, 0), columns - Math.max(lower, 0)), align };
}

/** each visits the cells of a band: where each lies among the diagonals, and in the matrix. */
function each(b: Band, visit: (diagonal: number, cell: number) => void): void {
  for (let d = b.upper; d >= b.lower; d--) {
    const length = Math.min(b.rows + Math.min(0, d), b.columns - Math.max(0, d));
    const left = (d >= 0 && b.align.startsWith("LEFT")) || (d <= 0 && b.align.endsWith("LEFT"));
    const offset = (b.upper - d) * b.longest + (left ? 0 : b.longest - length);
    for (let i = 0; i < length; i++) visit(offset + i, (i + Math.max(0, -d)) * b.columns + i + Math.max(0, d));
  }
}

function matrices(t: Tensor): readonly [batch: readonly number[], rows: number, columns: number] {
  if (t.shape.length < 2) throw newError(Code.InvalidArgument, `input must be at least 2-dim, received shape: ${shapeText(t.shape)}`);
  return [t.shape.slice(0, -2), t.shape.at(-2)!, t.shape.at(-1)!];
}

function filled(t: Tensor, value: Tensor | undefined): Tensor {
  const v = value?.data[0];
  if (v !== undefined) (t.data as unknown as { fill(v: unknown): void }).fill(v);
  return t;
}

type Writable = { [i: number]: unknown };

/** part takes diagonals out of matrices. */
function part(t: Tensor, k: readonly number[], padding: Tensor | undefined, align: string): Tensor {
  const [batch, rows, columns] = matrices(t);
  const b = band(rows, columns, k, align);
  const count = b.upper - b.lower + 1;
  const out = filled(make(t.dtype, [...batch, ...(count === 1 ? [] : [count]), b.longest]), padding);
  const to = out.data as unknown as Writable;
  for (let m = 0; m < elementCount(batch); m++)
    each(b, (diagonal, cell) => {
      to[m * count * b.longest + diagonal] = t.data[m * rows * columns + cell];
    });
  return out;
}

/** diagonal makes matrices of diagonals. */
function diagonal(t: Tensor, k: readonly number[], wantRows: number, wantColumns: number, padding: Tensor | undefined, align: string): Tensor {
  if (t.shape.length < 1) throw newError(Code.InvalidArgument, `diagonal must be at least 1-dim, received shape: ${shapeText(t.shape)}`);
  const [lower = 0, upper = lower] = k;
  const count = upper - lower + 1;
  const longest = t.shape.at(-1)!;
  if (lower > upper) throw newError(Code.InvalidArgument, `lower_diag_index must not be larger than upper_diag_index: ${lower} > ${upper}`);
  if (count > 1 && t.shape.at(-2) !== count)
    throw newError(Code.InvalidArgument, `The number of diagonals provided in the input does not match the lower_diag_index and upper_diag_index range.`);
  const batch = t.shape.slice(0, count > 1 ? -2 : -1);
  const [leastRows, leastColumns] = [longest - Math.min(upper, 0), longest + Math.max(lower, 0)];
  const both = wantRows === -1 && wantColumns === -1 ? Math.max(leastRows, leastColumns) : undefined;
  const rows = both ?? (wantRows === -1 ? leastRows : wantRows);
  const columns = both ?? (wantColumns === -1 ? leastColumns : wantColumns);
  if (rows < leastRows) throw newError(Code.InvalidArgument, "The number of rows is too small.");
  if (columns < leastColumns) throw newError(Code.InvalidArgument, "The number of columns is too small.");
  if (rows !== leastRows && columns !== leastColumns)
    throw newError(Code.InvalidArgument, "The number of rows or columns is not consistent with the specified d_lower, d_upper, and diagonal.");
  const b: Band = { rows, columns, lower, upper, longest, align };
  const out = filled(make(t.dtype, [...batch, rows, columns]), padding);
  const to = out.data as unknown as Writable;
  for (let m = 0; m < elementCount(batch); m++)
    each(b, (at, cell) => {
      to[m * rows * columns + cell] = t.data[m * count * longest + at];
    });
  return out;
}

/** set gives matrices with other diagonals. */
function set(t: Tensor, given: Tensor, k: readonly number[], align: string): Tensor {
  const [batch, rows, columns] = matrices(t);
  const b = band(rows, columns, k, align);
  const count = b.upper - b.lower + 1;
  const want = [...batch, ...(count === 1 ? [] : [count]), b.longest];
  if (shapeText(want) !== shapeText(given.shape))
    throw newError(
      Code.InvalidArgument,
      `The shape of diagonal is ${shapeText(given.shape)}, where ${shapeText(want)} is expected for an input of ${shapeText(t.shape)}`,
    );
  const out = make(t.dtype, t.shape);
  copyRun(t.data, 0, t.data.length, out.data, 0);
  const to = out.data as unknown as Writable;
  for (let m = 0; m < elementCount(batch); m++)
    each(b, (at, cell) => {
      to[m * rows * columns + cell] = given.data[m * count * b.longest + at];
    });
  return out;
}

const bandPart: KernelFactory = () => (inputs) => {
  const [t, below, above] = [tensorOf(inputs[0]), int(tensorOf(inputs[1])), int(tensorOf(inputs[2]))];
  const [batch, rows, columns] = matrices(t);
  if (below > rows || above > columns)
    throw newError(Code.InvalidArgument, `num_lower and num_upper must be at most ${rows} and ${columns}, got ${below} and ${above}`);
  const out = make(t.dtype, t.shape);
  const to = out.data as unknown as Writable;
  for (let m = 0; m < elementCount(batch); m++)
    for (let r = 0; r < rows; r++)
      for (let c = 0; c < columns; c++)
        if ((below < 0 || r - c <= below) && (above < 0 || c - r <= above)) {
          const i = (m * rows + r) * columns + c;
          to[i] = t.data[i];
        }
  return out;
};

/** wide makes a tensor of twice the rank whose diagonal is the input. */
const wide: KernelFactory = () => (inputs) => {
  const t = tensorOf(inputs[0]);
  const n = elementCount(t.shape);
  const out = make(t.dtype, [...t.shape, ...t.shape]);
  const to = out.data as unknown as Writable;
  for (let i = 0; i < n; i++) to[i * n + i] = t.data[i];
  return out;
};

const widePart: KernelFactory = () => (inputs) => {
  const t = tensorOf(inputs[0]);
  const half = t.shape.slice(0, t.shape.length / 2);
  if (t.shape.length % 2 !== 0 || shapeText(half) !== shapeText(t.shape.slice(half.length)))
    throw newError(Code.InvalidArgument, `Invalid shape ${shapeText(t.shape)}: dimensions must come in equal halves`);
  const n = elementCount(half);
  const out = make(t.dtype, half);
  const to = out.data as unknown as Writable;
  for (let i = 0; i < n; i++) to[i] = t.data[i * n + i];
  return out;
};

const leftLeft = "LEFT_LEFT";

export const diagonals: Kernels = {
  MatrixBandPart: bandPart,
  BatchMatrixBandPart: bandPart,
  MatrixDiag: () => (inputs) => diagonal(tensorOf(inputs[0]), [0], -1, -1, undefined, leftLeft),
  MatrixDiagPart: () => (inputs) => part(tensorOf(inputs[0]), [0], undefined, leftLeft),
  MatrixSetDiag: () => (inputs) => set(tensorOf(inputs[0]), tensorOf(inputs[1]), [0], leftLeft),
  MatrixDiagV2: made(() => leftLeft),
  MatrixDiagPartV2: taken(() => leftLeft),
  MatrixSetDiagV2: () => (inputs) => set(tensorOf(inputs[0]), tensorOf(inputs[1]), ints(tensorOf(inputs[2])), leftLeft),
  MatrixDiagV3: made((align) => align),
  MatrixDiagPartV3: taken((align) => align),
  MatrixSetDiagV3: (node) => {
    const align = node.attrs.string("align", "RIGHT_LEFT");
    return (inputs) => set(tensorOf(inputs[0]), tensorOf(inputs[1]), ints(tensorOf(inputs[2])), align);
  },
  Diag: wide,
  DiagPart: widePart,
};

function made(alignOf: (given: string) => string): KernelFactory {
  return (node) => {
    const align = alignOf(node.attrs.string("align", "RIGHT_LEFT"));
    return (inputs) => {
      const [t, k, rows, columns, padding] = inputs.map(tensorOf) as [Tensor, Tensor, Tensor, Tensor, Tensor];
      return diagonal(t, ints(k), int(rows), int(columns), padding, align);
    };
  };
}

function taken(alignOf: (given: string) => string): KernelFactory {
  return (node) => {
    const align = alignOf(node.attrs.string("align", "RIGHT_LEFT"));
    return (inputs) => part(tensorOf(inputs[0]), ints(tensorOf(inputs[1])), tensorOf(inputs[2]), align);
  };
}
