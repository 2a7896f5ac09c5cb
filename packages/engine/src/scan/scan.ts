import type { MetaGraphDef, SignatureDef } from "@tfs/proto";
import { Code, codeOf, type Ctx, messageOf, newError } from "@tfs/std";
import { openSavedModel } from "@tfs/savedmodel";
import { type DType, dtypeName, type Tensor, toDType } from "@tfs/tensor";
import { initSignature, seededTrials, untriable } from "../auto/index.ts";
import { type Around, isTensor, libraryOf, loadModel, missingOps, type Model, newAttrs, opsReached, type Value, unknownOps } from "../embedded/index.ts";
import type { EngineName } from "../engine.ts";
import { nativeOps } from "../openvino/index.ts";
import { flopsOf } from "./flops.ts";

/** Verdict is whether an engine could run a model, by its ops and types; and why not, if not. That its libraries are there is another matter. */
export interface Verdict {
  readonly engine: EngineName;
  readonly runs: boolean;
  readonly why?: string;
}

/** Cost is what one run with one row takes, where it could be tried. */
export interface Cost {
  readonly signature: string;
  /** flops are operations on numbers. */
  readonly flops?: number;
  /** stepBytes is the most that the inputs and outputs of one op take. */
  readonly stepBytes?: number;
  /** why there are no numbers. */
  readonly why?: string;
}

/** Scan is what a SavedModel needs. */
export interface Scan {
  readonly signatures: readonly string[];
  /** ops that its signatures, its restoring and its initializing use, by name. */
  readonly ops: readonly string[];
  /** missing are those that the embedded engine lacks. */
  readonly missing: readonly string[];
  /** unknown are those among them that TensorFlow lacks too. */
  readonly unknown: readonly string[];
  readonly engines: readonly Verdict[];
  /** variableBytes are the variables' values in the checkpoint, constantBytes those in the graph. */
  readonly variableBytes: number;
  readonly constantBytes: number;
  readonly costs: readonly Cost[];
}

/** ScanOptions say which meta-graph, and whether to run it. */
export interface ScanOptions {
  /** tags choose the meta-graph. Default ["serve"]. */
  readonly tags?: readonly string[];
  /** costs: load the model and run it with made-up inputs. Default true. */
  readonly costs?: boolean;
}

/** scan reads a SavedModel directory, and says what it needs. Throws what openSavedModel throws. */
export async function scan(ctx: Ctx, dir: string, options: ScanOptions = {}): Promise<Scan> {
  const tags = options.tags === undefined ? {} : { tags: options.tags };
  await using saved = await openSavedModel(ctx, dir, tags);
  const { metaGraph } = saved;
  const graph = metaGraph.graphDef;
  if (graph === undefined) throw newError(Code.DataLoss, `${dir}: the meta-graph has no graph`);
  const library = libraryOf(graph);
  const names = Object.keys(metaGraph.signatureDef).filter((name) => name !== initSignature);
  const ops = [...opsReached(graph, library, rootsOf(metaGraph, saved.variables !== undefined))].sort();
  const missing = missingOps(ops);
  const unknown = unknownOps(missing);
  let constantBytes = 0;
  for (const nodes of [graph.node, ...[...library.values()].map((f) => f.nodeDef)])
    for (const node of nodes) {
      const value = node.attr["value"]?.value;
      if (node.op === "Const" && value?.case === "tensor") constantBytes += value.value.tensorContent.length;
    }
  let variableBytes = 0;
  for (const key of saved.variables?.keys ?? []) variableBytes += saved.variables!.entry(key)?.sizeBytes ?? 0;
  const costs = options.costs === false ? [] : await costsOf(ctx, dir, metaGraph, tags);
  return { signatures: names, ops, missing, unknown, engines: verdicts(metaGraph, ops, missing, unknown), variableBytes, constantBytes, costs };
}

/** rootsOf are the tensors and operations from which all is reached that a served model runs. */
function rootsOf(metaGraph: MetaGraphDef, hasVariables: boolean): string[] {
  const outputs = Object.values(metaGraph.signatureDef).flatMap(({ outputs }) =>
    Object.values(outputs).flatMap(({ encoding }) => (encoding.case === "name" ? [encoding.value] : [])),
  );
  const restore = hasVariables ? (metaGraph.saverDef?.restoreOpName ?? "") : "";
  return restore === "" ? outputs : [...outputs, restore];
}

