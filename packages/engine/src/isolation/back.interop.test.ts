// Every engine in a process of its own, killed in the middle of a run: the process that is kept ready takes over, and gives the same answers.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { create, toBinary } from "@bufbuild/protobuf";
import { DataType, SavedModelSchema } from "@tfs/proto";
import { background, Code, systemClock } from "@tfs/std";
import { DType, newTensor, toMessage } from "@tfs/tensor";
import type { EngineName, LoadedModel } from "../engine.ts";
import { libraryDir as openvinoDir } from "../openvino/testing/index.ts";
import { libraryDir as tensorflowDir } from "../tensorflow/testing/index.ts";
import { libraryDir as tfliteDir } from "../tflite/testing/index.ts";
import { newIsolatedEngine } from "./index.ts";
import { child } from "./testing/child.ts";
import { newEvents } from "./testing/events.ts";

const root = fileURLToPath(new URL("../../../../", import.meta.url));
const main = await child("native/main");
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

/** convolution is a model whose input has no rank: TensorFlow's convolution aborts over fewer dimensions than four (docs/engines.md). */
function convolution(dir: string): void {
  const type = { value: { case: "type", value: DataType.DT_FLOAT } } as const;
  const w = toMessage(newTensor(DType.Float, [1, 1, 1, 1], Float32Array.of(2)));
  const ones: bigint[] = [1n, 1n, 1n, 1n];
  const text = (value: string) => ({ value: { case: "s", value: new TextEncoder().encode(value) } }) as const;
  const info = (name: string) => ({ encoding: { case: "name", value: name } as const, dtype: DataType.DT_FLOAT, tensorShape: { unknownRank: true } });
  const model = create(SavedModelSchema, {
    savedModelSchemaVersion: 1n,
    metaGraphs: [
      {
        metaInfoDef: { tags: ["serve"] },
        graphDef: {
          versions: { producer: 1882 },
          node: [
            { name: "x", op: "Placeholder", attr: { dtype: type, shape: { value: { case: "shape", value: { unknownRank: true } } } } },
            { name: "w", op: "Const", attr: { dtype: type, value: { value: { case: "tensor", value: w } } } },
            {
              name: "y",
              op: "Conv2D",
              input: ["x", "w"],
              attr: { T: type, strides: { value: { case: "list", value: { i: ones } } }, padding: text("SAME"), data_format: text("NHWC") },
            },
          ],
        },
        signatureDef: { serving_default: { methodName: "tensorflow/serving/predict", inputs: { x: info("x:0") }, outputs: { y: info("y:0") } } },
      },
    ],
  });
  writeFileSync(join(dir, "saved_model.pb"), toBinary(SavedModelSchema, model));
}

test("a request that TensorFlow dies of is UNAVAILABLE, what comes after it is answered, and another model does not notice", async (t) => {
  const dir = mkdtempSync(join(tmpdir(), "tfs-dies-"));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  convolution(dir);
  const events = newEvents();
  const options = {
    command: [process.execPath, main, "tensorflow", tensorflowDir()],
    name: "tensorflow",
    clock: systemClock(),
    logger: events.logger,
  } as const;
  const engine = newIsolatedEngine(options);
  const [model, other] = [await engine.load(ctx, dir), await engine.load(ctx, mlp.dir)];
  for (let i = 0; i < 2; i++) await events.next("engine process ready");
  const feed = (shape: readonly number[]) => new Map([["x:0", newTensor(DType.Float, shape, new Float32Array(4).fill(3))]]);
  for (let crash = 0; crash < 2; crash++) {
    await events.next("engine process kept ready");
    assert.deepEqual([...((await model.run(ctx, feed([1, 2, 2, 1]), ["y:0"]))[0]!.data as Float32Array)], [6, 6, 6, 6]);
    const since = performance.now();
    await assert.rejects(model.run(ctx, feed([2, 2]), ["y:0"]), {
      code: Code.Unavailable,
      message: "the process of the tensorflow engine was ended by SIGABRT",
    });
    const died = performance.now();
    await ask(other, mlp.shape);
    await events.next("engine process ready");
    t.diagnostic(
      `measured: dead ${Math.round(died - since)} ms after the request, and back ${Math.round(performance.now() - died)} ms later, the delay before a restart among it`,
    );
  }
  await model.close();
  await other.close();
});

async function ask(model: LoadedModel, shape: readonly number[]): Promise<unknown> {
  const { inputs, outputs } = model.metaGraph.signatureDef["serving_default"]!;
  const [input, output] = [inputs, outputs].map((side) => String(Object.values(side)[0]!.encoding.value));
  const x = newTensor(DType.Float, shape, new Float32Array(shape[0]! * shape[1]!).fill(0.5));
  return await model.run(ctx, new Map([[input!, x]]), [output!]);
}
