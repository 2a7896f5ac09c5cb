import { isWeight, markWeight } from "../weight.ts";
import { biasAt, type Ending, plain } from "./ending.ts";
import { doubleBytes, floatBytes, type Memory, padded } from "./memory.ts";

/** Numbers are what products are of. */
export type Numbers = Float32Array | Float64Array;

/** Matrix is a matrix of floats or of doubles, row by row; `transposed` stands for its transpose. */
export interface Matrix {
  readonly data: Numbers;
  readonly rows: number;
  readonly columns: number;
  readonly transposed: boolean;
}

/** multiply writes a times b to `out`, row by row. All are floats, or all doubles, which have no ending. The inner sizes must be equal and not zero. */
export function multiply(memory: Memory, a: Matrix, b: Matrix, out: Numbers, ending: Ending = plain): void {
  if (!(a.data instanceof Float32Array)) {
    multiplyDoubles(memory, a, b, out);
    return;
  }
  const [m, k] = a.transposed ? [a.columns, a.rows] : [a.rows, a.columns];
  const n = b.transposed ? b.rows : b.columns;
  const right = memory.packed(floats(b.data), k, n, b.transposed);
  let left = memory.source(a.data);
  if (a.transposed) {
    const spare = memory.temporary(m * k * floatBytes);
    memory.code.transpose(a.rows, a.columns, a.columns, left, spare);
    left = spare;
  }
  const to = memory.target(floats(out));
  memory.code.gemm(m, n, k, left, k, right, to, n, biasAt(memory, ending), ending.low, ending.high);
  memory.settle(to, floats(out));
}

/** So many bytes of doubles are multiplied at a time: they lie elsewhere, and are copied to and fro. */
const pieceBytes = 2 ** 24;

/** multiplyDoubles is multiply for doubles, some rows of a and of `out` at a time. */
function multiplyDoubles(memory: Memory, a: Matrix, b: Matrix, out: Numbers): void {
  const [m, k] = a.transposed ? [a.columns, a.rows] : [a.rows, a.columns];
  const n = b.transposed ? b.rows : b.columns;
  const right = memory.packed(floats(b.data), k, n, b.transposed, doubleBytes);
  const rows = Math.min(m, Math.max(1, Math.floor(pieceBytes / doubleBytes / Math.max(k, n))));
  const whole = a.transposed ? memory.source(floats(a.data)) : 0;
  const [left, to] = [memory.temporary(rows * k * doubleBytes), memory.temporary(rows * n * doubleBytes)];
  for (let row = 0; row < m; row += rows) {
    const end = Math.min(m, row + rows);
    if (a.transposed) memory.code.transpose64(k, end - row, m, whole + row * doubleBytes, left);
    else memory.copyIn(left, floats(a.data.subarray(row * k, end * k)));
    memory.code.gemm64(end - row, n, k, left, k, right, to, n);
    memory.copyOut(to, floats(out.subarray(row * n, end * n)));
  }
}

const seen = new WeakMap<Float64Array, Float32Array>();

/** floats gives numbers as floats: doubles as twice as many, which are what is kept of weights. */
function floats(data: Numbers): Float32Array {
  if (data instanceof Float32Array) return data;
  const known = seen.get(data);
  if (known !== undefined) return known;
  const view = new Float32Array(data.buffer, data.byteOffset, (data.length * doubleBytes) / floatBytes);
  if (isWeight(data)) {
    markWeight(view);
    seen.set(data, view);
  }
  return view;
}

/** Stack is a stack of matrices of one size. */
export interface Stack extends Matrix {
  /** wide is how many numbers the rows of each lie apart. */
  readonly wide: number;
  /** at says where each of them begins in `data`, in numbers. */
  readonly at: ArrayLike<number>;
}

/** multiplyEach writes the products of the matrices of a and b, one by one, to those of `out`. */
export function multiplyEach(memory: Memory, a: Stack, b: Stack, out: Pick<Stack, "data" | "wide" | "at">): void {
  const [m, k] = a.transposed ? [a.columns, a.rows] : [a.rows, a.columns];
  const n = b.transposed ? b.rows : b.columns;
  const target = floats(out.data);
  const [left, right, to] = [memory.source(floats(a.data)), memory.source(floats(b.data)), memory.target(target)];
  const isDouble = a.data instanceof Float64Array;
  const bytes = isDouble ? doubleBytes : floatBytes;
  const { code } = memory;
  const [pack, transpose] = isDouble ? [code.pack64, code.transpose64] : [code.pack, code.transpose];
  const packed = memory.temporary(k * padded(n, bytes) * bytes);
  const spare = a.transposed ? memory.temporary(m * k * bytes) : 0;
  let [rightIn, leftIn] = [-1, -1]; // what lies in `packed`, and in `spare`
  for (let i = 0; i < out.at.length; i++) {
    const [x, y] = [a.at[i]!, b.at[i]!];
    if (rightIn !== y) pack(k, n, b.transposed ? 1 : 0, b.wide, right + y * bytes, packed);
    if (a.transposed && leftIn !== x) transpose(a.rows, a.columns, a.wide, left + x * bytes, spare);
    [rightIn, leftIn] = [y, x];
    const [from, wide] = a.transposed ? [spare, k] : [left + x * bytes, a.wide];
    const c = to + out.at[i]! * bytes;
    if (isDouble) code.gemm64(m, n, k, from, wide, packed, c, out.wide);
    else code.gemm(m, n, k, from, wide, packed, c, out.wide, 0, plain.low, plain.high);
  }
  memory.settle(to, target);
}
