import { biasAt, type Ending, plain } from "./ending.ts";
import { floatBytes, type Memory, padded } from "./memory.ts";

/** Matrix is a matrix of floats, row by row; `transposed` stands for its transpose. */
export interface Matrix {
  readonly data: Float32Array;
  readonly rows: number;
  readonly columns: number;
  readonly transposed: boolean;
}

/** multiply writes a times b to `out`, row by row. The inner sizes must be equal and not zero. */
export function multiply(memory: Memory, a: Matrix, b: Matrix, out: Float32Array, ending: Ending = plain): void {
  const [m, k] = a.transposed ? [a.columns, a.rows] : [a.rows, a.columns];
  const n = b.transposed ? b.rows : b.columns;
  const right = memory.packed(b.data, k, n, b.transposed);
  let left = memory.source(a.data);
  if (a.transposed) {
    const spare = memory.temporary(m * k * floatBytes);
    memory.code.transpose(a.rows, a.columns, a.columns, left, spare);
    left = spare;
  }
  const to = memory.target(out);
  memory.code.gemm(m, n, k, left, k, right, to, n, biasAt(memory, ending), ending.low, ending.high);
  memory.settle(to, out);
}

/** Stack is a stack of matrices of one size. */
export interface Stack extends Matrix {
  /** wide is how many floats the rows of each lie apart. */
  readonly wide: number;
  /** at says where each of them begins in `data`, in floats. */
  readonly at: ArrayLike<number>;
}

/** multiplyEach writes the products of the matrices of a and b, one by one, to those of `out`. */
export function multiplyEach(memory: Memory, a: Stack, b: Stack, out: Pick<Stack, "data" | "wide" | "at">): void {
  const [m, k] = a.transposed ? [a.columns, a.rows] : [a.rows, a.columns];
  const n = b.transposed ? b.rows : b.columns;
  const [left, right, to] = [memory.source(a.data), memory.source(b.data), memory.target(out.data)];
  const packed = memory.temporary(k * padded(n) * floatBytes);
  const spare = a.transposed ? memory.temporary(m * k * floatBytes) : 0;
  let [rightIn, leftIn] = [-1, -1]; // what lies in `packed`, and in `spare`
  for (let i = 0; i < out.at.length; i++) {
    const [x, y] = [a.at[i]!, b.at[i]!];
    if (rightIn !== y) memory.code.pack(k, n, b.transposed ? 1 : 0, b.wide, right + y * floatBytes, packed);
    if (a.transposed && leftIn !== x) memory.code.transpose(a.rows, a.columns, a.wide, left + x * floatBytes, spare);
    [rightIn, leftIn] = [y, x];
    const [from, wide] = a.transposed ? [spare, k] : [left + x * floatBytes, a.wide];
    memory.code.gemm(m, n, k, from, wide, packed, to + out.at[i]! * floatBytes, out.wide, 0, plain.low, plain.high);
  }
  memory.settle(to, out.data);
}
