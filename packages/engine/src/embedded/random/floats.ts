// Floats of 32 bits by the same steps as the C library that TensorFlow calls (glibc's logf and sincosf, of ARM's optimized routines): they are not always
// the nearest ones, and a stream of random numbers is to be the same to the last bit.

const bits = new DataView(new ArrayBuffer(8));

function toBits(x: number): number {
  bits.setFloat32(0, x);
  return bits.getInt32(0);
}

/** Pairs of 1 / c and log c for sixteen parts of an octave. */
const parts: readonly (readonly [number, number])[] = [
  [hex(0x3ff661ec, 0x79f8f3be), hex(0xbfd57bf7, 0x808caade)],
  [hex(0x3ff571ed, 0x4aaf883d), hex(0xbfd2bef0, 0xa7c06ddb)],
  [hex(0x3ff49539, 0xf0f010b0), hex(0xbfd01eae, 0x7f513a67)],
  [hex(0x3ff3c995, 0xb0b80385), hex(0xbfcb31d8, 0xa68224e9)],
  [hex(0x3ff30d19, 0x0c8864a5), hex(0xbfc6574f, 0x0ac07758)],
  [hex(0x3ff25e22, 0x7b0b8ea0), hex(0xbfc1aa2b, 0xc79c8100)],
  [hex(0x3ff1bb4a, 0x4a1a343f), hex(0xbfba4e76, 0xce8c0e5e)],
  [hex(0x3ff12358, 0xf08ae5ba), hex(0xbfb1973c, 0x5a611ccc)],
  [hex(0x3ff0953f, 0x419900a7), hex(0xbfa252f4, 0x38e10c1e)],
  [hex(0x3ff00000, 0x00000000), 0],
  [hex(0x3fee608c, 0xfd9a47ac), hex(0x3faaa5aa, 0x5df25984)],
  [hex(0x3feca4b3, 0x1f026aa0), hex(0x3fbc5e53, 0xaa362eb4)],
  [hex(0x3feb2036, 0x576afce6), hex(0x3fc526e5, 0x7720db08)],
  [hex(0x3fe9c2d1, 0x63a1aa2d), hex(0x3fcbc286, 0x0d224770)],
  [hex(0x3fe886e6, 0x037841ed), hex(0x3fd1058b, 0xc8a07ee1)],
  [hex(0x3fe767dc, 0xf5534862), hex(0x3fd40430, 0x57b6ee09)],
];
const ln2 = hex(0x3fe62e42, 0xfefa39ef);
const [log0, log1, log2] = [hex(0xbfd00ea3, 0x48b88334), hex(0x3fd5575b, 0x0be00b6a), hex(0xbfdffffe, 0xf20a4123)] as const;

function hex(upper: number, lower: number): number {
  bits.setUint32(0, upper);
  bits.setUint32(4, lower);
  return bits.getFloat64(0);
}

/** logf of a positive normal number. */
export function logf(x: number): number {
  const ix = toBits(x);
  if (ix === 0x3f800000) return 0;
  const tmp = (ix - 0x3f330000) | 0;
  const k = tmp >> 23;
  bits.setInt32(0, ix - (tmp & 0xff800000));
  const z = bits.getFloat32(0);
  const [invc, logc] = parts[(tmp >>> 19) & 15]!;
  const r = z * invc - 1;
  const y0 = logc + k * ln2;
  const r2 = r * r;
  return Math.fround((log0 * r2 + (log1 * r + log2)) * r2 + (y0 + r));
}

const pi4 = hex(0x3fe921fb, 0x54442d18); // a quarter of pi
const turns = hex(0x41645f30, 0x6dc9c883); // 2 / pi * 2^24
const quarter = hex(0x3ff921fb, 0x54442d18); // pi / 2
const cosine = [1, hex(0xbfdfffff, 0xfd0c621c), hex(0x3fa55553, 0xe1068f19), hex(0xbf56c087, 0xe89a359d), hex(0x3ef99343, 0x027bf8c3)] as const;
const sine = [hex(0xbfc55554, 0x5995a603), hex(0x3f811076, 0x05230bc4), hex(0xbf2994eb, 0x3774cf24)] as const;

/** sincosf of a number from 0 to 2 pi. */
export function sincosf(y: number): readonly [sin: number, cos: number] {
  const top = toBits(y) >>> 20;
  if (top < toBits(pi4) >>> 20) {
    if (top < toBits(2 ** -12) >>> 20) return [y, 1];
    return both(y, y * y, 0, 1);
  }
  const r = y * turns;
  const n = ((r | 0) + 0x800000) >> 24;
  const x = y - n * quarter;
  // Of four quadrants the signs of sine are + - - +, and cosines of the second two are the negative ones.
  const sign = (n & 3) === 1 || (n & 3) === 2 ? -1 : 1;
  return both(x * sign, x * x, n, (n & 2) !== 0 ? -1 : 1);
}

function both(x: number, x2: number, n: number, sign: number): readonly [sin: number, cos: number] {
  const x3 = x * x2;
  const x4 = x2 * x2;
  const x5 = x3 * x2;
  const x6 = x4 * x2;
  const s = Math.fround(x + x3 * sine[0] + x5 * (sine[1] + x2 * sine[2]));
  const c = Math.fround(sign * cosine[0] + x2 * (sign * cosine[1]) + (x4 * (sign * cosine[2]) + x6 * (sign * cosine[3] + x2 * (sign * cosine[4]))));
  return (n & 1) !== 0 ? [c, s] : [s, c];
}
