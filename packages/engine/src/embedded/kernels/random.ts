// Random ops: stateful ones go on in their stream from run to run, stateless ones begin where their seed says (random_op.cc, stateless_random_ops.cc,
// stateless_random_ops_v2.cc, multinomial_op.cc, random_shuffle_op.cc).
import { Code, newError } from "@tfs/std";
import { DType, dtypeName, shapeText, type Tensor } from "@tfs/tensor";
import type { Kernel, KernelFactory, Kernels, Node, State } from "../kernel.ts";
import {
  type Fill,
  high,
  low,
  newWords,
  normal,
  normalDouble,
  type Philox,
  reserved,
  scrambled,
  seeded,
  skipped,
  truncated,
  truncatedDouble,
  uniform,
  uniformBy,
  uniformDouble,
  unitDouble,
  whole,
  wholeLong,
} from "../random/index.ts";
import { int, ints, make } from "../shape.ts";
import { tensorOf, type Value } from "../value.ts";
import { gather } from "./gather.ts";
import { narrow, room, widen } from "./math.ts";
import { integers } from "./array.ts";

/** Philox is the only algorithm that TensorFlow's CPU kernels make numbers with, unless Threefry is asked for. */
const philox = 1;

/** Stream says where an op's numbers come from, given how many counts it may use. */
type Stream = (inputs: readonly Value[], state: State, counts: number) => Philox;

const long = (t: Tensor, i: number): bigint => BigInt(t.data[i] as number | bigint);

/** ongoing goes on where the node's last run ended. */
function ongoing(node: Node): Stream {
  const [seed, seed2] = [node.attrs.long("seed", 0n), node.attrs.long("seed2", 0n)];
  return (_, state, counts) => {
    const cell = state.stream(node.name, () => (seed === 0n && seed2 === 0n ? fresh() : seeded(seed, seed2)));
    const { at } = cell;
    cell.at = skipped(at, counts);
    return at;
  };
}

function fresh(): Philox {
  const [a, b] = crypto.getRandomValues(new BigUint64Array(2));
  return seeded(a!, b!);
}

/** bySeed begins at the seed, which is the second input. */
const bySeed: Stream = (inputs) => {
  const seed = tensorOf(inputs[1]);
  if (seed.shape.length !== 1 || seed.shape[0] !== 2) throw newError(Code.InvalidArgument, `seed must have shape [2], not ${shapeText(seed.shape)}`);
  return scrambled(long(seed, 0), long(seed, 1));
};

/** byKey begins where key, counter and algorithm say, the second to fourth inputs. */
const byKey: Stream = (inputs) => {
  const [key, counter, alg] = [tensorOf(inputs[1]), tensorOf(inputs[2]), int(tensorOf(inputs[3]))];
  if (alg !== philox && alg !== 3) throw newError(Code.Unimplemented, `random numbers by algorithm ${alg} are not supported`);
  if (key.shape.length !== 1 || key.shape[0] !== 1) throw newError(Code.InvalidArgument, `key must have shape [1], not ${shapeText(key.shape)}`);
  if (counter.shape.length !== 1 || counter.shape[0]! < 2)
    throw newError(Code.InvalidArgument, `counter must be a vector with length at least 2, not ${shapeText(counter.shape)}`);
  const [k, first, second] = [long(key, 0), long(counter, 0), long(counter, 1)];
  return { key: [low(k), high(k)], counter: [low(first), high(first), low(second), high(second)] };
};

const fills: Readonly<Record<"uniform" | "normal" | "truncated", (dtype: DType) => Fill | undefined>> = {
  uniform: (dtype) =>
    dtype === DType.Double
      ? uniformDouble
      : dtype === DType.Half
        ? uniformBy(10)
        : dtype === DType.BFloat16
          ? uniformBy(7)
          : dtype === DType.Float
            ? uniform
            : undefined,
  normal: (dtype) => (dtype === DType.Double ? normalDouble : normal),
  truncated: (dtype) => (dtype === DType.Double ? truncatedDouble : truncated),
};

function floats(kind: keyof typeof fills, streamOf: (node: Node) => Stream): KernelFactory {
  return (node) => {
    const dtype = node.attrs.dtype("dtype", DType.Float);
    const fill = fills[kind](dtype);
    if (fill === undefined) throw newError(Code.Unimplemented, `${node.op} is not supported for ${dtypeName(dtype)}`);
    const stream = streamOf(node);
    return (inputs, state) => {
      const shape = sizes(tensorOf(inputs[0]));
      const out = room(dtype, shape) as Float32Array;
      fill(stream(inputs, state, out.length * reserved), out);
      return narrow(dtype, shape, out);
    };
  };
}

function sizes(t: Tensor): number[] {
  const shape = ints(t);
  if (t.shape.length !== 1 || shape.some((d) => d < 0))
    throw newError(Code.InvalidArgument, `shape must be a vector of non-negative sizes, got ${shape.join(",")}`);
  return shape;
}

/** wholes makes integers between the two bounds that are the last inputs, or all that there are. */
function wholes(streamOf: (node: Node) => Stream, bounded: boolean): KernelFactory {
  return (node) => {
    const stream = streamOf(node);
    const fallback = node.attrs.has("dtype") ? node.attrs.dtype("dtype") : node.attrs.dtype("Tout", DType.Int32);
    return (inputs, state) => {
      const [least, most] = bounded ? [tensorOf(inputs.at(-2)), tensorOf(inputs.at(-1))] : [undefined, undefined];
      const out = make(least?.dtype ?? fallback, sizes(tensorOf(inputs[0])));
      if (out.data.length === 0) return out;
      const [from, to] = least === undefined ? [0n, 0n] : [long(least, 0), long(most!, 0)];
      if (least !== undefined && from >= to) throw newError(Code.InvalidArgument, `Need minval < maxval, got ${from} >= ${to}`);
      const words = stream(inputs, state, out.data.length * reserved);
      if (out.data instanceof BigInt64Array || out.data instanceof BigUint64Array) wholeLong(words, out.data, from, to - from);
      else whole(words, out.data as Int32Array, Number(from), Number(to - from));
      return out;
    };
  };
}

