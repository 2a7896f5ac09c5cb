/** Random gives the same numbers for the same seed. */
export interface Random {
  /** next gives [0, 1). */
  next(): number;
  /** below gives an integer from 0 to n - 1. */
  below(n: number): number;
  chance(share: number): boolean;
  pick<T>(from: readonly T[]): T;
  /** digits gives n decimal digits. */
  digits(n: number): string;
  /** word gives 32 random bits. */
  word(): number;
}

/** newRandom is splitmix32 (a finalizer of MurmurHash3 over a Weyl sequence): fast, and good enough to spread inputs. */
export function newRandom(seed: number): Random {
  let state = seed >>> 0;
  const word = (): number => {
    state = (state + 0x9e3779b9) >>> 0;
    let z = state ^ (state >>> 16);
    z = Math.imul(z, 0x85ebca6b);
    z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
    return (z ^ (z >>> 16)) >>> 0;
  };
  const next = (): number => word() / 2 ** 32;
  const below = (n: number): number => Math.floor(next() * n);
  return {
    next,
    below,
    word,
    chance: (share) => next() < share,
    pick: (from) => from[below(from.length)]!,
    digits(n) {
      let text = "";
      while (text.length < n) text += String(word()).padStart(10, "0").slice(1);
      return text.slice(0, n);
    },
  };
}
