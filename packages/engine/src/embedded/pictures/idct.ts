// The inverse cosine transform of libjpeg's "islow", to the last bit: integers of 13 bits after the point, columns first (jidctint.c's method, of Loeffler, Ligtenberg and Moschytz).

const work = new Int32Array(64);

/** inverse turns 64 coefficients, in rows, into samples from 0 to 255. */
export function inverse(coefficients: Int16Array, from: number, quants: Int32Array, out: Uint8Array, at: number, stride: number): void {
  for (let c = 0; c < 8; c++) {
    const q = (k: number): number => coefficients[from + 8 * k + c]! * quants[8 * k + c]!;
    line(q(0), q(1), q(2), q(3), q(4), q(5), q(6), q(7), 11, work, c, 8);
  }
  for (let r = 0; r < 8; r++) {
    const w = 8 * r;
    line(work[w]!, work[w + 1]!, work[w + 2]!, work[w + 3]!, work[w + 4]!, work[w + 5]!, work[w + 6]!, work[w + 7]!, 18, work, w, 1);
    for (let c = 0; c < 8; c++) {
      const v = work[w + c]! + 128;
      out[at + r * stride + c] = v < 0 ? 0 : v > 255 ? 255 : v;
    }
  }
}

/** line transforms eight numbers, and rounds `shift` bits away. */
function line(
  a0: number,
  a1: number,
  a2: number,
  a3: number,
  a4: number,
  a5: number,
  a6: number,
  a7: number,
  shift: number,
  out: Int32Array,
  at: number,
  step: number,
): void {
  const even = Math.imul(a2 + a6, 4433);
  const t2 = even + Math.imul(a6, -15137);
  const t3 = even + Math.imul(a2, 6270);
  const [t0, t1] = [(a0 + a4) << 13, (a0 - a4) << 13];
  const [e0, e3, e1, e2] = [t0 + t3, t0 - t3, t1 + t2, t1 - t2];
  const z5 = Math.imul(a7 + a3 + a5 + a1, 9633);
  const z1 = Math.imul(a7 + a1, -7373);
  const z2 = Math.imul(a5 + a3, -20995);
  const z3 = Math.imul(a7 + a3, -16069) + z5;
  const z4 = Math.imul(a5 + a1, -3196) + z5;
  const o0 = Math.imul(a7, 2446) + z1 + z3;
  const o1 = Math.imul(a5, 16819) + z2 + z4;
  const o2 = Math.imul(a3, 25172) + z2 + z3;
  const o3 = Math.imul(a1, 12299) + z1 + z4;
  const half = 1 << (shift - 1);
  out[at] = (e0 + o3 + half) >> shift;
  out[at + 7 * step] = (e0 - o3 + half) >> shift;
  out[at + step] = (e1 + o2 + half) >> shift;
  out[at + 6 * step] = (e1 - o2 + half) >> shift;
  out[at + 2 * step] = (e2 + o1 + half) >> shift;
  out[at + 5 * step] = (e2 - o1 + half) >> shift;
  out[at + 3 * step] = (e3 + o0 + half) >> shift;
  out[at + 4 * step] = (e3 - o0 + half) >> shift;
}
