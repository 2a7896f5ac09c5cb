// Data plane: conversions between float32 and the 16- and 8-bit floats. All round to nearest, ties to even, as TensorFlow (Eigen, ml_dtypes) does.

const f32 = new Float32Array(1);
const u32 = new Uint32Array(f32.buffer);

/** halfToFloat32 widens IEEE 754 binary16 bits; exact. */
export function halfToFloat32(bits: Uint16Array): Float32Array {
  const out = new Float32Array(bits.length);
  const words = new Uint32Array(out.buffer);
  for (let i = 0; i < bits.length; i++) words[i] = widenHalf(bits[i]!);
  return out;
}

function widenHalf(h: number): number {
  const sign = (h & 0x8000) << 16;
  const exponent = (h >>> 10) & 0x1f;
  const mantissa = h & 0x3ff;
  if (exponent === 0x1f) return (sign | 0x7f800000 | (mantissa << 13)) >>> 0;
  if (exponent !== 0) return (sign | ((exponent + 112) << 23) | (mantissa << 13)) >>> 0;
  if (mantissa === 0) return sign >>> 0;
  f32[0] = mantissa * 2 ** -24; // subnormal: exact in float32
  return (sign | u32[0]!) >>> 0;
}

/** float32ToHalf narrows to binary16: past 65504 (rounded) infinity, NaN stays a quiet NaN. */
export function float32ToHalf(values: Float32Array): Uint16Array {
  const words = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const out = new Uint16Array(values.length);
  for (let i = 0; i < words.length; i++) out[i] = narrowHalf(words[i]!);
  return out;
}

function narrowHalf(word: number): number {
  const sign = (word >>> 16) & 0x8000;
  const magnitude = word & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00;
  if (magnitude >= 0x47800000) return sign | 0x7c00; // 65536 and up
  if (magnitude >= 0x38800000) {
    // Normal: rebias the exponent by -112, then round the 13 dropped bits; a carry runs into the exponent, up to infinity, by itself.
    const rebased = magnitude - 0x38000000;
    return sign | ((rebased + 0xfff + ((rebased >>> 13) & 1)) >>> 13);
  }
  u32[0] = magnitude;
  return sign | roundEven(f32[0]! * 2 ** 24); // subnormal: units of 2^-24; 1024 units are the smallest normal
}

function roundEven(x: number): number {
  const floor = Math.floor(x);
  const rest = x - floor;
  return rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor;
}

/** bfloat16ToFloat32 widens: the bits are float32's upper half; exact. */
export function bfloat16ToFloat32(bits: Uint16Array): Float32Array {
  const out = new Float32Array(bits.length);
  const words = new Uint32Array(out.buffer);
  for (let i = 0; i < bits.length; i++) words[i] = bits[i]! << 16;
  return out;
}

/** float32ToBfloat16 narrows, rounding; NaN becomes the quiet NaN 0x7fc0 with its sign. */
export function float32ToBfloat16(values: Float32Array): Uint16Array {
  const words = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const out = new Uint16Array(values.length);
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!;
    const nan = (word & 0x7fffffff) > 0x7f800000;
    out[i] = nan ? ((word >>> 16) & 0x8000) | 0x7fc0 : (word + 0x7fff + ((word >>> 16) & 1)) >>> 16;
  }
  return out;
}
