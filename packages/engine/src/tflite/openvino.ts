// OpenVINO's frontend for TFLite: faster than LiteRT, and for plain numbers only.
import { Code, type Ctx, newError } from "@tfs/std";
import { allocate, DType, type Tensor } from "@tfs/tensor";
import { difference, measure } from "../compare/index.ts";
import type { Gate } from "../native/index.ts";
import { type Compiled, type Native, newNative, openLibrary } from "../openvino/index.ts";
import type { TfGraph } from "./schema.ts";
import { dtypeOf } from "./signatures.ts";

export interface OpenVinoGraphOptions {
  /** dir holds OpenVINO's libraries. */
  readonly dir: string;
  readonly gate: Gate;
  /** threads of one run; undefined is all cores. */
  readonly threads: number | undefined;
}

/** compileGraph has OpenVINO read the first graph of a file, whose inputs and outputs it then takes and gives in the graph's order. Throws Unimplemented. */
export async function compileGraph(path: string, graph: TfGraph, { dir, gate, threads }: OpenVinoGraphOptions): Promise<Native> {
  const why = unsuited(graph);
  if (why !== undefined) throw newError(Code.Unimplemented, `OpenVINO is not asked: ${why}`);
  const library = await openLibrary(dir);
  const compiled = await library.compile(path, threads === undefined ? {} : { threads });
  return newNative(renamed(compiled, graph), { gate, inputs: graph.inputs.length, outputs: graph.outputs.map((n) => dtypeOf(graph.tensors[n]!)) });
}

/** unsuited tells why a graph is not for OpenVINO: its frontend ends the process at strings (2026.4), and knows TFLite's own operators only. */
function unsuited({ tensors, operators, inputs, outputs }: TfGraph): string | undefined {
  if (tensors.some(({ type }) => type === stringType)) return "it has strings";
  const custom = operators.find((one) => one.custom !== undefined)?.custom;
  if (custom !== undefined) return `it has the operator ${custom}, which is not TFLite's own`;
  return outputs.some((n) => inputs.includes(n)) ? "it gives an input back" : undefined;
}

/** kTfLiteString. */
const stringType = 5;

/** renamed gives a compiled graph the names by which newNative asks: i0:0, i1:0, … and o0:0, o1:0, … */
function renamed(compiled: Compiled, { tensors, inputs, outputs }: TfGraph): Compiled {
  const named = (list: readonly number[], name: string): string => tensors[list[Number(name.slice(1, -2))]!]!.name!;
  return { ...compiled, input: (name) => compiled.input(named(inputs, name)), output: (name) => compiled.output(named(outputs, name)) };
}

/** fits tells whether values have the shapes that a graph was made for: OpenVINO does not change those that do not vary. */
export function fits({ tensors, inputs }: TfGraph, feeds: readonly Tensor[]): boolean {
  return inputs.every((n, i) => {
    const { shape, signature = shape } = tensors[n]!;
    const fed = feeds[i]!.shape;
    return fed.length === signature.length && fed.every((dim, k) => dim > 0 && (signature[k] === -1 || signature[k] === dim));
  });
}

/** How long the two are timed at most; a round of both is run in any case. */
const contestMs = 200;

/**
 * better tells whether one way to run a graph gives what the other does, for values that are made up, and sooner: the quickest of a few runs counts. Where the
 * other gives nothing, there is nothing to hold it to.
 */
export async function better(ctx: Ctx, graph: TfGraph, one: Run, other: Run): Promise<boolean> {
  const feeds = graph.inputs.map((n) => madeUp(graph, n));
  const [got, want] = [await one(ctx, feeds), await other(ctx, feeds)];
  if (got === undefined || want === undefined) return got !== undefined;
  if (got.some((t, i) => difference(`${i}`, want[i]!, t, { rounded: true }) !== undefined)) return false;
  const runners = [one, other].map((run) => ({ run: async () => await must(run(ctx, feeds)) }));
  const [mine, its] = await measure(ctx, runners, [{ feeds: new Map(), fetches: [] }], {
    clock: performance,
    untilMs: performance.now() + contestMs,
    least: 1,
  });
  const msOf = (measured: typeof mine): number => (measured !== undefined && "ms" in measured ? measured.ms : Number.POSITIVE_INFINITY);
  return msOf(mine) < msOf(its);
}

type Run = (ctx: Ctx, feeds: readonly Tensor[]) => Promise<readonly Tensor[] | undefined>;

async function must<T>(work: Promise<T | undefined>): Promise<T> {
  const given = await work;
  if (given === undefined) throw newError(Code.Internal, "it gives nothing");
  return given;
}

/** madeUp gives small numbers; of integers that may be places in a table, zeros. */
function madeUp({ tensors }: TfGraph, n: number): Tensor {
  const { shape, signature = shape } = tensors[n]!;
  const dtype = dtypeOf(tensors[n]!);
  const value = allocate(
    dtype,
    signature.map((dim) => (dim === -1 ? 1 : dim)),
  );
  const { data } = value;
  const whole = data instanceof Int8Array || data instanceof Uint8Array;
  if (!(data instanceof Float32Array) && (!whole || dtype === DType.Bool)) return value;
  for (let i = 0, seed = 1; i < data.length; i++) {
    seed = (seed * 48271) % 0x7fffffff; // MINSTD
    data[i] = whole ? seed & 0x7f : seed / 0x7fffffff - 0.5;
  }
  return value;
}
