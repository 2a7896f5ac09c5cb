import { stat } from "node:fs/promises";
import { join } from "node:path";
import type { Engine } from "../engine.ts";
import { modelFile } from "./tflite.ts";

/** preferTfLite gives versions that have a model.tflite to one engine, the others to another, whose name it has. */
export function preferTfLite(tflite: Engine, other: Engine): Engine {
  return {
    name: other.name,
    probe: (ctx) => other.probe(ctx),
    load: async (ctx, dir, options) => await ((await isThere(join(dir, modelFile))) ? tflite : other).load(ctx, dir, options),
  };
}

async function isThere(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isFile();
  } catch {
    return false; // missing, or not ours to see: the other engine says what is missing
  }
}
