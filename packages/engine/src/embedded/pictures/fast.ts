// The inverse cosine transform of libjpeg's "ifast", to the last bit: eight bits after the point, nothing rounded (jidctfst.c's method, of Arai, Agui and Nakajima). TensorFlow decodes by
// it unless it is asked to be accurate.

const work = new Int32Array(64);

/** Scales of the transform's outputs, as 14 bits after the point: row k's is cos(k pi / 16) times the root of 2, the first one 1; so for columns. */
const side = [1, 1.387039845, 1.306562965, 1.175875602, 1, 0.785694958, 0.5411961, 0.275899379];
const scales = Int32Array.from({ length: 64 }, (_, i) => Math.round(side[i >> 3]! * side[i & 7]! * 16384));

/** scaledQuants are quants with the scales in them, two bits after the point. */
export function scaledQuants(quants: Int32Array): Int32Array {
  return quants.map((q, i) => (q * scales[i]! + 2048) >> 12);
}

/** inverseFast turns 64 coefficients into samples; quants are scaled ones. */
export function inverseFast(coefficients: Int16Array, from: number, quants: Int32Array, out: Uint8Array, at: number, stride: number): void {
  for (let c = 0; c < 8; c++) {
    const q = (k: number): number => coefficients[from + 8 * k + c]! * quants[8 * k + c]!;
    line(q(0), q(1), q(2), q(3), q(4), q(5), q(6), q(7), work, c, 8);
  }
  for (let r = 0; r < 8; r++) {
    const w = 8 * r;
    line(work[w]!, work[w + 1]!, work[w + 2]!, work[w + 3]!, work[w + 4]!, work[w + 5]!, work[w + 6]!, work[w + 7]!, work, w, 1);
    for (let c = 0; c < 8; c++) {
      const v = (work[w + c]! >> 5) + 128;
      out[at + r * stride + c] = v < 0 ? 0 : v > 255 ? 255 : v;
    }
  }
}

function line(a0: number, a1: number, a2: number, a3: number, a4: number, a5: number, a6: number, a7: number, out: Int32Array, at: number, step: number): void {
  const [sum, difference] = [a0 + a4, a0 - a4];
  const t13 = a2 + a6;
  const t12 = (((a2 - a6) * 362) >> 8) - t13;
  const [e0, e3, e1, e2] = [sum + t13, sum - t13, difference + t12, difference - t12];
  const [z13, z10, z11, z12] = [a5 + a3, a5 - a3, a1 + a7, a1 - a7];
  const o7 = z11 + z13;
  const t11 = ((z11 - z13) * 362) >> 8;
  const z5 = ((z10 + z12) * 473) >> 8;
  const t10 = ((z12 * 277) >> 8) - z5;
  const o6 = ((z10 * -669) >> 8) + z5 - o7;
  const o5 = t11 - o6;
  const o4 = t10 + o5;
  out[at] = e0 + o7;
  out[at + 7 * step] = e0 - o7;
  out[at + step] = e1 + o6;
  out[at + 6 * step] = e1 - o6;
  out[at + 2 * step] = e2 + o5;
  out[at + 5 * step] = e2 - o5;
  out[at + 4 * step] = e3 + o4;
  out[at + 3 * step] = e3 - o4;
}
