// Crosses of features: every combination of one feature of each column, as one hash or one string (sparse_cross_op.cc).
import { Code, newError } from "@tfs/std";
import { DType, type Tensor } from "@tfs/tensor";
import type { KernelFactory, Kernels } from "../kernel.ts";
import { checkSize, ints } from "../shape.ts";
import { tensorOf } from "../value.ts";
import { integers } from "./array.ts";
import { fingerprint64 } from "./hash.ts";

type Feature = bigint | Uint8Array;
/** Column gives the features of each row. */
type Column = readonly (readonly Feature[])[];

const u64 = (n: bigint): bigint => BigInt.asUintN(64, n);
const mixed = (n: bigint): bigint => n ^ (n >> 47n);
const mul = 0xc6a4a7935bd1e995n;

/** joinedFingerprint is TensorFlow's FingerprintCat64. */
function joinedFingerprint(first: bigint, second: bigint): bigint {
  const result = u64((first ^ mul ^ u64(mixed(u64(second * mul)) * mul)) * mul);
  return mixed(u64(mixed(result) * mul));
}

const hashOf = (f: Feature): bigint => (typeof f === "bigint" ? u64(f) : fingerprint64(f));
const feature = (t: Tensor, i: number): Feature => (t.dtype === DType.String ? (t.data as readonly Uint8Array[])[i]! : BigInt(t.data[i] as number | bigint));

function sparseColumn(indices: Tensor, values: Tensor, rows: number): Column {
  const out: Feature[][] = Array.from({ length: rows }, () => []);
  ints(indices).forEach((row, i) => {
    if (i % 2 === 1) return;
    const list = out[row];
    if (list === undefined) throw newError(Code.InvalidArgument, `a row ${row} of ${rows}`);
    list.push(feature(values, i / 2));
  });
  return out;
}

function denseColumn(t: Tensor): Column {
  const [rows, columns] = t.shape as [number, number];
  if (t.shape.length !== 2) throw newError(Code.InvalidArgument, `Dense inputs should be a matrix but received rank ${t.shape.length}`);
  return Array.from({ length: rows }, (_, r) => Array.from({ length: columns }, (__, c) => feature(t, r * columns + c)));
}

/** crossed combines the columns of each row, those of the last column changing first. */
function crossed<T>(columns: readonly Column[], rows: number, join: (features: readonly Feature[]) => T): readonly (readonly T[])[] {
  return Array.from({ length: rows }, (_, r) => {
    let all: (readonly Feature[])[] = [[]];
    for (const column of columns) {
      checkSize(DType.String, [all.length * column[r]!.length]);
      all = all.flatMap((before) => column[r]!.map((f) => [...before, f]));
    }
    return all.map(join);
  });
}

function sparseOf<T>(rows: readonly (readonly T[])[], valuesOf: (all: readonly T[]) => Tensor): Tensor[] {
  const all = rows.flat();
  const indices = rows.flatMap((row, r) => row.flatMap((_, c) => [r, c]));
  const longest = rows.reduce((n, row) => Math.max(n, row.length), 0);
  return [integers(DType.Int64, [all.length, 2], indices), valuesOf(all), integers(DType.Int64, [2], [rows.length, longest])];
}

const longs = (all: readonly bigint[]): Tensor => ({ dtype: DType.Int64, shape: [all.length], data: BigInt64Array.from(all) });
const most = 2n ** 63n - 1n;

const cross: KernelFactory = (node) => {
  const count = node.attrs.int("N");
  const [hashed, buckets, key] = [node.attrs.bool("hashed_output"), node.attrs.long("num_buckets", 0n), u64(node.attrs.long("hash_key"))];
  return (inputs) => {
    const ts = inputs.map(tensorOf);
    const shapes = ts.slice(2 * count, 3 * count);
    const dense = ts.slice(3 * count);
    const rows = shapes[0] !== undefined ? ints(shapes[0])[0]! : (dense[0]?.shape[0] ?? 0);
    const columns = [...Array.from({ length: count }, (_, k) => sparseColumn(ts[k]!, ts[count + k]!, rows)), ...dense.map(denseColumn)];
    if (columns.some((c) => c.length !== rows)) throw newError(Code.InvalidArgument, "Expected all inputs to have the same batch size");
    if (hashed)
      return sparseOf(
        crossed(columns, rows, (features) => features.reduce<bigint>((sum, f) => joinedFingerprint(sum, hashOf(f)), key) % (buckets > 0n ? buckets : most)),
        longs,
      );
    const word = (f: Feature): Uint8Array => (typeof f === "bigint" ? Buffer.from(String(f)) : f);
    return sparseOf(
      crossed(columns, rows, (features) => new Uint8Array(Buffer.concat(features.flatMap((f, i) => (i === 0 ? [word(f)] : [Buffer.from("_X_"), word(f)]))))),
      (all) => ({ dtype: DType.String, shape: [all.length], data: all }),
    );
  };
};

export const crosses: Kernels = { SparseCross: cross };
