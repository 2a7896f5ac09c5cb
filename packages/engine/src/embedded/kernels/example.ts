// ParseExample and ParseExampleV2: serialised tf.Examples to tensors. Source of the rules and texts: tensorflow/core/util/example_proto_fast_parsing.cc.
import { fromBinary } from "@bufbuild/protobuf";
import { type Example, ExampleSchema, type Feature } from "@tfs/proto";
import { Code, newError } from "@tfs/std";
import { DType, elementCount, type Tensor } from "@tfs/tensor";
import type { Kernel, KernelFactory, Kernels, Node } from "../kernel.ts";
import { copyRun, make } from "../shape.ts";
import { expectType, tensorOf } from "../value.ts";
import { integers } from "./array.ts";

/** Dense is one fixed-length feature: every example gives exactly `shape`, or the default stands in. */
export interface Dense {
  readonly key: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly fallback: Tensor;
}

/** Ragged is one feature of any length, whose values of all examples lie one after the other. */
interface Ragged {
  readonly key: string;
  readonly dtype: DType;
  readonly splits: DType;
}

/** Sparse is one feature of any length. */
export interface Sparse {
  readonly key: string;
  readonly dtype: DType;
}

const keysOf = (t: Tensor): string[] => (expectType(t, DType.String, "keys").data as readonly Uint8Array[]).map((b) => new TextDecoder().decode(b));

function parseOne(bytes: Uint8Array): Example {
  try {
    return fromBinary(ExampleSchema, bytes);
  } catch (err) {
    const shown = Buffer.from(bytes.subarray(0, 64))
      .toString("latin1")
      .replace(/[^\x20-\x7e]/g, "?");
    throw newError(Code.InvalidArgument, `Could not parse example input, value: '${shown}'`, err);
  }
}

/** valuesOf gives a feature's list as the dtype asks for; undefined if the feature is there but empty of any kind. */
function valuesOf(feature: Feature, dtype: DType): ArrayLike<unknown> | undefined {
  const { kind } = feature;
  if (kind.case === undefined) return undefined;
  const have = kind.case === "bytesList" ? DType.String : kind.case === "floatList" ? DType.Float : DType.Int64;
  if (have !== dtype) throw typeError(dtype, have);
  return kind.case === "int64List" ? kind.value.value.map(BigInt) : kind.value.value; // the field is declared jstype = JS_STRING
}

const typeNames: { readonly [dtype: number]: string } = { [DType.Int64]: "int64", [DType.Float]: "float", [DType.String]: "string" };

const typeError = (want: DType, have: DType) =>
  newError(Code.InvalidArgument, `Data types don't match. Data type: ${typeNames[have]} but expected type: ${typeNames[want]}`);

function where(name: string, index: number, key: string): string {
  return `Name: ${name}, Key: ${key}, Index: ${index}.`;
}

function dense(feature: Dense, examples: readonly Example[], names: readonly string[]): Tensor {
  if (feature.shape[0] === -1) return variable(feature, examples, names);
  const n = elementCount(feature.shape);
  const out = make(feature.dtype, [examples.length, ...feature.shape]);
  const write = out.data as unknown as { [i: number]: unknown };
  examples.forEach((example, i) => {
    const name = names[i] ?? "<unknown>";
    const found = example.features?.feature[feature.key];
    let values: ArrayLike<unknown> | undefined;
    try {
      values = found === undefined ? undefined : valuesOf(found, feature.dtype);
    } catch (err) {
      throw newError(Code.InvalidArgument, `${where(name, i, feature.key)}  ${(err as Error).message}`);
    }
    if (values === undefined) {
      if (feature.fallback.data.length === 0)
        throw newError(
          Code.InvalidArgument,
          `Name: ${name}, Feature: ${feature.key} (data type: ${typeNames[feature.dtype]}) is required but could not be found.`,
        );
      copyRun(feature.fallback.data, 0, n, out.data, i * n);
      return;
    }
    if (values.length !== n)
      throw newError(
        Code.InvalidArgument,
        `${where(name, i, feature.key)}  Number of ${feature.dtype === DType.String ? "bytes" : typeNames[feature.dtype]} values != expected.  values size: ${values.length} but output shape: [${feature.shape.join(",")}]`,
      );
    for (let k = 0; k < n; k++) write[i * n + k] = values[k];
  });
  return out;
}