/** classes draws classes by unnormalized logarithms of their probabilities. */
function classes(streamOf: (node: Node) => Stream): KernelFactory {
  return (node) => {
    const stream = streamOf(node);
    const dtype = node.attrs.dtype("output_dtype", DType.Int64);
    return (inputs, state) => {
      const [logits, count] = [tensorOf(inputs[0]), int(tensorOf(inputs[1]))];
      if (logits.shape.length !== 2) throw newError(Code.InvalidArgument, `logits should be a matrix, got shape ${shapeText(logits.shape)}`);
      if (count < 0) throw newError(Code.InvalidArgument, `num_samples should be nonnegative, got ${count}`);
      const [batch, width] = logits.shape as [number, number];
      if (width === 0 && batch > 0) throw newError(Code.InvalidArgument, "num_classes should be positive, got 0");
      const out = new Array<number>(batch * count);
      const four = Math.ceil(count / 4) * 4;
      const words = newWords(stream([inputs[0]!, ...inputs.slice(2)], state, batch * four * 2 * reserved));
      const from = widen(logits) as Float32Array;
      for (let b = 0; b < batch; b++) {
        const sums = cumulated(from.subarray(b * width, (b + 1) * width));
        for (let k = 0; k < count; k++) {
          const target = unitDouble(words.next(), words.next()) * sums[width - 1]!;
          out[b * count + k] = above(sums, target);
        }
      }
      return integers(dtype, [batch, count], out);
    };
  };
}

/** cumulated adds up the probabilities of finite logits. */
function cumulated(logits: Float32Array): Float64Array {
  let max = -3.4028234663852886e38;
  for (const v of logits) if (Number.isFinite(v)) max = Math.max(max, v);
  let sum = 0;
  return Float64Array.from(logits, (v) => (sum += Number.isFinite(v) ? Math.exp(v - max) : 0));
}

/** above gives the first place whose sum is greater. */
function above(sums: Float64Array, target: number): number {
  let [from, to] = [0, sums.length];
  while (from < to) {
    const middle = (from + to) >> 1;
    if (sums[middle]! > target) to = middle;
    else from = middle + 1;
  }
  return from;
}

/** shuffle changes rows by chance. */
const shuffle: KernelFactory = (node): Kernel => {
  const stream = ongoing(node);
  return (inputs, state) => {
    const t = tensorOf(inputs[0]);
    const n = t.shape[0] ?? 1;
    if (t.data.length <= 1 || n <= 1) return t;
    const words = newWords(stream(inputs, state, Math.ceil((n - 1) / 4)));
    const order = Int32Array.from({ length: n }, (_, i) => i);
    for (let i = 0; i < n - 1; i++) {
      const j = i + (words.next() % (n - i));
      [order[i], order[j]] = [order[j]!, order[i]!];
    }
    return gather(t, { dtype: DType.Int32, shape: [n], data: order }, 0, 0);
  };
};

/** keyCounter gives what a seed leads to, for the ops that take a key. */
function keyCounter(seed: Tensor): Tensor[] {
  const { key, counter } = scrambled(long(seed, 0), long(seed, 1));
  const joined = (lower: number, upper: number): bigint => BigInt(lower) | (BigInt(upper) << 32n);
  return [
    { dtype: DType.UInt64, shape: [1], data: BigUint64Array.of(joined(...key)) },
    { dtype: DType.UInt64, shape: [2], data: BigUint64Array.of(0n, joined(counter[2], counter[3])) },
  ];
}

const algorithm: Tensor = { dtype: DType.Int32, shape: [], data: Int32Array.of(philox) };
const seed = (): Stream => bySeed;
const key = (): Stream => byKey;

/** streamed are ops whose numbers go on where the last run's have ended: state of the model. */
export const streamed: ReadonlySet<string> = new Set([
  "RandomUniform",
  "RandomStandardNormal",
  "TruncatedNormal",
  "RandomUniformInt",
  "RandomShuffle",
  "Multinomial",
]);

export const randoms: Kernels = {
  RandomUniform: floats("uniform", ongoing),
  RandomStandardNormal: floats("normal", ongoing),
  TruncatedNormal: floats("truncated", ongoing),
  RandomUniformInt: wholes(ongoing, true),
  RandomShuffle: shuffle,
  Multinomial: classes(ongoing),
  StatelessRandomUniform: floats("uniform", seed),
  StatelessRandomNormal: floats("normal", seed),
  StatelessTruncatedNormal: floats("truncated", seed),
  StatelessRandomUniformInt: wholes(seed, true),
  StatelessRandomUniformFullInt: wholes(seed, false),
  StatelessMultinomial: classes(seed),
  StatelessRandomUniformV2: floats("uniform", key),
  StatelessRandomNormalV2: floats("normal", key),
  StatelessTruncatedNormalV2: floats("truncated", key),
  StatelessRandomUniformIntV2: wholes(key, true),
  StatelessRandomUniformFullIntV2: wholes(key, false),
  StatelessRandomGetKeyCounter: () => (inputs) => keyCounter(tensorOf(inputs[0])),
  StatelessRandomGetKeyCounterAlg: () => (inputs) => [...keyCounter(tensorOf(inputs[0])), algorithm],
  StatelessRandomGetAlg: () => () => algorithm,
};
