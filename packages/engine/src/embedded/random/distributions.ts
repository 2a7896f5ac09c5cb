// Numbers from words, as tensorflow/core/lib/random/random_distributions.h makes them: to the last bit for float32 and integers.
import { logf, sincosf } from "./floats.ts";
import { allWords, newWords, type Philox, skipped } from "./philox.ts";

const bits = new DataView(new ArrayBuffer(8));

/** unit makes a float from 0 to below 1 of the lower 23 bits. */
export function unit(word: number): number {
  bits.setUint32(0, 0x3f800000 | (word & 0x7fffff));
  return bits.getFloat32(0) - 1;
}

/** unitDouble makes a double of 52 bits of two words. */
export function unitDouble(first: number, second: number): number {
  bits.setUint32(0, 0x3ff00000 | (first & 0xfffff));
  bits.setUint32(4, second);
  return bits.getFloat64(0) - 1;
}

/** Fill writes numbers of a stream to all of `out`. */
export type Fill = (stream: Philox, out: Float32Array | Float64Array) => void;

export const uniform: Fill = (stream, out) => {
  const from = allWords(stream, out.length);
  for (let i = 0; i < out.length; i++) out[i] = unit(from[i]!);
};

/** uniformBy makes floats of as many bits as a narrower float has after its point. */
export function uniformBy(mantissa: number): Fill {
  const [mask, scale] = [2 ** mantissa - 1, 2 ** mantissa];
  return (stream, out) => {
    const from = allWords(stream, out.length);
    for (let i = 0; i < out.length; i++) out[i] = (from[i]! & mask) / scale;
  };
}

export const uniformDouble: Fill = (stream, out) => {
  const from = allWords(stream, out.length * 2);
  for (let i = 0; i < out.length; i++) out[i] = unitDouble(from[2 * i]!, from[2 * i + 1]!);
};

const smallest = Math.fround(1e-7);

/** pair makes two normal floats of two words (Box and Muller). */
function pair(first: number, second: number): readonly [number, number] {
  const u = Math.max(unit(first), smallest);
  const angle = Math.fround(2 * Math.PI * unit(second));
  const length = Math.fround(Math.sqrt(Math.fround(-2 * logf(u))));
  const [sin, cos] = sincosf(angle);
  return [Math.fround(sin * length), Math.fround(cos * length)];
}

function pairDouble(a: number, b: number, c: number, d: number): readonly [number, number] {
  const u = Math.max(unitDouble(a, b), 1e-7);
  const angle = 2 * Math.PI * unitDouble(c, d);
  const length = Math.sqrt(-2 * Math.log(u));
  return [Math.sin(angle) * length, Math.cos(angle) * length];
}

export const normal: Fill = (stream, out) => {
  const from = allWords(stream, out.length);
  for (let i = 0; i < out.length; i += 2) {
    const [x, y] = pair(from[i]!, from[i + 1]!);
    out[i] = x;
    if (i + 1 < out.length) out[i + 1] = y;
  }
};

export const normalDouble: Fill = (stream, out) => {
  const from = allWords(stream, out.length * 2);
  for (let i = 0; i < out.length; i += 2) {
    const [x, y] = pairDouble(from[2 * i]!, from[2 * i + 1]!, from[2 * i + 2]!, from[2 * i + 3]!);
    out[i] = x;
    if (i + 1 < out.length) out[i + 1] = y;
  }
};

/** Numbers that are reserved in the stream for each that comes out, since some are thrown away (random_op_cpu.h). */
export const reserved = 256;

/** truncated takes normal numbers of less than 2; each group of outputs begins at its own place of the stream. */
export const truncated: Fill = (stream, out) => cut(stream, out, 4, (next) => pair(next(), next()));
export const truncatedDouble: Fill = (stream, out) => cut(stream, out, 2, (next) => pairDouble(next(), next(), next(), next()));

function cut(stream: Philox, out: Float32Array | Float64Array, group: number, draw: (next: () => number) => readonly [number, number]): void {
  for (let from = 0; from < out.length; from += group) {
    const source = newWords(skipped(stream, (from * reserved) / 4));
    for (let i = from; i < from + group; ) for (const x of draw(source.next)) if (Math.abs(x) < 2 && i < from + group) out[i++] = x;
  }
}

/** whole fills integers of 32 bits from `low` on, below `low + range`; a range of 0 means all. */
export function whole(stream: Philox, out: Int32Array | Uint32Array, low: number, range: number): void {
  const from = allWords(stream, out.length);
  for (let i = 0; i < out.length; i++) out[i] = range === 0 ? from[i]! : low + (from[i]! % range);
}

/** wholeLong is whole for 64 bits. */
export function wholeLong(stream: Philox, out: BigInt64Array | BigUint64Array, low: bigint, range: bigint): void {
  const from = allWords(stream, out.length * 2);
  for (let i = 0; i < out.length; i++) {
    const all = BigInt(from[2 * i]!) | (BigInt(from[2 * i + 1]!) << 32n);
    out[i] = range === 0n ? all : low + (all % range);
  }
}
