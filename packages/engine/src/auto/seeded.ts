import type { MetaGraphDef, SignatureDef, TensorInfo } from "@tfs/proto";
import { allocate, DType, elementCount, float32ToBfloat16, float32ToHalf, newTensor, type Tensor, toDType } from "@tfs/tensor";
import type { Trial } from "../engine.ts";
import { initSignature } from "../signatures.ts";

/** Batches that are tried: their rows, and what stands for other dimensions that a signature leaves open. */
const batches: readonly { readonly rows: number; readonly open: number }[] = [
  { rows: 1, open: 16 },
  { rows: 2, open: 8 },
  { rows: 8, open: 8 },
];
/** Signatures that are tried; the default one is among them. */
const maxSignatures = 3;
/** An input that is greater than this, in elements, is not made. */
const maxElements = 1 << 22;

/** seededTrials makes inputs by what the signatures say, the same ones each time. A signature that takes strings, or what has no numbers, has no trials. */
export function seededTrials(metaGraph: MetaGraphDef): Trial[] {
  const first = (name: string): number => (name === "serving_default" ? 0 : 1);
  return Object.entries(metaGraph.signatureDef)
    .filter(([name]) => name !== initSignature)
    .sort(([a], [b]) => first(a) - first(b) || (a < b ? -1 : 1))
    .map(([, signature]) => trialsOf(signature))
    .filter((trials) => trials.length > 0)
    .slice(0, maxSignatures)
    .flat();
}

function trialsOf({ inputs, outputs }: SignatureDef): Trial[] {
  const fetches = Object.values(outputs).flatMap((info) => nameOf(info) ?? []);
  const wanted = Object.entries(inputs).sort(([a], [b]) => (a < b ? -1 : 1));
  if (fetches.length === 0) return [];
  const trials: Trial[] = [];
  const seen = new Set<string>();
  for (const { rows, open } of batches) {
    const random = newRandom(rows);
    const feeds = new Map<string, Tensor>();
    for (const [, info] of wanted) {
      const [name, input] = [nameOf(info), inputOf(info, rows, open, random)];
      if (name === undefined || input === undefined) break;
      feeds.set(name, input);
    }
    const shapes = [...feeds.values()].map(({ shape }) => shape.join()).join(";");
    if (feeds.size < wanted.length || seen.has(shapes)) continue; // a signature without open dimensions has one batch
    seen.add(shapes);
    trials.push({ feeds, fetches });
  }
  return trials;
}

function nameOf({ encoding }: TensorInfo): string | undefined {
  return encoding.case === "name" ? encoding.value : undefined;
}

/** inputOf makes one input: floats from 0 to below 1, integers 0 and 1, which are the indices and masks that every model takes. */
function inputOf({ dtype: number, tensorShape }: TensorInfo, rows: number, open: number, random: () => number): Tensor | undefined {
  const dtype = toDType(number);
  const dims = tensorShape === undefined || tensorShape.unknownRank ? [-1] : tensorShape.dim.map(({ size }) => Number(size));
  const shape = dims.map((size, i) => (size >= 0 ? size : i === 0 ? rows : open));
  if (dtype === undefined || elementCount(shape) > maxElements) return undefined;
  switch (dtype) {
    case DType.Half:
    case DType.BFloat16: {
      const values = Float32Array.from({ length: elementCount(shape) }, random);
      return newTensor(dtype, shape, dtype === DType.Half ? float32ToHalf(values) : float32ToBfloat16(values));
    }
    case DType.Float:
    case DType.Double: {
      const tensor = allocate(dtype, shape);
      const data = tensor.data as Float32Array | Float64Array;
      for (let i = 0; i < data.length; i++) data[i] = random();
      return tensor;
    }
    case DType.Int64:
    case DType.UInt64: {
      const tensor = allocate(dtype, shape);
      const data = tensor.data as BigInt64Array | BigUint64Array;
      for (let i = 0; i < data.length; i++) data[i] = random() < 0.5 ? 0n : 1n;
      return tensor;
    }
    case DType.Int32:
    case DType.UInt32:
    case DType.Int16:
    case DType.UInt16:
    case DType.Int8:
    case DType.UInt8:
    case DType.Bool: {
      const tensor = allocate(dtype, shape);
      const data = tensor.data as Int32Array;
      for (let i = 0; i < data.length; i++) data[i] = random() < 0.5 ? 0 : 1;
      return tensor;
    }
    default:
      return undefined;
  }
}

/** newRandom gives numbers from 0 to below 1, the same ones for a seed: a linear congruence (Numerical Recipes' constants), whose upper bits are taken. */
function newRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return (state >>> 8) / 2 ** 24;
  };
}
