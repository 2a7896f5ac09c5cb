/**
 * Philox 4x32-10, as TensorFlow counts with it (tensorflow/core/lib/random/philox_random.h): a counter of 128 bits and a key of 64, and four words for
 * each count. The counter's position is the stream's.
 */
export interface Philox {
  readonly key: readonly [number, number];
  /** counter is four words, the lowest first. */
  readonly counter: readonly [number, number, number, number];
}

const multipliers = [0xd2511f53, 0xcd9e8d57] as const;
const weyl = [0x9e3779b9, 0xbb67ae85] as const;

/** seeded makes the stream of two seeds, as a stateful op has it. */
export function seeded(seed: bigint, seed2: bigint): Philox {
  return { key: [low(seed), high(seed)], counter: [0, 0, low(seed2), high(seed2)] };
}

/** scrambled makes the stream of a stateless op's seed (stateless_random_ops.cc, GenerateKey). */
export function scrambled(seed0: bigint, seed1: bigint): Philox {
  const mix = new Uint32Array(4);
  words({ key: [0x3ec8f720, 0x02461e29], counter: [low(seed0), high(seed0), low(seed1), high(seed1)] }, mix, 0);
  return { key: [mix[0]!, mix[1]!], counter: [0, 0, mix[2]!, mix[3]!] };
}

export const low = (n: bigint): number => Number(BigInt.asUintN(32, n));
export const high = (n: bigint): number => Number(BigInt.asUintN(32, n >> 32n));

/** skipped is the stream `counts` counts later. */
export function skipped(stream: Philox, counts: number): Philox {
  let carry = counts;
  const counter = stream.counter.map((word) => {
    const sum = word + (carry % 2 ** 32);
    carry = Math.floor(carry / 2 ** 32) + (sum >= 2 ** 32 ? 1 : 0);
    return sum >>> 0;
  }) as [number, number, number, number];
  return { key: stream.key, counter };
}

/** words writes the four words of the stream's count to `out`. */
export function words({ key, counter }: Philox, out: Uint32Array, at: number): void {
  let [a, b, c, d] = counter;
  let [k0, k1] = key;
  for (let round = 0; round < 10; round++) {
    const [high0, low0] = [mulHigh(multipliers[0], a), Math.imul(multipliers[0], a)];
    const [high1, low1] = [mulHigh(multipliers[1], c), Math.imul(multipliers[1], c)];
    a = (high1 ^ b ^ k0) >>> 0;
    b = low1 >>> 0;
    c = (high0 ^ d ^ k1) >>> 0;
    d = low0 >>> 0;
    k0 = (k0 + weyl[0]) >>> 0;
    k1 = (k1 + weyl[1]) >>> 0;
  }
  out[at] = a;
  out[at + 1] = b;
  out[at + 2] = c;
  out[at + 3] = d;
}

/** mulHigh is the upper half of a product of 32 bits by 32, by halves of 16. */
function mulHigh(x: number, y: number): number {
  const [xl, xh, yl, yh] = [x & 0xffff, x >>> 16, y & 0xffff, y >>> 16];
  const low = xl * yl;
  const middle = xh * yl + (low >>> 16) + (low < 0 ? 65536 : 0);
  const other = (middle % 65536) + xl * yh;
  return xh * yh + Math.floor(middle / 65536) + Math.floor(other / 65536);
}

/** Words reads a stream word by word. */
export interface Words {
  next(): number;
}

export function newWords(stream: Philox): Words {
  const buffer = new Uint32Array(4);
  let at = 4;
  let from = stream;
  return {
    next() {
      if (at === 4) {
        words(from, buffer, 0);
        from = skipped(from, 1);
        at = 0;
      }
      return buffer[at++]!;
    },
  };
}

/** allWords gives the first n words of a stream, rounded up to four. */
export function allWords(stream: Philox, n: number): Uint32Array {
  const out = new Uint32Array(Math.ceil(n / 4) * 4);
  for (let i = 0, from = stream; i < out.length; i += 4, from = skipped(from, 1)) words(from, out, i);
  return out;
}
