// A thread's own file: it is started, never imported. It runs models one step at a time, like the event loop that it relieves.
import { parentPort } from "node:worker_threads";
import { fromBinary } from "@bufbuild/protobuf";
import { MetaGraphDefSchema } from "@tfs/proto";
import { background, Code, type Ctx, newError } from "@tfs/std";
import { tensorNames } from "../../signatures.ts";
import { buffersOf, type Done, type Handled, pack, serveThread, unpack } from "../../thread/index.ts";
import { compile } from "../compile.ts";
import { libraryOf } from "../flat.ts";
import { type Model, newModel } from "../model.ts";
import { collect } from "../simd/index.ts";
import type { Request, Seed } from "./messages.ts";

/** Run is the context of one: who asked says by a flag when he has gone, which a run that does not rest sees too. */
class Run implements Ctx {
  readonly signal = background().signal; // which never aborts
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
  for (const { inputs, outputs } of Object.values(meta.signatureDef)) model.prepare(tensorNames(inputs), tensorNames(outputs));
  models.set(++last, model);
  return last;
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
