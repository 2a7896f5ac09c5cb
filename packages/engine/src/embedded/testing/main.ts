// A process that loads and runs mutated models with control flow of TensorFlow 1.
// usage: main.js models|held - SCRATCH FIRST COUNT
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { fuzzModels } from "../../testing/index.ts";
import { newEmbeddedEngine } from "../index.ts";

const [what, , scratch = "", ...rest] = process.argv.slice(2);
const [first, count] = rest.map(Number) as [number, number];
const engine = newEmbeddedEngine({ threads: 0 }); // what threads hold is not seen from here
const options = { of: ["loops_v1"], limitMs: 500 };
if (what === "models") await fuzzModels(engine, scratch, first, count, options);
else {
  // So many first, after which what the process needs at all is there.
  await fuzzModels(engine, scratch, first, 300, options);
  const before = await held();
  await fuzzModels(engine, scratch, first + 300, count, options);
  process.stdout.write(`held ${(await held()) - before}\n`);
}

/** held gives the bytes that are left when all garbage has been collected. */
async function held(): Promise<number> {
  setFlagsFromString("--expose-gc");
  const gc = runInNewContext("gc") as () => void;
  for (let turn = 0; turn < 3; turn++) {
    await new Promise((resolve) => setImmediate(resolve));
    gc();
  }
  const { heapUsed, arrayBuffers, external } = process.memoryUsage();
  return heapUsed + Math.max(arrayBuffers, external);
}