/** rowsOf gives a feature's values for each example, none where it is not there. */
function rowsOf(feature: Sparse, examples: readonly Example[], names: readonly string[]): ArrayLike<unknown>[] {
  return examples.map((e, i) => {
    const found = e.features?.feature[feature.key];
    try {
      return found === undefined ? [] : (valuesOf(found, feature.dtype) ?? []);
    } catch (err) {
      throw newError(Code.InvalidArgument, `${where(names[i] ?? "<unknown>", i, feature.key)}  ${(err as Error).message}`);
    }
  });
}

/** joined is the values of all rows, one after the other. */
function joined(dtype: DType, rows: readonly ArrayLike<unknown>[]): Tensor {
  const values = make(dtype, [rows.reduce((n, row) => n + row.length, 0)]);
  const write = values.data as unknown as { [i: number]: unknown };
  let at = 0;
  for (const row of rows) for (let k = 0; k < row.length; k++) write[at++] = row[k];
  return values;
}

/** variable fills every example up to the longest with the default. */
function variable(feature: Dense, examples: readonly Example[], names: readonly string[]): Tensor {
  const inner = feature.shape.slice(1);
  const each = elementCount(inner);
  const rows = rowsOf(feature, examples, names);
  rows.forEach((row, i) => {
    if (row.length % each !== 0)
      throw newError(
        Code.InvalidArgument,
        `${where(names[i] ?? "<unknown>", i, feature.key)}  Number of ${feature.dtype === DType.String ? "bytes" : typeNames[feature.dtype]} values is not a multiple of stride length. Saw ${row.length} values but output shape is: [?${inner.map((d) => `,${d}`).join("")}]`,
      );
  });
  const longest = rows.reduce((n, row) => Math.max(n, row.length), 0);
  const out = make(feature.dtype, [examples.length, longest / each, ...inner]);
  const write = out.data as unknown as { [i: number]: unknown };
  rows.forEach((row, i) => {
    for (let k = 0; k < longest; k++) write[i * longest + k] = k < row.length ? row[k] : feature.fallback.data[0];
  });
  return out;
}

/** ragged gives all values, and where each example's begin and end. */
function ragged(feature: Ragged, examples: readonly Example[], names: readonly string[]): [Tensor, Tensor] {
  const rows = rowsOf(feature, examples, names);
  const splits = [0];
  for (const row of rows) splits.push(splits.at(-1)! + row.length);
  return [joined(feature.dtype, rows), integers(feature.splits, [splits.length], splits)];
}

/** sparse gives indices [count, 2], values [count], and the dense shape [examples, longest]. */
function sparse(feature: Sparse, examples: readonly Example[]): [Tensor, Tensor, Tensor] {
  const rows = rowsOf(feature, examples, []);
  const values = joined(feature.dtype, rows);
  const indices = rows.flatMap((row, r) => Array.from({ length: row.length }, (_, c) => [r, c]).flat());
  const longest = rows.reduce((m, r) => Math.max(m, r.length), 0);
  return [integers(DType.Int64, [values.data.length, 2], indices), values, integers(DType.Int64, [2], [rows.length, longest])];
}

/** parseExamples gives indices of all sparse features, then their values, then their shapes, then the dense ones, then values of ragged ones and their splits. `names` are for messages, and may be empty. */
export function parseExamples(
  serialized: Tensor,
  names: Tensor,
  sparses: readonly Sparse[],
  denses: readonly Dense[],
  raggeds: readonly Ragged[] = [],
): Tensor[] {
  expectType(serialized, DType.String, "serialized");
  if (serialized.shape.length !== 1) throw newError(Code.InvalidArgument, `Expected serialized to be a vector, got shape: [${serialized.shape.join(",")}]`);
  const examples = (serialized.data as readonly Uint8Array[]).map((bytes) => parseOne(bytes));
  const labels = names.data.length === 0 ? [] : keysOf(names);
  const found = sparses.map((s) => sparse(s, examples));
  const rows = raggeds.map((r) => ragged(r, examples, labels));
  return [
    ...found.map((f) => f[0]),
    ...found.map((f) => f[1]),
    ...found.map((f) => f[2]),
    ...denses.map((d) => dense(d, examples, labels)),
    ...rows.map((r) => r[0]),
    ...rows.map((r) => r[1]),
  ];
}

