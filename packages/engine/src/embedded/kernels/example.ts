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
  const variable = feature.shape[0] === -1;
  if (variable) throw newError(Code.Unimplemented, `the variable-length dense feature ${feature.key} is not supported`);
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

/** sparse gives indices [count, 2], values [count], and the dense shape [examples, longest]. */
function sparse(feature: Sparse, examples: readonly Example[]): [Tensor, Tensor, Tensor] {
  const rows = examples.map((e, i) => {
    const found = e.features?.feature[feature.key];
    try {
      return found === undefined ? [] : Array.from(valuesOf(found, feature.dtype) ?? []);
    } catch (err) {
      throw newError(Code.InvalidArgument, `${where("<unknown>", i, feature.key)}  ${(err as Error).message}`);
    }
  });
  const flat = rows.flat();
  const values = make(feature.dtype, [flat.length]);
  const write = values.data as unknown as { [i: number]: unknown };
  flat.forEach((v, i) => {
    write[i] = v;
  });
  const indices = rows.flatMap((row, r) => row.flatMap((_, c) => [r, c]));
  return [integers(DType.Int64, [flat.length, 2], indices), values, integers(DType.Int64, [2], [rows.length, rows.reduce((m, r) => Math.max(m, r.length), 0)])];
}

/** parseExamples gives indices of all sparse features, then their values, then their shapes, then the dense ones. `names` are for messages, and may be empty. */
export function parseExamples(serialized: Tensor, names: Tensor, sparses: readonly Sparse[], denses: readonly Dense[]): Tensor[] {
  expectType(serialized, DType.String, "serialized");
  if (serialized.shape.length !== 1) throw newError(Code.InvalidArgument, `Expected serialized to be a vector, got shape: [${serialized.shape.join(",")}]`);
  const examples = (serialized.data as readonly Uint8Array[]).map((bytes) => parseOne(bytes));
  const labels = names.data.length === 0 ? [] : keysOf(names);
  const found = sparses.map((s) => sparse(s, examples));
  return [...found.map((f) => f[0]), ...found.map((f) => f[1]), ...found.map((f) => f[2]), ...denses.map((d) => dense(d, examples, labels))];
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
    return assembled(ts[0]!, ts[1]!, sparseKeys, denseKeys, defaults, types);
  };
};

/** V2: serialized, names, sparse_keys, dense_keys, ragged_keys (one vector each), dense_defaults. */
const parseExampleV2: KernelFactory = (node): Kernel => {
  const types = typesOf(node);
  if (node.attrs.dtypes("ragged_value_types").length > 0) throw newError(Code.Unimplemented, `ParseExampleV2 ${node.name}: ragged features are not supported`);
  return (inputs) => {
    const ts = inputs.map((v) => tensorOf(v));
    return assembled(ts[0]!, ts[1]!, keysOf(ts[2]!), keysOf(ts[3]!), ts.slice(5), types);
  };
};

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
): Tensor[] {
  return parseExamples(
    serialized,
    names,
    sparseKeys.map((key, i) => ({ key, dtype: types.sparse[i]! })),
    denseKeys.map((key, i) => ({ key, dtype: types.dense[i]!, shape: types.shapes[i] ?? [], fallback: defaults[i]! })),
  );
}

export const examples: Kernels = { ParseExample: parseExample, ParseExampleV2: parseExampleV2 };
