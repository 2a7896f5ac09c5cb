// Steps of recurrent layers, which cell.c computes.
import { floatBytes, type Memory } from "./memory.ts";

/** Step is what a step of a recurrent layer reads: x[rows, size] and the state h[rows, units], each with a kernel for all gates, side by side, and a bias or none. */
export interface Step {
  readonly rows: number;
  readonly size: number;
  readonly units: number;
  readonly x: Float32Array;
  readonly kernel: Float32Array;
  readonly bias: Float32Array | undefined;
  readonly h: Float32Array;
  readonly recurrent: Float32Array;
}

/** lstm writes the state and the cell[rows, units] that follow. The gates are input, forget, cell and output; the one bias is of all sums. */
export function lstm(memory: Memory, step: Step & { readonly cell: Float32Array }, outH: Float32Array, outCell: Float32Array): void {
  const { rows: m, units: n, size: k } = step;
  const { code } = memory;
  const [toH, toCell] = [memory.target(outH), memory.target(outCell)];
  const kernel = memory.packed(step.kernel, k, 4 * n, false);
  const recurrent = memory.packed(step.recurrent, n, 4 * n, false);
  const bias = step.bias === undefined ? 0 : memory.source(step.bias);
  const gates = memory.temporary(m * 4 * n * floatBytes);
  code.lstm(m, n, k, memory.source(step.x), kernel, memory.source(step.h), recurrent, bias, memory.source(step.cell), gates, toH, toCell);
  memory.settle(toH, outH);
  memory.settle(toCell, outCell);
}

/** GruStep also has a bias for the state's sums, or both in one: two rows. */
export interface GruStep extends Step {
  readonly recurrentBias: Float32Array | undefined;
  readonly biases: Float32Array | undefined;
}

/** gru writes the state that follows. The gates are update, reset and candidate; the reset gate is applied to the state's product. */
export function gru(memory: Memory, step: GruStep, out: Float32Array): void {
  const { rows: m, units: n, size: k } = step;
  const to = memory.target(out);
  const kernel = memory.packed(step.kernel, k, 3 * n, false);
  const recurrent = memory.packed(step.recurrent, n, 3 * n, false);
  const placed = (bias: Float32Array | undefined): number => (bias === undefined ? 0 : memory.source(bias));
  const first = placed(step.biases ?? step.bias);
  const second = step.biases === undefined ? placed(step.recurrentBias) : first + 3 * n * floatBytes;
  const gates = memory.temporary(2 * m * 3 * n * floatBytes);
  memory.code.gru(m, n, k, memory.source(step.x), kernel, first, memory.source(step.h), recurrent, second, gates, to);
  memory.settle(to, out);
}
