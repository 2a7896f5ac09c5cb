// ParseExample, the one custom operator that TensorFlow Serving adds to TFLite's own, done on our side: LiteRT's library does not have it.
// Source of the rules: tensorflow/lite/kernels/parse_example/parse_example.cc.
import { Code, newError } from "@tfs/std";
import { allocate, DType, elementCount, elementSize, fromStrings, type Tensor } from "@tfs/tensor";
import { type Dense, parseExamples, type Sparse } from "../embedded/index.ts";
import { readMap } from "./flex.ts";
import { type TfGraph, type TfOperator, type TfTensor, unbuildable } from "./schema.ts";
import { dtypeOf } from "./signatures.ts";
import { decodeStrings } from "./strings.ts";

/** Examples is a ParseExample that reads an input of the graph. */
export interface Examples {
  /** operator is its number in the graph; serialized the tensor that it reads, which is an input; outputs the tensors that it gives. */
  readonly operator: number;
  readonly serialized: number;
  readonly outputs: readonly number[];
  /** parse gives the values of outputs. Throws Internal. */
  parse(serialized: Tensor): readonly Tensor[];
}

/** examplesOf finds a graph's ParseExample, if it has one. Throws Internal where it does not stand at the graph's beginning, with all else it reads constant. */
export function examplesOf(graph: TfGraph): Examples | undefined {
  const found = graph.operators.flatMap(({ custom }, i) => (custom === "ParseExample" || custom === "ParseExampleV2" ? [i] : []));
  const [at] = found;
  if (at === undefined) return undefined;
  const operator = graph.operators[at]!;
  const refuse = (why: string): Error => unbuildable(`${operator.custom} ${why}.`);
  if (found.length > 1) throw refuse("is there more than once");
  const [serialized = -1, ...rest] = operator.inputs;
  if (!graph.inputs.includes(serialized)) throw refuse("reads what is not an input of the graph");
  const readers = graph.operators.filter(({ inputs }) => inputs.includes(serialized));
  if (readers.length > 1 || graph.outputs.includes(serialized)) throw refuse("is not the only one to read its input");
  const features = featuresOf(
    graph,
    operator,
    rest.map((n) => constant(graph.tensors[n], refuse)),
    refuse,
  );
  const noNames = fromStrings([]);
  return {
    operator: at,
    serialized,
    outputs: operator.outputs,
    parse(value) {
      try {
        return parseExamples(value, noNames, features.sparse, features.dense);
      } catch (err) {
        throw newError(Code.Internal, `Failed to invoke TfLite interpreter: ${err instanceof Error ? err.message : String(err)}`, err);
      }
    },
  };
}

interface Features {
  readonly sparse: readonly Sparse[];
  readonly dense: readonly Dense[];
}

type Refuse = (why: string) => Error;

/**
 * featuresOf reads keys and defaults. Behind the serialized examples and their names, version 1 has a tensor for each sparse key, one for each dense key, then the
 * defaults; version 2 has one with all sparse keys, one with all dense ones, one with all ragged ones, then the defaults.
 */
function featuresOf(graph: TfGraph, { custom, options, outputs }: TfOperator, [, ...given]: readonly Tensor[], refuse: Refuse): Features {
  const settings = readMap(options);
  if (settings === undefined) throw refuse("has options that cannot be read");
  const number = (...names: string[]): number => {
    for (const name of names) {
      const value = settings.get(name);
      if (typeof value === "number" && value >= 0 && value <= outputs.length) return value;
    }
    return 0;
  };
  const keys = (tensor: Tensor | undefined): string[] => {
    if (tensor?.dtype !== DType.String) throw refuse("lacks keys");
    return (tensor.data as readonly Uint8Array[]).map((key) => new TextDecoder().decode(key));
  };
  const sparseCount = number("Nsparse", "num_sparse");
  let [sparse, dense]: string[][] = [[], []];
  let defaults: readonly Tensor[];
  if (custom === "ParseExampleV2") {
    [sparse, dense] = [keys(given[0]), keys(given[1])];
    if (keys(given[2]).length > 0) throw refuse("has ragged features, which are not supported");
    defaults = given.slice(3);
  } else {
    const denseCount = number("Ndense");
    sparse = given.slice(0, sparseCount).flatMap(keys);
    dense = given.slice(sparseCount, sparseCount + denseCount).flatMap(keys);
    defaults = given.slice(sparseCount + denseCount);
  }
  if (sparse!.length !== sparseCount || outputs.length !== 3 * sparseCount + dense!.length || defaults.length < dense!.length) {
    throw refuse("has keys that do not fit its outputs");
  }
  const tensor = (i: number): TfTensor => graph.tensors[outputs[i]!]!;
  return {
    sparse: sparse!.map((key, i) => ({ key, dtype: dtypeOf(tensor(sparseCount + i)) })),
    dense: dense!.map((key, i) => {
      const { shape, signature, ...one } = tensor(3 * sparseCount + i);
      const fallback = defaults[i]!;
      const dtype = dtypeOf({ shape, signature, ...one });
      const each = (signature ?? shape).slice(1);
      if (each.some((dim) => dim < 0)) throw refuse(`gives ${key} in any length, which is not supported`);
      if (fallback.dtype !== dtype || (fallback.data.length !== 0 && fallback.data.length !== elementCount(each))) {
        throw refuse(`has a default for ${key} that does not fit it`);
      }
      return { key, dtype, shape: each, fallback };
    }),
  };
}

/** constant reads a constant tensor. An input that is left out is an empty one. */
function constant(tensor: TfTensor | undefined, refuse: Refuse): Tensor {
  if (tensor === undefined) return fromStrings([]);
  const dtype = dtypeOf(tensor);
  if (dtype === DType.String) {
    const data = tensor.value.length === 0 && elementCount(tensor.shape) === 0 ? [] : decodeStrings(tensor.value);
    if (data === undefined || data.length !== elementCount(tensor.shape)) throw refuse(`reads ${tensor.name ?? "a tensor"}, which is not constant`);
    return { dtype, shape: tensor.shape, data };
  }
  const bytes = elementCount(tensor.shape) * elementSize(dtype);
  if (tensor.value.length !== bytes) throw refuse(`reads ${tensor.name ?? "a tensor"}, which is not constant`);
  const out = allocate(dtype, tensor.shape);
  const { buffer, byteOffset, byteLength } = out.data as ArrayBufferView;
  new Uint8Array(buffer, byteOffset, byteLength).set(tensor.value);
  return out;
}
