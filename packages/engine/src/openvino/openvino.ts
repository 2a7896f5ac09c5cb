import { randomUUID } from "node:crypto";
import { open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { SignatureDef, TensorInfo } from "@tfs/proto";
import { Code, codeOf, type Ctx, newError } from "@tfs/std";
import { DType as Types, type Tensor } from "@tfs/tensor";
import { type Edge, type FlatNode, loadModel, type Model, newAttrs, keyOf } from "../embedded/index.ts";
import type { Engine, LoadedModel, LoadOptions } from "../engine.ts";
import type { Gate } from "../native/index.ts";
import { initSignature } from "../signatures.ts";
import { freeze, type Input } from "./freeze.ts";
import { knows, type Library, openLibrary } from "./library.ts";
import { newAccelerated, type Route } from "./model.ts";
import { newNative } from "./native.ts";
import { followed, partition, typesOf } from "./partition.ts";
import { shapesOf } from "./shapes.ts";

export interface OpenVinoOptions {
  /** dir is the folder with OpenVINO's libraries. */
  readonly dir: string;
  /** gate bounds calls under way, together with the process's other native engines. */
  readonly gate: Gate;
  /** threads of one inference; OpenVINO takes all cores if it is not given. */
  readonly threads?: number;
  /** scratchDir is where graphs are written for OpenVINO to read, and deleted at once; default the system's folder for temporary files. */
  readonly scratchDir?: string;
  /** onRun is told what answered a call that did not fail. */
  readonly onRun?: (by: "openvino" | "embedded") => void;
}

/** newOpenVinoEngine makes the engine that runs on OpenVINO what that can do, and the rest as the embedded engine does. */
export function newOpenVinoEngine(options: OpenVinoOptions): Engine {
  return {
    name: "openvino",
    async probe() {
      try {
        return { ok: true, version: (await openLibrary(options.dir)).version };
      } catch (err) {
        return { ok: false, why: err instanceof Error ? err.message : String(err) };
      }
    },
    load: (ctx, dir, given) => load(ctx, dir, given ?? {}, options),
  };
}

async function load(ctx: Ctx, dir: string, given: LoadOptions, options: OpenVinoOptions): Promise<LoadedModel> {
  const library = await openLibrary(options.dir);
  const model = await loadModel(ctx, dir, given);
  const routes: Route[] = [];
  try {
    const reasons: string[] = [];
    const constant = constantsOf(model);
    for (const [name, signature] of Object.entries(model.metaGraph.signatureDef)) {
      if (name === initSignature || routes.some((r) => covers(r, signature))) continue;
      const route = await routeFor(ctx, model, signature, constant, library, options);
      if (typeof route === "string") reasons.push(`${name}: ${route}`);
      else routes.push(route);
    }
    if (routes.length > 0) return newAccelerated(model, routes, options.onRun);
    throw newError(
      Code.Unimplemented,
      `the openvino engine can do nothing for the model: ${reasons.length === 0 ? "it has no signatures" : reasons.join("; ")}`,
    );
  } catch (err) {
    await Promise.all(routes.map(({ native }) => native.close()));
    await model.close();
    throw err;
  }
}

/** nameOf is empty for a tensor of several parts. */
export const nameOf = (info: TensorInfo): string => (info.encoding.case === "name" ? info.encoding.value : "");
const namesOf = (infos: Readonly<Record<string, TensorInfo>>): string[] => [...new Set(Object.values(infos).map(nameOf))];

/** covers: signatures often share their tensors under several names. */
function covers(route: Route, signature: SignatureDef): boolean {
  const feeds = namesOf(signature.inputs);
  return (
    feeds.length === route.feeds.length && feeds.every((f) => route.feeds.includes(f)) && namesOf(signature.outputs).every((f) => route.fetches.includes(f))
  );
}

/** routeFor gives the reason, as text, if there is no route. */
async function routeFor(
  ctx: Ctx,
  model: Model,
  signature: SignatureDef,
  constant: (edge: Edge) => Tensor | undefined,
  library: Library,
  options: OpenVinoOptions,
): Promise<Route | string> {
  const { flat } = model.compiler;
  const [feeds, fetches] = [namesOf(signature.inputs), namesOf(signature.outputs)];
  const [feedEdges, named] = [feeds, fetches].map((names) => names.map((name) => flat.tensor(name))) as [(Edge | undefined)[], (Edge | undefined)[]];
  if (!feedEdges.every((e) => e !== undefined) || !named.every((e) => e !== undefined)) return "not all its tensors have names";
  if (model.compiler.program(feedEdges, named, []).effects) return "it has effects besides its outputs";
  const { nodes, follow } = followed(flat.nodes, feedEdges);
  const fetchEdges = named.map(follow);
  const parts = partition({ nodes, feeds: feedEdges, fetches: fetchEdges, constant });
  if (typeof parts === "string") return parts;

  const types = typesOf(nodes);
  const unknown = [...parts.inputs, ...parts.outputs].find((e) => types(e) === undefined || !knows(types(e)!));
  if (unknown !== undefined) return `OpenVINO has no tensors like those of ${nodes[unknown.node]!.name}`;
  const shapes = await shapesOf(ctx, model, { feeds: Object.values(signature.inputs), before: parts.before });
  const ranked = parts.inputs.flatMap((edge): Input[] => {
    const shape = shapes.get(keyOf(edge));
    return shape === undefined ? [] : [{ edge, dtype: types(edge)!, shape }];
  });
  if (ranked.length < parts.inputs.length) return "the ranks of the inputs of its numeric part are not known";
  let native: Route["native"];
  let bytes = 0;
  try {
    const pieces = freeze({ nodes, order: parts.nodes, inputs: ranked, outputs: parts.outputs, constant, types });
    const scratch = options.scratchDir ?? tmpdir();
    const compiled = await options.gate.run(ctx, () =>
      withFile(scratch, pieces, async (path, size) => {
        bytes = size;
        return await library.compile(path, options);
      }),
    );
    try {
      native = newNative(compiled, { gate: options.gate, inputs: ranked.length, outputs: parts.outputs.map((e) => types(e)!) });
    } catch (err) {
      await compiled.close();
      throw err;
    }
  } catch (err) {
    if (codeOf(err) !== Code.Unimplemented) throw err;
    return (err as Error).message;
  }
  return { feeds, fetches, feedEdges, fetchEdges, feedTypes: feedEdges.map(types), parts, inputs: ranked, native, bytes };
}

/** Pieces are written together up to this size. */
const blockBytes = 64 * 1024;

/** withFile writes a file for as long as `use` takes. */
export async function withFile<T>(dir: string, pieces: Iterable<Uint8Array>, use: (path: string, bytes: number) => Promise<T>): Promise<T> {
  const path = join(dir, `tfs-${randomUUID()}.pb`);
  let bytes = 0;
  try {
    {
      await using file = await open(path, "wx", 0o600);
      let block: Uint8Array[] = [];
      let size = 0;
      const flush = async (): Promise<void> => {
        await file.writeFile(block.length === 1 ? block[0]! : Buffer.concat(block));
        bytes += size;
        block = [];
        size = 0;
      };
      for (const piece of pieces) {
        if (size > 0 && size + piece.length > blockBytes) await flush();
        block.push(piece);
        size += piece.length;
      }
      await flush();
    }
    return await use(path, bytes);
  } finally {
    await rm(path, { force: true });
  }
}

/** constantsOf gives the values of Const nodes and of variables, through Identity. */
function constantsOf(model: Model): (edge: Edge) => Tensor | undefined {
  const { nodes } = model.compiler.flat;
  const known = new Map<string, Tensor | undefined>();
  function constant(edge: Edge): Tensor | undefined {
    const key = keyOf(edge);
    if (!known.has(key)) known.set(key, look(nodes[edge.node]!));
    return known.get(key);
  }
  function look(node: FlatNode): Tensor | undefined {
    const attrs = newAttrs(node.name, node.attr);
    const [input] = node.inputs;
    switch (node.op) {
      case "Const":
        return attrs.dtype("dtype") === Types.String ? undefined : attrs.tensor("value");
      case "VariableV2":
      case "Variable":
      case "VarHandleOp":
        return attrs.dtype("dtype") === Types.String ? undefined : model.held(attrs.string("shared_name", "") || node.name);
      case "ReadVariableOp":
      case "Identity":
        return input === undefined ? undefined : constant(input);
      default:
        return undefined;
    }
  }
  return constant;
}
