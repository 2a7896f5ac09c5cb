// The signatures of a .tflite file, as the rest of the server knows them. Sources of the rules and texts: tensorflow_serving/servables/tensorflow/tflite_session.cc
// and tensorflow/lite/tools/signature/signature_def_util.cc.
import { create, fromBinary } from "@bufbuild/protobuf";
import { type SignatureDef, SignatureDefSchema, type TensorInfo, TensorInfoSchema } from "@tfs/proto";
import { Code, newError } from "@tfs/std";
import { DType } from "@tfs/tensor";
import { readMap } from "./flex.ts";
import type { TfModel, TfTensor } from "./schema.ts";

/** Runnable is one way to run a model: a graph, and which of the runtime's signatures runs it. */
export interface Runnable {
  readonly graph: number;
  /** signature is the number of a signature in the file; 0 where it has none. */
  readonly signature: number;
  /** inputs and outputs are tensors by number, under the names by which they are fed and fetched. */
  readonly inputs: ReadonlyMap<string, number>;
  readonly outputs: ReadonlyMap<string, number>;
}

export interface Signatures {
  readonly defs: Readonly<Record<string, SignatureDef>>;
  /** runnables are the graphs that signatures name, the first graph first. */
  readonly runnables: readonly Runnable[];
}

const predict = "tensorflow/serving/predict";
const metadataName = "signature_defs_metadata";

/** dtypes are those that TensorFlow Serving serves, by the runtime's number. */
const dtypes: Readonly<Record<number, DType>> = {
  1: DType.Float,
  2: DType.Int32,
  3: DType.UInt8,
  4: DType.Int64,
  5: DType.String,
  6: DType.Bool,
  7: DType.Int16,
  8: DType.Complex64,
  9: DType.Int8,
};

/** dtypeOf gives a tensor's type. Throws Internal for one that is not served. */
export function dtypeOf({ type }: TfTensor): DType {
  const found = dtypes[type];
  if (found === undefined) throw newError(Code.Internal, `Unknown TfLite type: ${type}`);
  return found;
}

/**
 * signaturesOf gives a model's signatures: those that TensorFlow's tools put into the metadata, else those of the file's own table, else one that is made
 * from what the first graph takes and gives, as TensorFlow Serving makes it.
 */
export function signaturesOf(model: TfModel): Signatures {
  const kept = model.metadata.has(metadataName) ? readKept(model.metadata.get(metadataName)) : {};
  const first = named(
    model,
    0,
    model.signatures.findIndex(({ graph }) => graph === 0),
  );
  if (Object.keys(kept).length > 0) {
    for (const def of Object.values(kept)) {
      for (const [kind, infos, names] of [
        ["input", def.inputs, first.inputs],
        ["output", def.outputs, first.outputs],
      ] as const)
        for (const [alias, info] of Object.entries(infos)) fixName(info, names, `Signature ${kind} ${alias} references an unknown tensor`);
    }
    return { defs: kept, runnables: [first] };
  }
  if (model.signatures.length === 0) return { defs: { serving_default: made(model, first) }, runnables: [first] };
  const runnables = new Map<number, Runnable>();
  const defs: Record<string, SignatureDef> = {};
  for (const [i, { key, graph, inputs, outputs }] of model.signatures.entries()) {
    const run = runnables.get(graph) ?? (graph === 0 ? first : apart(named(model, graph, i), key, [...runnables.values()]));
    runnables.set(graph, run);
    const infos = (list: readonly (readonly [string, number])[], names: ReadonlyMap<string, number>): Record<string, TensorInfo> =>
      Object.fromEntries(list.map(([alias, n]) => [alias, infoOf(nameOf(names, n), model.graphs[graph]!.tensors[n]!, "signature")]));
    defs[key] = create(SignatureDefSchema, { inputs: infos(inputs, run.inputs), outputs: infos(outputs, run.outputs), methodName: predict });
  }
  return { defs, runnables: [...runnables.values()].sort((a, b) => a.graph - b.graph) };
}

