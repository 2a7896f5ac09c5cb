// Strings to buckets: Fingerprint64 is FarmHash's, the strong one SipHash-2-4, the old one TensorFlow's Hash64 (tensorflow/core/platform/{fingerprint,strong_hash,hash}.h).
import { Code, newError } from "@tfs/std";
import { DType, type Tensor } from "@tfs/tensor";
import type { KernelFactory, Kernels } from "../kernel.ts";
import { make } from "../shape.ts";
import { expectType, tensorOf } from "../value.ts";

const u64 = (n: bigint): bigint => BigInt.asUintN(64, n);
const rotate = (n: bigint, by: bigint): bigint => u64((n >> by) | (n << (64n - by)));
const [k0, k1, k2] = [0xc3a5c85c97cb3127n, 0xb492b66fbe98f273n, 0x9ae16a3b2f90404fn] as const;
const mixed = (n: bigint): bigint => n ^ (n >> 47n);

function join(u: bigint, v: bigint, mul: bigint): bigint {
  const a = mixed(u64((u ^ v) * mul));
  return u64(mixed(u64((v ^ a) * mul)) * mul);
}

/** fingerprint64 is farmhash::Fingerprint64. */
export function fingerprint64(s: Uint8Array): bigint {
  const n = s.length;
  const view = new DataView(s.buffer, s.byteOffset, n);
  const at = (i: number): bigint => view.getBigUint64(i, true);
  const mul = u64(k2 + BigInt(n) * 2n);
  if (n > 64) return long(at, n);
  if (n > 32) {
    const a = u64(at(0) * k2);
    const b = at(8);
    const c = u64(at(n - 8) * mul);
    const d = u64(at(n - 16) * k2);
    const y = u64(rotate(u64(a + b), 43n) + rotate(c, 30n) + d);
    const z = join(y, u64(a + rotate(u64(b + k2), 18n) + c), mul);
    const e = u64(at(16) * mul);
    const f = at(24);
    const g = u64((y + at(n - 32)) * mul);
    const h = u64((z + at(n - 24)) * mul);
    return join(u64(rotate(u64(e + f), 43n) + rotate(g, 30n) + h), u64(e + rotate(u64(f + a), 18n) + g), mul);
  }
  if (n > 16) {
    const a = u64(at(0) * k1);
    const b = at(8);
    const c = u64(at(n - 8) * mul);
    const d = u64(at(n - 16) * k2);
    return join(u64(rotate(u64(a + b), 43n) + rotate(c, 30n) + d), u64(a + rotate(u64(b + k2), 18n) + c), mul);
  }
  if (n >= 8) {
    const a = u64(at(0) + k2);
    const b = at(n - 8);
    return join(u64(rotate(b, 37n) * mul + a), u64((rotate(a, 25n) + b) * mul), mul);
  }
  if (n >= 4) return join(u64(BigInt(n) + (BigInt(view.getUint32(0, true)) << 3n)), BigInt(view.getUint32(n - 4, true)), mul);
  if (n === 0) return k2;
  const y = BigInt(s[0]! + (s[n >> 1]! << 8));
  const z = BigInt(n + (s[n - 1]! << 2));
  return u64(mixed(u64(y * k2) ^ u64(z * k0)) * k2);
}

type Pair = readonly [bigint, bigint];

function long(at: (i: number) => bigint, n: number): bigint {
  const weak = (i: number, first: bigint, second: bigint): Pair => {
    let a = u64(first + at(i));
    let b = rotate(u64(second + a + at(i + 24)), 21n);
    const c = a;
    a = u64(a + at(i + 8) + at(i + 16));
    b = u64(b + rotate(a, 44n));
    return [u64(a + at(i + 24)), u64(b + c)];
  };
  let x = 81n;
  let y = u64(81n * k1 + 113n);
  let z = u64(mixed(u64(y * k2 + 113n)) * k2);
  let [v, w]: [Pair, Pair] = [
    [0n, 0n],
    [0n, 0n],
  ];
  x = u64(x * k2 + at(0));
  const round = (i: number, mul: bigint, times: bigint): void => {
    x = u64(rotate(u64(x + y + v[0] + at(i + 8)), 37n) * mul);
    y = u64(rotate(u64(y + v[1] + at(i + 48)), 42n) * mul);
    x ^= u64(w[1] * times);
    y = u64(y + v[0] * times + at(i + 40));
    z = u64(rotate(u64(z + w[0]), 33n) * mul);
    v = weak(i, u64(v[1] * mul), u64(x + w[0]));
    w = weak(i + 32, u64(z + w[1]), u64(y + at(i + 16)));
    [z, x] = [x, z];
  };
  const end = Math.floor((n - 1) / 64) * 64;
  for (let i = 0; i < end; i += 64) round(i, k1, 1n);
  const mul = u64(k1 + ((z & 0xffn) << 1n));
  w = [u64(w[0] + BigInt((n - 1) & 63)), w[1]];
  v = [u64(v[0] + w[0]), v[1]];
  w = [u64(w[0] + v[0]), w[1]];
  round(n - 64, mul, 9n);
  return join(u64(join(v[0], w[0], mul) + u64(mixed(y) * k0) + z), u64(join(v[1], w[1], mul) + x), mul);
}

