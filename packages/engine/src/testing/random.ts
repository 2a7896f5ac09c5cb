/** Random is a stream of numbers that a seed tells (mulberry32). */
export interface Random {
  /** below gives an integer from 0 up to, not including, n. */
  below(n: number): number;
  pick<T>(from: readonly T[]): T;
  /** chance is true once in n times. */
  chance(n: number): boolean;
  bytes(n: number): Uint8Array;
}

export function newRandom(seed: number): Random {
  let state = seed >>> 0;
  function below(n: number): number {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * n);
  }
  return {
    below,
    pick: (from) => from[below(from.length)]!,
    chance: (n) => below(n) === 0,
    bytes: (n) => Uint8Array.from({ length: n }, () => below(256)),
  };
}
