// A thread's own file: it is started, never imported. It runs models one step at a time, like the event loop that it relieves.
import { parentPort } from "node:worker_threads";
import { fromBinary } from "@bufbuild/protobuf";
import { MetaGraphDefSchema, type TensorInfo } from "@tfs/proto";
import { Code, type Ctx, newError } from "@tfs/std";
import { buffersOf, type Handled, pack, serveThread, unpack } from "../../thread/index.ts";
import { compile } from "../compile.ts";
import { libraryOf } from "../flat.ts";
import { type Model, newModel } from "../model.ts";
import { collect } from "../simd/index.ts";
import type { Done, Request, Seed } from "./messages.ts";

/** neverAborts is the signal of all runs: who asked says by a flag when he has gone, which a run that does not rest sees too. */
const neverAborts = new AbortController().signal;

class Run implements Ctx {
  readonly signal = neverAborts;
  readonly #untilMs: number;
  readonly #stop: Int32Array;

  constructor(leftMs: number, stop: Int32Array) {
    this.#untilMs = performance.now() + leftMs;
    this.#stop = stop;
  }

  /** deadline has passed when nobody waits any more. */
  get deadline(): number {
    return Atomics.load(this.#stop, 0) === 0 ? this.#untilMs : 0;
  }

  value(): undefined {
    return undefined;
  }
}

const models = new Map<number, Model>();
let last = 0;

function take({ metaGraph, holding, memory }: Seed): number {
  const meta = fromBinary(MetaGraphDefSchema, metaGraph);
  const graph = meta.graphDef;
  if (graph === undefined) throw newError(Code.Internal, "a meta-graph without a graph"); // it would not have been loaded
  const model = newModel(meta, compile(graph, libraryOf(graph)), new Map(), memory);
  model.take(holding);
  for (const { inputs, outputs } of Object.values(meta.signatureDef)) model.prepare(namesOf(inputs), namesOf(outputs));
  models.set(++last, model);
  return last;
}

function namesOf(infos: { readonly [alias: string]: TensorInfo }): string[] {
  return Object.values(infos).flatMap(({ encoding }) => (encoding.case === "name" ? [encoding.value] : []));
}

async function run({ model, feeds, tensors, fetches, leftMs, stop }: Request & { readonly kind: "run" }): Promise<Handled<Done>> {
  const fed = new Map(feeds.map((name, i) => [name, unpack(tensors[i]!)]));
  let ms = 0;
  const got = await models.get(model)!.run(new Run(leftMs, stop), fed, fetches, (part) => void (ms += part));
  const packed = got.map(pack); // a copy: what is fetched may be the model's own
  return { done: { tensors: packed, ms }, transfer: buffersOf(packed) };
}

async function drop(number: number): Promise<void> {
  const model = models.get(number);
  models.delete(number);
  await model?.close();
  await collect(); // other models stay, and this one's memory would with them
}

await serveThread<Request, Done, undefined>(parentPort!, async () => ({
  info: undefined,
  async handle(request) {
    switch (request.kind) {
      case "take":
        return { done: { model: take(request.seed) } };
      case "run":
        return await run(request);
      case "drop":
        await drop(request.model);
        return { done: {} };
    }
  },
}));