function readKept(bytes: Uint8Array | undefined): Record<string, SignatureDef> {
  const invalid = (why: string, cause?: unknown): Error => newError(Code.InvalidArgument, `Invalid SignatureDefs found in TfLite model: ${why}`, cause);
  if (bytes === undefined) throw invalid("Invalid buffer index in metadata");
  const map = readMap(bytes);
  if (map === undefined) throw invalid("Invalid flexbuffer data");
  const defs: Record<string, SignatureDef> = {};
  for (const [key, value] of map) {
    if (typeof value === "number") throw invalid("Invalid flexbuffer data");
    try {
      defs[key] = fromBinary(SignatureDefSchema, value);
    } catch (err) {
      throw invalid(`Failed to parse SignatureDef ${key}`, err);
    }
  }
  return defs;
}

/** named lists what a graph takes and gives by tensor name. Throws Internal for a name that is missing, AlreadyExists for one that stands for two tensors. */
function named(model: TfModel, graph: number, signature: number): Runnable {
  const { tensors, inputs, outputs } = model.graphs[graph]!;
  const list = (kind: string, numbers: readonly number[]): Map<string, number> => {
    const names = new Map<string, number>();
    for (const n of numbers) {
      const { name } = tensors[n]!;
      if (name === undefined) throw newError(Code.Internal, `${kind} name missing for tensor index: ${n}`);
      dtypeOf(tensors[n]!);
      if (names.has(name)) throw newError(Code.AlreadyExists, `${kind} tensor name: ${name} has multiple indices`);
      names.set(name, n);
    }
    return names;
  };
  return { graph, signature: Math.max(0, signature), inputs: list("Input", inputs), outputs: list("Output", outputs) };
}

/** apart puts a signature's key before names that an earlier graph has too: a run is told from others by its names. */
function apart(run: Runnable, key: string, earlier: readonly Runnable[]): Runnable {
  const taken = (name: string): boolean => earlier.some(({ inputs, outputs }) => inputs.has(name) || outputs.has(name));
  const renamed = (names: ReadonlyMap<string, number>): Map<string, number> =>
    new Map([...names].map(([name, n]) => [taken(name) ? `${key}/${name}` : name, n]));
  return { ...run, inputs: renamed(run.inputs), outputs: renamed(run.outputs) };
}

function made(model: TfModel, run: Runnable): SignatureDef {
  const { tensors } = model.graphs[run.graph]!;
  const infos = (names: ReadonlyMap<string, number>): Record<string, TensorInfo> =>
    Object.fromEntries([...names].map(([name, n]) => [legacy(name), infoOf(name, tensors[n]!, "shape")]));
  return create(SignatureDefSchema, { inputs: infos(run.inputs), outputs: infos(run.outputs), methodName: predict });
}

function infoOf(name: string, tensor: TfTensor, which: "shape" | "signature"): TensorInfo {
  const shape = (which === "signature" ? tensor.signature : undefined) ?? tensor.shape;
  return create(TensorInfoSchema, {
    encoding: { case: "name", value: name },
    dtype: dtypeOf(tensor),
    tensorShape: { dim: shape.map((size) => ({ size: BigInt(size) })) },
  });
}

function nameOf(names: ReadonlyMap<string, number>, n: number): string {
  for (const [name, number] of names) if (number === n) return name;
  throw new Error(`tensor ${n} has no name`); // signatures name what their graph takes and gives: readModel has seen to it
}

/** legacy is a tensor's name as early converters wrote it: without what follows the first colon. */
function legacy(name: string): string {
  return name.split(":", 1)[0]!;
}

/** resolve finds a tensor by its name, else by the name without `:n`. */
export function resolve(names: ReadonlyMap<string, number>, name: string): string | undefined {
  if (names.has(name)) return name;
  const short = legacy(name);
  return names.has(short) ? short : undefined;
}

/** unknown is what a name fails with that is not there, and in what respect it was looked for. */
export function unknown(name: string): string {
  return `Unknown tensor '${name}'.`;
}

function fixName(info: TensorInfo, names: ReadonlyMap<string, number>, what: string): void {
  const name = info.encoding.case === "name" ? info.encoding.value : "";
  const found = resolve(names, name);
  if (found === undefined) throw newError(Code.Internal, `${unknown(name)}\n\t${what}`);
  info.encoding = { case: "name", value: found };
}