/** v1: serialized, names, sparse_keys (Nsparse inputs), dense_keys (Ndense), dense_defaults (Ndense). */
const parseExample: KernelFactory = (node) => {
  const [nSparse, nDense] = [node.attrs.int("Nsparse"), node.attrs.int("Ndense")];
  const types = typesOf(node);
  return (inputs) => {
    const ts = inputs.map((v) => tensorOf(v));
    const sparseKeys = ts.slice(2, 2 + nSparse).flatMap(keysOf);
    const denseKeys = ts.slice(2 + nSparse, 2 + nSparse + nDense).flatMap(keysOf);
    const defaults = ts.slice(2 + nSparse + nDense);
    return assembled(ts[0]!, ts[1]!, sparseKeys, denseKeys, defaults, types, []);
  };
};

/** V2: serialized, names, sparse_keys, dense_keys, ragged_keys (one vector each), dense_defaults. One example alone may be a scalar. */
const parseExampleV2: KernelFactory = (node): Kernel => {
  const types = typesOf(node);
  const [values, splits] = [node.attrs.dtypes("ragged_value_types"), node.attrs.dtypes("ragged_split_types")];
  return (inputs) => {
    const ts = inputs.map((v) => tensorOf(v));
    const alone = ts[0]!.shape.length === 0;
    const raggeds = keysOf(ts[4]!).map((key, i): Ragged => ({ key, dtype: values[i]!, splits: splits[i]! }));
    const batch = alone ? { ...ts[0]!, shape: [1] } : ts[0]!;
    const names = alone ? { ...ts[1]!, shape: [ts[1]!.data.length] } : ts[1]!;
    const out = assembled(batch, names, keysOf(ts[2]!), keysOf(ts[3]!), ts.slice(5), types, raggeds);
    return alone ? withoutBatch(out, types.sparse.length, types.dense.length) : out;
  };
};

/** single parses one example; its keys are attributes. */
const single: KernelFactory = (node): Kernel => {
  const types = typesOf(node);
  const [sparse, dense] = [node.attrs.strings("sparse_keys"), node.attrs.strings("dense_keys")];
  return (inputs) => {
    const ts = inputs.map((v) => tensorOf(v));
    const none: Tensor = { dtype: DType.String, shape: [0], data: [] };
    return withoutBatch(assembled({ ...ts[0]!, shape: [1] }, none, sparse, dense, ts.slice(1), types, []), sparse.length, dense.length);
  };
};

/** withoutBatch takes the first dimension off what a batch of one gave; ragged values are the row, and their splits go unread. */
function withoutBatch(out: readonly Tensor[], sparse: number, dense: number): Tensor[] {
  return out.map((t, i) => {
    if (i < sparse) return { ...t, shape: [t.shape[0]!, 1], data: (t.data as BigInt64Array).filter((_, k) => k % 2 === 1) };
    if (i < 2 * sparse) return t;
    if (i < 3 * sparse) return { ...t, shape: [1], data: (t.data as BigInt64Array).slice(1) };
    return i < 3 * sparse + dense ? { ...t, shape: t.shape.slice(1) } : t;
  });
}

interface Types {
  readonly sparse: readonly DType[];
  readonly dense: readonly DType[];
  readonly shapes: readonly (readonly number[] | undefined)[];
}

function typesOf(node: Node): Types {
  return { sparse: node.attrs.dtypes("sparse_types"), dense: node.attrs.dtypes("Tdense"), shapes: node.attrs.shapes("dense_shapes") };
}

function assembled(
  serialized: Tensor,
  names: Tensor,
  sparseKeys: readonly string[],
  denseKeys: readonly string[],
  defaults: readonly Tensor[],
  types: Types,
  raggeds: readonly Ragged[],
): Tensor[] {
  return parseExamples(
    serialized,
    names,
    sparseKeys.map((key, i) => ({ key, dtype: types.sparse[i]! })),
    denseKeys.map((key, i) => ({ key, dtype: types.dense[i]!, shape: types.shapes[i] ?? [], fallback: defaults[i]! })),
    raggeds,
  );
}

export const examples: Kernels = { ParseExample: parseExample, ParseExampleV2: parseExampleV2, ParseSingleExample: single };