/** sipHash is SipHash-2-4 with a key of two words. */
export function sipHash(s: Uint8Array, key: readonly [bigint, bigint]): bigint {
  let v0 = key[0] ^ 0x736f6d6570736575n;
  let v1 = key[1] ^ 0x646f72616e646f6dn;
  let v2 = key[0] ^ 0x6c7967656e657261n;
  let v3 = key[1] ^ 0x7465646279746573n;
  const rounds = (count: number): void => {
    for (let i = 0; i < count; i++) {
      v0 = u64(v0 + v1);
      v1 = rotate(v1, 51n) ^ v0;
      v0 = rotate(v0, 32n);
      v2 = u64(v2 + v3);
      v3 = rotate(v3, 48n) ^ v2;
      v0 = u64(v0 + v3);
      v3 = rotate(v3, 43n) ^ v0;
      v2 = u64(v2 + v1);
      v1 = rotate(v1, 47n) ^ v2;
      v2 = rotate(v2, 32n);
    }
  };
  const take = (word: bigint): void => {
    v3 ^= word;
    rounds(2);
    v0 ^= word;
  };
  const whole = s.length - (s.length % 8);
  const view = new DataView(s.buffer, s.byteOffset, s.length);
  for (let i = 0; i < whole; i += 8) take(view.getBigUint64(i, true));
  let last = BigInt(s.length & 0xff) << 56n;
  for (let i = whole; i < s.length; i++) last |= BigInt(s[i]!) << BigInt(8 * (i - whole));
  take(last);
  v2 ^= 0xffn;
  rounds(4);
  return v0 ^ v1 ^ v2 ^ v3;
}

/** hash64 is TensorFlow's Hash64 with its own seed. */
export function hash64(s: Uint8Array): bigint {
  const m = 0xc6a4a7935bd1e995n;
  const view = new DataView(s.buffer, s.byteOffset, s.length);
  let h = 0xdecafcaffen ^ u64(BigInt(s.length) * m);
  const whole = s.length - (s.length % 8);
  for (let i = 0; i < whole; i += 8) {
    const k = u64(mixed(u64(view.getBigUint64(i, true) * m)) * m);
    h = u64((h ^ k) * m);
  }
  if (whole < s.length) {
    let rest = 0n;
    for (let i = whole; i < s.length; i++) rest |= BigInt(s[i]!) << BigInt(8 * (i - whole));
    h = u64((h ^ rest) * m);
  }
  return mixed(u64(mixed(h) * m));
}

/** buckets makes an op that puts strings in buckets by a hash. */
function buckets(hash: (s: Uint8Array) => bigint, count: bigint): (t: Tensor) => Tensor {
  if (count < 1n) throw newError(Code.InvalidArgument, `num_buckets must be at least 1, not ${count}`);
  return (t) => {
    const out = make(DType.Int64, t.shape);
    const to = out.data as BigInt64Array;
    (expectType(t, DType.String, "the input").data as readonly Uint8Array[]).forEach((s, i) => {
      to[i] = hash(s) % count;
    });
    return out;
  };
}

const by = (hash: (s: Uint8Array) => bigint): KernelFactory => {
  return (node) => {
    const put = buckets(hash, node.attrs.long("num_buckets"));
    return (inputs) => put(tensorOf(inputs[0]));
  };
};

export const hashes: Kernels = {
  StringToHashBucketFast: by(fingerprint64),
  StringToHashBucket: by(hash64),
  StringToHashBucketStrong: (node) => {
    const key = node.attrs.longs("key");
    if (key.length !== 2) throw newError(Code.InvalidArgument, `Key must have 2 elements, got ${key.length}`);
    const put = buckets((s) => sipHash(s, [u64(key[0]!), u64(key[1]!)]), node.attrs.long("num_buckets"));
    return (inputs) => put(tensorOf(inputs[0]));
  },
};