function verdicts(metaGraph: MetaGraphDef, ops: readonly string[], missing: readonly string[], unknown: readonly string[]): Verdict[] {
  const embedded = missing.length === 0 ? undefined : `it lacks ${missing.join(", ")}`;
  const heavy = ops.some((op) => nativeOps.get(op) === "heavy");
  const nobody = unknown.length === 0 ? undefined : `it lacks ${unknown.join(", ")}`;
  const odd = dtypesOf(metaGraph).find((dtype) => dtype === undefined || !tfjsTypes.has(dtypeName(dtype)));
  return [
    verdict("embedded", embedded),
    verdict("openvino", embedded ?? (heavy ? undefined : "there is nothing in it to make faster")),
    verdict("tensorflow", nobody),
    verdict("tfjs", nobody ?? (dtypesOf(metaGraph).length > 0 && odd !== undefined ? `a signature has ${dtypeName(odd)}` : undefined)),
  ];
}

function verdict(engine: EngineName, why: string | undefined): Verdict {
  return why === undefined ? { engine, runs: true } : { engine, runs: false, why };
}

/** What tfjs-node's addon takes and gives. */
const tfjsTypes: ReadonlySet<string> = new Set(["float", "int32", "int64", "uint8", "bool", "string", "complex64"]);

function dtypesOf(metaGraph: MetaGraphDef): (DType | undefined)[] {
  const all = (s: SignatureDef): (DType | undefined)[] => [...Object.values(s.inputs), ...Object.values(s.outputs)].map(({ dtype }) => toDType(dtype));
  return Object.entries(metaGraph.signatureDef).flatMap(([name, s]) => (name === initSignature ? [] : all(s)));
}

/** costsOf runs each signature once with one made-up row. */
async function costsOf(ctx: Ctx, dir: string, metaGraph: MetaGraphDef, tags: { readonly tags?: readonly string[] }): Promise<Cost[]> {
  const names = Object.keys(metaGraph.signatureDef).filter((name) => name !== initSignature);
  const none = (why: string): Cost[] => names.map((signature) => ({ signature, why }));
  const keeps = untriable(metaGraph);
  if (keeps?.startsWith("it keeps") === true) return none(keeps);
  const sum = { flops: 0, stepBytes: 0 };
  const around: Around = (node, kernel) => {
    const attrs = newAttrs(node.name, node.attr);
    const count = (inputs: readonly Value[], outputs: readonly Value[]): void => {
      const [from, to] = [inputs.map(tensor), outputs.map(tensor)];
      sum.flops += flopsOf(node.op, attrs, from, to);
      sum.stepBytes = Math.max(
        sum.stepBytes,
        [...from, ...to].reduce((n, t) => n + bytesOf(t), 0),
      );
    };
    return (inputs, state) => {
      const out = kernel(inputs, state);
      if (!(out instanceof Promise)) count(inputs, Array.isArray(out) ? (out as readonly Value[]) : [out as Value]);
      return out;
    };
  };
  let model: Model;
  try {
    model = await loadModel(ctx, dir, { ...tags, around });
  } catch (err) {
    if (ctx.signal.aborted) throw err;
    return none(codeOf(err) === Code.Unimplemented ? "the embedded engine cannot run it" : messageOf(err));
  }
  try {
    const costs: Cost[] = [];
    for (const signature of names) {
      const [trial] = seededTrials({ ...metaGraph, signatureDef: { [signature]: metaGraph.signatureDef[signature]! } });
      [sum.flops, sum.stepBytes] = [0, 0];
      costs.push(trial === undefined ? { signature, why: "its inputs cannot be made up" } : await costOf(ctx, model, signature, trial, sum));
    }
    return costs;
  } finally {
    await model.close();
  }
}

async function costOf(
  ctx: Ctx,
  model: Model,
  signature: string,
  trial: { feeds: ReadonlyMap<string, Tensor>; fetches: readonly string[] },
  sum: { readonly flops: number; readonly stepBytes: number },
): Promise<Cost> {
  try {
    await model.run(ctx, trial.feeds, trial.fetches);
    return { signature, flops: sum.flops, stepBytes: sum.stepBytes };
  } catch (err) {
    if (ctx.signal.aborted) throw err;
    return { signature, why: `made-up inputs fail: ${messageOf(err).split("\n")[0]}` };
  }
}

const tensor = (value: Value | undefined): Tensor | undefined => (value !== undefined && isTensor(value) ? value : undefined);

function bytesOf(t: Tensor | undefined): number {
  if (t === undefined) return 0;
  return ArrayBuffer.isView(t.data) ? t.data.byteLength : (t.data as readonly Uint8Array[]).reduce((n, s) => n + s.length + 16, 0);
}
