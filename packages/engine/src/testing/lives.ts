// Ways for a process to end, and what a process holds that has run for long.
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { background } from "@tfs/std";
import { DType, fromStrings, newTensor, type Tensor } from "@tfs/tensor";
import type { Engine } from "../engine.ts";
import { openLibc } from "../native/index.ts";
import { models } from "./models.ts";

const ctx = background();
const x = newTensor(DType.Float, [1, 1], Float32Array.of(1));

/** end loads a model, runs it and ends the process in one of its ways. What is not said to end it has it end by itself. */
export async function end(engine: Engine, way: string, main: URL, args: readonly string[]): Promise<void> {
  if (way === "worker" || way === "terminated") {
    const worker = new Worker(main, { argv: [...args, way === "worker" ? "closed" : "open"] });
    await new Promise((resolve) => worker.once(way === "worker" ? "exit" : "message", resolve));
    await worker.terminate();
    return;
  }
  const model = await engine.load(ctx, join(models, "half_plus_two/1"));
  const run = (): Promise<readonly Tensor[]> => model.run(ctx, new Map([["x:0", x]]), ["y:0"]);
  for (let i = 0; i < 10; i++) await run();
  const { parentPort } = await import("node:worker_threads");
  parentPort?.postMessage("ran");
  if (way === "closed") await model.close();
  if (way === "exit") process.exit(0);
  if (way === "under way") {
    await begin(engine);
    void engine.load(ctx, join(models, "mlp/1"));
    setImmediate(() => process.exit(0));
  }
  if (way === "thrown") throw new Error("thrown on purpose");
  if (way === "SIGTERM") {
    process.once("SIGTERM", () => process.exit(0));
    process.kill(process.pid, "SIGTERM");
  }
}

/** begin begins a run that takes some seconds; an engine that has no loops begins one that takes none. */
async function begin(engine: Engine): Promise<void> {
  const loops = await engine.load(ctx, join(models, "rounds/1")).catch(() => undefined);
  const model = loops ?? (await engine.load(ctx, join(models, "pixel_mean/1")));
  const { inputs, outputs } = model.metaGraph.signatureDef["serving_default"]!;
  const named = (side: typeof inputs): string[] => Object.values(side).map((info) => String(info.encoding.value));
  const fed = loops === undefined ? newTensor(DType.Float, [1, 224, 224, 3], new Float32Array(224 * 224 * 3)) : newTensor(DType.Int32, [], Int32Array.of(1000)); // a million rounds
  void model.run(ctx, new Map(named(inputs).map((name) => [name, fed])), named(outputs));
}

const payload = 400 * 1024;

/**
 * growth tells by how many bytes the process has grown over `calls` calls of 400 KB each way. It takes the least of the last parts and the least of the
 * first, once it has warmed up: what the collector holds at a time goes up and down by tens of calls' worth. What malloc has free it gives back before: glibc keeps tens of
 * megabytes of it where small pieces, such as strings, lie between large ones.
 */
export async function growth(engine: Engine, what: string, calls: number): Promise<number> {
  const { koffi } = await openLibc();
  const trim = koffi.load(null).func("int malloc_trim(size_t)");
  const text = what === "strings";
  const model = await engine.load(ctx, join(models, text ? "dtype_string/1" : "product/1"));
  const signature = model.metaGraph.signatureDef["serving_default"]!;
  const nameOf = (side: Readonly<Record<string, { readonly encoding: { readonly value?: unknown } }>>): string =>
    String(Object.values(side)[0]!.encoding.value);
  const [input, output] = [nameOf(signature.inputs), nameOf(signature.outputs)];
  const fed = text
    ? fromStrings(Array.from({ length: payload / 400 }, (_, i) => String(i).padStart(400)))
    : newTensor(DType.Float, [payload / 4], new Float32Array(payload / 4).fill(1));
  const wrong = newTensor(DType.Bool, [payload], new Uint8Array(payload));
  const some = async (n: number): Promise<number> => {
    for (let i = 0; i < n; i++) {
      if (what === "failures") await model.run(ctx, new Map([[input, wrong]]), [output]).catch(() => undefined);
      else await model.run(ctx, new Map([[input, fed]]), [output]);
    }
    globalThis.gc?.();
    trim(0);
    return process.memoryUsage.rss();
  };
  await some(calls / 5);
  const held: number[] = [];
  for (let part = 0; part < parts; part++) held.push(await some(calls / parts));
  await model.close();
  return Math.min(...held.slice(-parts / 4)) - Math.min(...held.slice(0, parts / 4));
}

const parts = 20;
