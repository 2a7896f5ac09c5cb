// --prefer_tflite_model: versions with a model.tflite, by the server's process and over real sockets, through the real libraries. Upstream's cases 13.5 and 13.13.
import assert from "node:assert/strict";
import { cpSync, globSync, mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { createClient } from "@connectrpc/connect";
import { ModelService, PredictionService } from "@tfs/proto";
import { ServingService } from "@tfs/proto/gen/tfs/serving/v1/serving_pb.js";
import { Code } from "@tfs/std";
import { DType, fromMessage, newTensor, type Tensor, toMessage } from "@tfs/tensor";
import { launch, models, scratch, serve, wires } from "./testing/index.ts";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const files = join(root, "packages/engine/testdata/tflite");
/** dirOf is the folder of a library that the repository's tools have. Throws where it is missing: these tests are about nothing else. */
function dirOf(library: string): string {
  const [found] = globSync(`.tools/*/lib/python*/site-packages/${library}`, { cwd: root });
  if (found === undefined) throw new Error(`these tests need ${library} in .tools: run npm run tools`);
  return join(root, dirname(found));
}
const litert = dirOf("ai_edge_litert/libLiteRt.so");
const openvino = dirOf("openvino/libs/libopenvino_c.so*");

const room = scratch();
after(() => room[Symbol.dispose]());
/** base makes a model's folder out of versions of the committed files, each of which may have more beside it. */
function base(name: string, versions: Readonly<Record<string, readonly string[]>>): string {
  const dir = join(room.path, name);
  for (const [version, folders] of Object.entries(versions)) {
    mkdirSync(join(dir, version), { recursive: true });
    for (const folder of folders) cpSync(folder, join(dir, version), { recursive: true });
  }
  return dir;
}
const plain = base("plain", { "00000123": [join(files, "half_plus_two/1")] });
const kept = base("kept", { "00000123": [join(files, "half_plus_two_kept/1")] });
const both = { name: "both", basePath: base("both", { 1: [join(models, "half_plus_two/1"), join(files, "half_plus_two/1")] }) };
const saved = { name: "saved", basePath: base("saved", { 1: [join(models, "half_plus_two/1")] }) };

const column = (...values: readonly number[]): Tensor => newTensor(DType.Float, [values.length, 1], Float32Array.from(values));
const runtime = (perPool = 1, pools = 2) => ({
  dirs: { litert: { dir: litert, by: "--litert_dir" }, openvino: { dir: openvino, by: "--openvino_dir" } },
  tflite: { pools, perPool },
});
const post = async (rest: string, model: string, body: object): Promise<{ readonly status: number; readonly body: unknown }> => {
  const answer = await fetch(`${rest}/v1/models/${model}:predict`, { method: "POST", body: JSON.stringify(body) });
  return { status: answer.status, body: await answer.json() };
};

for (const [form, basePath] of [
  ["a TFLite model", plain],
  ["a TFLite model with its signatures inside", kept],
] as const)
  for (const [libraries, args] of [
    ["LiteRT", [`--litert_dir=${litert}`]],
    ["OpenVINO and LiteRT", [`--litert_dir=${litert}`, `--openvino_dir=${openvino}`]],
  ] as const)
    test(`13.5 ${form}, by ${libraries}: 2 gives 3, over REST and gRPC`, async () => {
      await using server = await launch(["--prefer_tflite_model", "--num_tflite_pools=2", "--model_name=m", `--model_base_path=${basePath}`, ...args]);
      assert.deepEqual(await post(server.rest, "m", { instances: [[2]] }), { status: 200, body: { predictions: [[3]] } });
      assert.deepEqual(await post(server.rest, "m", { inputs: { x: [[2], [4]] } }), { status: 200, body: { outputs: [[3], [4]] } });
      const [wire] = wires(server.grpc) as [ReturnType<typeof wires>[0]];
      try {
        const answer = await createClient(PredictionService, wire.transport).predict({ modelSpec: { name: "m" }, inputs: { x: toMessage(column(2)) } });
        assert.deepEqual(fromMessage(answer.outputs["y"]!), column(3));
      } finally {
        wire[Symbol.dispose]();
      }
      assert.equal(server.lines.filter((line) => line.includes('"level":"warn"')).length, 0);
      assert.equal(await server.stop(), 0);
    });

test("13.13 a TFLite model of several rows: a vector of three, where one row is declared, gives three", async () => {
  await using served = await serve([{ name: "plain", basePath: plain }], { runtime: runtime() });
  assert.deepEqual(await post(served.rest, "plain", { inputs: { x: [1, 2, 3] } }), { status: 200, body: { outputs: [2.5, 3, 3.5] } });
});

/** signaturesOf gives the names of a model's signatures, as REST tells them. */
async function signaturesOf(rest: string, model: string): Promise<string[]> {
  const body = (await (await fetch(`${rest}/v1/models/${model}/metadata`)).json()) as { metadata: { signature_def: { signature_def: object } } };
  return Object.keys(body.metadata.signature_def.signature_def).sort();
}
test("a version without a model.tflite is served from its SavedModel, one with both from that, and the list tells which engine runs it", async () => {
  await using served = await serve([both, saved], { runtime: runtime() });
  for (const { name } of [both, saved]) assert.deepEqual((await post(served.rest, name, { instances: [[2]] })).body, { predictions: [[3]] }, name);
  const [wire] = wires(served.grpc) as [ReturnType<typeof wires>[0]];
  try {
    const { models: listed } = await createClient(ServingService, wire.transport).listModels({});
    assert.deepEqual(
      listed.map((m) => [m.name, ...m.versions.flatMap((v) => v.engines.map(({ engine }) => engine))]),
      [
        ["both", "tflite"],
        ["saved", "embedded"],
      ],
    );
  } finally {
    wire[Symbol.dispose]();
  }
  assert.deepEqual(await signaturesOf(served.rest, "both"), ["serving_default"]); // the SavedModel has more
  assert.ok((await signaturesOf(served.rest, "saved")).length > 1);
});
test("without the flag a model.tflite is not looked at", async () => {
  await using served = await serve([both]);
  assert.ok((await signaturesOf(served.rest, "both")).length > 1);
});

test("errors keep TensorFlow Serving's texts on their way out", async () => {
  await using served = await serve([{ name: "plain", basePath: plain }], { runtime: runtime() });
  const { status, body } = await post(served.rest, "plain", { inputs: { x: [] } });
  assert.deepEqual([status, body], [500, { error: "Failed to resize input tensor: x from 4 to 0 bytes." }]);
});
test("without a library the model does not load, and its status says what is missing", async () => {
  await using served = await serve([{ name: "plain", basePath: plain }], { runtime: { tflite: { pools: 1, perPool: 1 } }, tuning: { retries: 0 } });
  const [wire] = wires(served.grpc) as [ReturnType<typeof wires>[0]];
  try {
    const { modelVersionStatus } = await createClient(ModelService, wire.transport).getModelStatus({ modelSpec: { name: "plain" } });
    assert.deepEqual(
      modelVersionStatus.map(({ status }) => [status?.errorCode, status?.errorMessage]),
      [[Code.Unavailable, "model.tflite needs LiteRT's library, which was found nowhere; tfs-server engine install litert brings it"]],
    );
  } finally {
    wire[Symbol.dispose]();
  }
});

test("with several interpreters in a pool, calls are joined, large ones divided, and each gets its own rows", async () => {
  await using served = await serve([{ name: "plain", basePath: plain }], { runtime: runtime(4) });
  const rows = (n: number, from: number): number[][] => Array.from({ length: n }, (_, i) => [from + i]);
  const sizes = [1, 3, 125, 126, 499, 500, 2];
  const answers = await Promise.all(sizes.map((n, i) => post(served.rest, "plain", { inputs: { x: rows(n, 1000 * i) } })));
  for (const [i, n] of sizes.entries())
    assert.deepEqual(answers[i], { status: 200, body: { outputs: rows(n, 1000 * i).map(([v]) => [v! / 2 + 2]) } }, `${n} rows`);
  const { status, body } = await post(served.rest, "plain", { inputs: { x: rows(501, 0) } });
  assert.deepEqual([status, /\b500\b/.test(JSON.stringify(body))], [400, true]);
});
test("with --engine_isolation=process a model.tflite runs in a process of its own", async () => {
  const args = ["--prefer_tflite_model", "--engine_isolation=process", "--model_name=m", `--model_base_path=${plain}`, `--litert_dir=${litert}`];
  await using server = await launch(args);
  assert.deepEqual(await post(server.rest, "m", { inputs: { x: [1, 2, 3] } }), { status: 200, body: { outputs: [2.5, 3, 3.5] } });
  assert.equal(await server.stop(), 0);
});
