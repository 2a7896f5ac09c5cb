// Attention: each head's scores, a piece of them at a time, never leave the cache (rows.c).
import { floatBytes, type Memory, padded } from "./memory.ts";

/** As in rows.c: so many rows of scores are computed at a time. */
const queries = 64;

/** Attention is what is asked, q[batches, rows, heads, size], of k[batches, keys, heads, size] and v[batches, keys, heads, wide]. */
export interface Attention {
  readonly batches: number;
  readonly heads: number;
  readonly rows: number;
  readonly keys: number;
  readonly size: number;
  readonly wide: number;
  readonly q: Float32Array;
  readonly k: Float32Array;
  readonly v: Float32Array;
  /** scale is what scores are multiplied by. */
  readonly scale: number;
  readonly mask: Mask | undefined;
}

/** Mask says which scores count, those where it is not zero, and what stands for the others. */
export interface Mask {
  readonly data: Float32Array;
  /** steps are from one batch, head and row to the next, in numbers; 0 where there is one for all. Those of a row lie together. */
  readonly steps: readonly [batch: number, head: number, row: number];
  readonly instead: number;
}

/** attend writes softmax(q kᵀ scale) v of each head to out[batches, rows, heads, wide]. */
export function attend(memory: Memory, asked: Attention, out: Float32Array): void {
  const { batches, heads, rows, keys, size, wide, scale, mask } = asked;
  const [q, k, v, to] = [memory.source(asked.q), memory.source(asked.k), memory.source(asked.v), memory.target(out)];
  const seen = mask === undefined ? 0 : memory.source(mask.data);
  const [stepBatch, stepHead, stepRow] = mask?.steps ?? [0, 0, 0];
  const room = memory.temporary((size * padded(keys) + keys * padded(wide) + Math.min(rows, queries) * keys) * floatBytes);
  const [far, farValues] = [heads * size, heads * wide];
  for (let b = 0; b < batches; b++)
    for (let h = 0; h < heads; h++) {
      const at = (from: number, count: number, each: number): number => from + (b * count * heads + h) * each * floatBytes;
      const maskAt = seen === 0 ? 0 : seen + (b * stepBatch + h * stepHead) * floatBytes;
      const given = [at(q, rows, size), far, at(k, keys, size), far, at(v, keys, wide), farValues, scale, maskAt, stepRow, mask?.instead ?? 0];
      memory.code.attend(rows, keys, size, wide, ...given, room, at(to, rows, wide), farValues);
    }
  memory.settle(to, out);
}
