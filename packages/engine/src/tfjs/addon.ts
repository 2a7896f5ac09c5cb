// The native boundary: tfjs-node's addon, by the `binding` of its backend. Runs in the worker thread. Data plane.
import { Code, messageOf, newError } from "@tfs/std";
import { DType, dtypeName, type Tensor, toDType } from "@tfs/tensor";
import { gives, takes } from "./dtypes.ts";
import { statusOf } from "./status.ts";

/** Output is what the addon tells of a tensor that a run has made. */
interface Output {
  readonly id: number;
  readonly shape: readonly number[];
  readonly dtype: number;
}

/** Binding is what we call of the addon (tfjs_binding.d.ts of version 4.22). Dtypes are TensorFlow's numbers. */
interface Binding {
  readonly TF_Version: string;
  createTensor(shape: readonly number[], dtype: number, values: unknown): number;
  deleteTensor(tensor: number): void;
  tensorDataSync(tensor: number): unknown;
  loadSavedModel(dir: string, tags: string): number;
  deleteSavedModel(model: number): void;
  /** runSavedModel takes names joined by commas: no operation's name has one. */
  runSavedModel(model: number, inputs: readonly number[], feeds: string, fetches: string): readonly Output[];
  getNumOfTensors(): number;
  isUsingGpuDevice(): boolean;
}

/** Addon runs SavedModels, synchronously. Errors are Failures. */
export interface Addon {
  /** tensorflow is the version of the library. */
  readonly tensorflow: string;
  readonly gpu: boolean;
  load(dir: string, tags: readonly string[]): number;
  /** run feeds and fetches by graph tensor name. The tensors that it gives are the caller's. */
  run(model: number, feeds: readonly (readonly [name: string, tensor: Tensor])[], fetches: readonly string[]): Tensor[];
  unload(model: number): void;
  /** held counts the tensors that the addon has: none between runs. */
  held(): number;
}

const functions = [
  "createTensor",
  "deleteTensor",
  "tensorDataSync",
  "loadSavedModel",
  "deleteSavedModel",
  "runSavedModel",
  "getNumOfTensors",
  "isUsingGpuDevice",
] as const;

/** openAddon imports the package whose main file `url` names, and takes its addon. Throws Unavailable if it does not load, or is another than we know. */
export async function openAddon(url: string): Promise<Addon> {
  await mendUtil();
  let module: { readonly default?: { readonly backend?: () => { readonly binding?: Partial<Binding> } } };
  try {
    module = await import(url);
  } catch (err) {
    throw newError(Code.Unavailable, `tfjs-node does not load: ${messageOf(err)}`, err);
  }
  const binding = module.default?.backend?.().binding;
  const lacking = binding === undefined ? "backend" : functions.find((name) => typeof binding[name] !== "function");
  if (lacking !== undefined) throw newError(Code.Unavailable, `the tfjs-node that is installed has no ${lacking}: version 4.22 is known to work`);
  return newAddon(binding as Binding); // the functions are there, checked above
}

/** mendUtil puts back what Node 23 took away and tfjs-node 4.22 calls. */
async function mendUtil(): Promise<void> {
  const { default: util } = await import("node:util");
  (util as { isNullOrUndefined?: (value: unknown) => boolean }).isNullOrUndefined ??= (value) => value === undefined || value === null;
}

function newAddon(binding: Binding): Addon {
  const [tensorflow = "", made] = binding.TF_Version.split(" ");
  if (made !== "tfs") throw newError(Code.Unavailable, "the addon of tfjs-node is not one that build-tfjs has made: run tfs-server engine build-tfjs"); // addon.h
  const attempt = <T>(call: () => T): T => {
    try {
      return call();
    } catch (err) {
      throw statusOf(messageOf(err));
    }
  };

  /** read copies an output out of the addon. */
  function read({ id, shape, dtype: number }: Output, name: string): Tensor {
    const dtype = toDType(number);
    if (dtype === undefined || !gives(number)) {
      const what = dtype === undefined ? `a tensor of dtype ${number}` : `a ${dtypeName(dtype)} tensor`;
      throw newError(Code.Unimplemented, `the tfjs engine cannot give ${name}, ${what}`);
    }
    return { dtype, shape, data: attempt(() => binding.tensorDataSync(id)) as Tensor["data"] }; // typed arrays as in `Tensor`; an array of Uint8Array for strings
  }

  return {
    tensorflow,
    gpu: binding.isUsingGpuDevice(),
    load: (dir, tags) => attempt(() => binding.loadSavedModel(dir, tags.join(","))),
    run(model, feeds, fetches) {
      const tensors: number[] = [];
      try {
        for (const [name, tensor] of feeds) tensors.push(attempt(() => binding.createTensor(tensor.shape, tensor.dtype, valuesOf(name, tensor))));
        const inputs = [...tensors];
        const names = feeds.map(([name]) => name).join(",");
        const outputs = attempt(() => binding.runSavedModel(model, inputs, names, fetches.join(",")));
        for (const { id } of outputs) tensors.push(id);
        return outputs.map((output, i) => read(output, fetches[i]!));
      } finally {
        for (const id of tensors) binding.deleteTensor(id);
      }
    },
    unload: (model) => attempt(() => binding.deleteSavedModel(model)),
    held: () => binding.getNumOfTensors(),
  };
}

/** valuesOf gives the array that the addon makes a tensor of: an int64 as its two halves, which in memory it is. Throws Unimplemented for a dtype that it does not take. */
function valuesOf(name: string, { dtype, data }: Tensor): unknown {
  if (!takes(dtype)) throw newError(Code.Unimplemented, `the tfjs engine cannot take ${name}, a ${dtypeName(dtype)} tensor`);
  if (dtype !== DType.Int64) return data;
  const { buffer, byteOffset, length } = data as BigInt64Array; // int64 is in nothing else
  return new Int32Array(buffer, byteOffset, 2 * length);
}
