// Every engine in a process of its own, killed in the middle of a run: the process that is kept ready takes over, and gives the same answers.
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { background, Code, systemClock } from "@tfs/std";
import { DType, newTensor } from "@tfs/tensor";
import type { EngineName, LoadedModel } from "../engine.ts";
import { libraryDir as openvinoDir } from "../openvino/testing/index.ts";
import { libraryDir as tensorflowDir } from "../tensorflow/testing/index.ts";
import { libraryDir as tfliteDir } from "../tflite/testing/index.ts";
import { newIsolatedEngine } from "./index.ts";
import { child } from "./testing/child.ts";
import { newEvents } from "./testing/events.ts";

const root = fileURLToPath(new URL("../../../../", import.meta.url));
const main = await child("native");
const ctx = background();

const mlp = { dir: join(root, "testdata/models/mlp/1"), shape: [2, 64] };
const rows: readonly { readonly name: Exclude<EngineName, "auto">; readonly library: string; readonly dir: string; readonly shape: readonly number[] }[] = [
  { name: "embedded", library: "", ...mlp },
  { name: "openvino", library: openvinoDir(), ...mlp },
  { name: "tensorflow", library: tensorflowDir(), ...mlp },
  { name: "tflite", library: tfliteDir("litert"), dir: join(root, "packages/engine/testdata/tflite/half_plus_two/1"), shape: [2, 1] },
];

for (const { name, library, dir, shape } of rows)
  test(`${name}: its process is killed three times, and another one takes over`, async (t) => {
    const events = newEvents();
    const engine = newIsolatedEngine({ command: [process.execPath, main, name, library], name, clock: systemClock(), logger: events.logger });
    const model = await engine.load(ctx, dir);
    const want = await ask(model, shape);
    let { pid } = await events.next("engine process ready");
    for (let kill = 0; kill < 3; kill++) {
      const kept = await events.next("engine process kept ready");
      const since = performance.now();
      process.kill(Number(pid), "SIGKILL");
      ({ pid } = await events.next("engine process ready"));
      t.diagnostic(`measured: back ${Math.round(performance.now() - since)} ms after SIGKILL, ${name}, the delay before a restart among it`);
      assert.equal(pid, kept["pid"]);
      assert.deepEqual(await ask(model, shape), want);
    }
    await model.close();
    await assert.rejects(ask(model, shape), { code: Code.Unavailable });
  });

async function ask(model: LoadedModel, shape: readonly number[]): Promise<unknown> {
  const { inputs, outputs } = model.metaGraph.signatureDef["serving_default"]!;
  const [input, output] = [inputs, outputs].map((side) => String(Object.values(side)[0]!.encoding.value));
  const x = newTensor(DType.Float, shape, new Float32Array(shape[0]! * shape[1]!).fill(0.5));
  return await model.run(ctx, new Map([[input!, x]]), [output!]);
}
