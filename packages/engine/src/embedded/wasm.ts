// The kept WebAssembly backend (tfjs): loaded with the first model that has an op for it, started once per process. Everything that touches tfjs is in this file and in
// kernels/heavy.ts, so that own kernels can take its place one by one.
import { createRequire } from "node:module";
import { dirname, sep } from "node:path";
import type * as Wasm from "@tensorflow/tfjs-backend-wasm";
import type * as Tf from "@tensorflow/tfjs-core";
import type { Tensor } from "@tfs/tensor";
import { DType } from "@tfs/tensor";
import { isWeight } from "./weight.ts";

let started: Promise<string> | undefined;
let core: typeof Tf | undefined;

/** startWasm loads and starts the backend; calls after the first share its result. Gives the backend's version. */
export function startWasm(): Promise<string> {
  started ??= start();
  return started;
}

async function start(): Promise<string> {
  const require = createRequire(import.meta.url); // both are CommonJS: to import them, Node first reads all of them to find that out
  const tf = require("@tensorflow/tfjs-core") as typeof Tf;
  const wasm = require("@tensorflow/tfjs-backend-wasm") as typeof Wasm;
  const dist = dirname(require.resolve("@tensorflow/tfjs-backend-wasm"));
  wasm.setWasmPaths(dist.endsWith(sep) ? dist : dist + sep);
  const theirs = crashHandlers();
  if (!(await tf.setBackend("wasm"))) throw new Error("the wasm backend was refused");
  await tf.ready();
  theirs.remove();
  core = tf;
  return wasm.version_wasm;
}

/**
 * crashHandlers notes who listens for uncaught errors; remove takes away what the WebAssembly loader (Emscripten) adds to them. Its listeners throw
 * whatever comes, which kills a process whose own listeners would have kept it, and prints the loader's whole source.
 */
function crashHandlers(): { remove(): void } {
  const events = ["uncaughtException", "unhandledRejection"];
  const before = new Set(events.flatMap((event) => process.rawListeners(event)));
  return {
    remove() {
      for (const event of events) {
        for (const listener of process.rawListeners(event)) {
          if (!before.has(listener) && /\bthrow (ex|reason)\b/.test(String(listener))) process.removeListener(event, listener as () => void);
        }
      }
    },
  };
}

/** tfjs gives the started backend. */
export function tfjs(): typeof Tf {
  if (core === undefined) throw new Error("the wasm backend has not been started");
  return core;
}

/** Arena owns what one model has in WebAssembly memory: weights for its life, everything else for the time of one run. */
export interface Arena {
  within<T>(run: () => T): T;
  close(): void;
}

/** uploads of tensors that stay: weights, by identity. The arena that is running owns new ones. */
const uploads = new WeakMap<object, Tf.Tensor>();
let current: Set<Tf.Tensor> | undefined;

export function newArena(): Arena {
  const kept = new Set<Tf.Tensor>();
  return {
    within(run) {
      if (core === undefined) return run(); // no model so far has an op that runs there
      const before = current;
      current = kept;
      const engine = tfjs().engine();
      engine.startScope();
      try {
        return run();
      } finally {
        engine.endScope();
        current = before;
      }
    },
    close() {
      for (const t of kept) t.dispose();
      kept.clear();
    },
  };
}

/** upload copies a float tensor to WebAssembly memory for this run, under another shape if one is given. */
function upload(t: Tensor, shape: readonly number[] = t.shape): Tf.Tensor {
  return tfjs().tensor(t.data as Float32Array, [...shape], "float32");
}

/** place gives a tensor in WebAssembly memory: the kept copy of a weight, a copy for this run of anything else. */
export function place(t: Tensor, shape: readonly number[] = t.shape): Tf.Tensor {
  return isWeight(t.data) ? uploadWeight(t, shape) : upload(t, shape);
}

/** uploadWeight copies once and keeps the copy for the model's life. */
function uploadWeight(t: Tensor, shape: readonly number[] = t.shape): Tf.Tensor {
  const key = t.data;
  const found = uploads.get(key);
  if (found !== undefined && !found.isDisposed) return found.shape.length === shape.length ? found : tfjs().reshape(found, [...shape]);
  const made = tfjs().keep(upload(t, shape));
  uploads.set(key, made);
  current?.add(made);
  return made;
}

/** download copies a result back. */
export function download(t: Tf.Tensor): Tensor {
  return { dtype: DType.Float, shape: t.shape, data: t.dataSync<"float32">() };
}
