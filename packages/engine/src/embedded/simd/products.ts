import { biasAt, type Ending, plain } from "./ending.ts";
import { floatBytes, type Memory } from "./memory.ts";

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
  const left = turned(memory, memory.source(a.data), a, a.transposed ? memory.temporary(m * k * floatBytes) : 0);
  const to = memory.target(out);
  memory.code.gemm(m, n, k, left, right, to, biasAt(memory, ending), ending.low, ending.high);
  memory.settle(to, out);
}

/** Stack is a stack of matrices of one size: `at` says where each of them begins in `data`, in floats. */
export interface Stack extends Matrix {
  readonly at: ArrayLike<number>;
}

/** multiplyEach multiplies matrix by matrix, and writes the products one after the other. */
export function multiplyEach(memory: Memory, a: Stack, b: Stack, out: Float32Array): void {
  const [m, k] = a.transposed ? [a.columns, a.rows] : [a.rows, a.columns];
  const n = b.transposed ? b.rows : b.columns;
  const [left, right, to] = [memory.source(a.data), memory.source(b.data), memory.target(out)];
  const packed = memory.temporary(k * Math.ceil(n / 8) * 8 * floatBytes);
  const spare = a.transposed ? memory.temporary(m * k * floatBytes) : 0;
  let [rightIn, leftIn, leftAt] = [-1, -1, 0]; // what lies in `packed`, and in `spare`
  for (let i = 0; i < a.at.length; i++) {
    if (rightIn !== b.at[i]!) memory.code.pack(k, n, b.transposed ? 1 : 0, right + b.at[i]! * floatBytes, packed);
    if (leftIn !== a.at[i]!) leftAt = turned(memory, left + a.at[i]! * floatBytes, a, spare);
    [rightIn, leftIn] = [b.at[i]!, a.at[i]!];
    memory.code.gemm(m, n, k, leftAt, packed, to + i * m * n * floatBytes, 0, plain.low, plain.high);
  }
  memory.settle(to, out);
}

/** turned gives where a matrix lies as it is meant: where it is, or, transposed, in `spare`. */
function turned(memory: Memory, at: number, { rows, columns, transposed }: Matrix, spare: number): number {
  if (!transposed) return at;
  memory.code.transpose(rows, columns, at, spare);
  return spare;
}
