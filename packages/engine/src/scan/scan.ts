import type { MetaGraphDef, SignatureDef } from "@tfs/proto";
import { Code, codeOf, type Ctx, messageOf, newError, withTimeout } from "@tfs/std";
import { openSavedModel } from "@tfs/savedmodel";
import { type DType, dtypeName, type Tensor, toDType } from "@tfs/tensor";
import { type Around, isTensor, libraryOf, loadModel, missingOps, type Model, newAttrs, opsReached, type Value, unknownOps } from "../embedded/index.ts";
import type { EngineName } from "../engine.ts";
import { nativeOps } from "../openvino/index.ts";
import { initSignature, tensorNames } from "../signatures.ts";
import { flopsOf } from "./flops.ts";
import { type Held, newHeld } from "./held.ts";
import { type Inputs, madeUp } from "./madeup.ts";
import { standIn } from "./standin.ts";

/** Verdict is whether an engine could run a model, by its ops and types; and why not, if not. That its libraries are there is another matter. */
export interface Verdict {
  readonly engine: EngineName;
  readonly runs: boolean;
  readonly why?: string;
}

/** Cost is what one run with one row takes, where it could be tried. */
export interface Cost {
  readonly signature: string;
  /** flops are operations on numbers, and bytes of strings that are looked at. */
  readonly flops?: number;
  /** valueBytes is the most that the values of the run take at a time, beside variables and constants, op by op as the graph has them. */
  readonly valueBytes?: number;
  /** assumed says what the row was like, where the signature leaves that open. */
  readonly assumed?: readonly string[];
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
  /** costs: load the model and run it with made-up inputs. What it keeps is changed in this copy alone. Default true. */
  readonly costs?: boolean;
  /** runMs is when a run is given up. Default 10,000. */
  readonly runMs?: number;
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
  const costs = options.costs === false ? [] : await costsOf(ctx, dir, metaGraph, { ...tags, runMs: options.runMs ?? 10_000 });
  return { signatures: names, ops, missing, unknown, engines: verdicts(metaGraph, ops, missing, unknown), variableBytes, constantBytes, costs };
}

/** rootsOf are the tensors and operations from which all is reached that a served model runs. */
function rootsOf(metaGraph: MetaGraphDef, hasVariables: boolean): string[] {
  const outputs = Object.values(metaGraph.signatureDef).flatMap(({ outputs }) => tensorNames(outputs));
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

/** Count is what is found out about the run that is under way. */
interface Count {
  flops: number;
  held: Held;
  readonly assumed: Set<string>;
}

/** Ops that give what was there before a run: it is counted as variables and constants. */
const there: ReadonlySet<string> = new Set(["Const", "ReadVariableOp"]);

/** costsOf runs each signature once with one made-up row. */
async function costsOf(
  ctx: Ctx,
  dir: string,
  metaGraph: MetaGraphDef,
  options: { readonly tags?: readonly string[]; readonly runMs: number },
): Promise<Cost[]> {
  const signatures = Object.entries(metaGraph.signatureDef).filter(([name]) => name !== initSignature);
  const count: Count = { flops: 0, held: newHeld([]), assumed: new Set() };
  const around: Around = (node, kernel) => {
    const attrs = newAttrs(node.name, node.attr);
    return (inputs, state) => {
      let out: ReturnType<typeof kernel>;
      try {
        out = kernel(inputs, state);
      } catch (err) {
        const instead = standIn(node.op, attrs, tensor(inputs[0]), err);
        if (instead === undefined) throw err;
        count.assumed.add(instead.assumed);
        out = instead.values;
      }
      if (out instanceof Promise) return out; // of a loop or a branch, whose ops are counted by themselves
      const outputs = Array.isArray(out) ? (out as readonly Value[]) : [out as Value];
      count.flops += flopsOf(node.op, attrs, inputs.map(tensor), outputs.map(tensor));
      count.held.step(inputs.flatMap(tensors), outputs.flatMap(tensors), there.has(node.op));
      return out;
    };
  };
  let model: Model;
  try {
    model = await loadModel(ctx, dir, { ...(options.tags !== undefined && { tags: options.tags }), around });
  } catch (err) {
    if (ctx.signal.aborted) throw err;
    const why = codeOf(err) === Code.Unimplemented ? "the embedded engine cannot run it" : messageOf(err);
    return signatures.map(([signature]) => ({ signature, why }));
  }
  try {
    const costs: Cost[] = [];
    for (const [signature, def] of signatures) {
      let cost: Omit<Cost, "signature"> = {};
      for (const rank of [1, 0]) {
        const row = madeUp(def, rank);
        cost = typeof row === "string" ? { why: row } : await costOf(ctx, model, def, row, count, options.runMs);
        if (cost.why === undefined || typeof row === "string" || !row.isGuess) break;
      }
      costs.push({ signature, ...cost });
    }
    return costs;
  } finally {
    await model.close();
  }
}

async function costOf(ctx: Ctx, model: Model, { outputs }: SignatureDef, row: Inputs, count: Count, runMs: number): Promise<Omit<Cost, "signature">> {
  const fetches = tensorNames(outputs);
  count.flops = 0;
  count.held = newHeld(row.feeds.values());
  count.assumed.clear();
  using limited = withTimeout(ctx, runMs);
  try {
    await model.run(limited, row.feeds, fetches);
    return { flops: count.flops, valueBytes: count.held.most(), assumed: [...row.assumed, ...count.assumed] };
  } catch (err) {
    if (ctx.signal.aborted) throw err;
    if (codeOf(err) === Code.DeadlineExceeded) return { why: `it had not ended after ${runMs} ms with made-up inputs` };
    return { why: `made-up inputs fail: ${messageOf(err).split("\n")[0]}` };
  }
}

/** tensor gives the values that flow along an edge, those of a variable too. */
function tensor(value: Value | undefined): Tensor | undefined {
  if (value === undefined || isTensor(value)) return value;
  return value.kind === "variable" ? value.value : undefined;
}

/** tensors gives what a value of the run keeps, the items of a list too. Variables and tables are there without it. */
function tensors(value: Value | undefined): readonly Tensor[] {
  if (value === undefined) return [];
  if (isTensor(value)) return [value];
  if (value.kind === "variable" || value.kind === "table") return [];
  return value.items.filter((item) => item !== undefined && item !== "cleared");
}
