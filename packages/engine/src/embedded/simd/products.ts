import { floatBytes, type Memory, padded } from "./memory.ts";

/** Matrix is a matrix of floats, row by row; `transposed` stands for its transpose. */
export interface Matrix {
  readonly data: Float32Array;
  readonly rows: number;
  readonly columns: number;
  readonly transposed: boolean;
}

/** multiply writes a times b to `out`, row by row. The inner sizes must be equal and not zero. */
export function multiply(memory: Memory, a: Matrix, b: Matrix, out: Float32Array): void {
  const [m, k] = a.transposed ? [a.columns, a.rows] : [a.rows, a.columns];
  const n = b.transposed ? b.rows : b.columns;
  const wide = padded(n);
  const { at, free: left } = memory.packed(b.data, k, n, b.transposed);
  const spare = left + m * k * floatBytes; // the transpose goes here, then the result
  const to = a.transposed ? spare + m * k * floatBytes : spare;
  memory.room(to + m * wide * floatBytes);
  memory.copyIn(left, a.data);
  if (a.transposed) memory.code.transpose(k, m, left, spare);
  memory.code.gemm(m, n, k, a.transposed ? spare : left, at, to);
  if (wide === n) memory.copyOut(to, out);
  else for (let i = 0; i < m; i++) memory.copyOut(to + i * wide * floatBytes, out.subarray(i * n, (i + 1) * n));
}
