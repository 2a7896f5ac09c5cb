// Files of records between this server and TensorFlow: its reader and writer, and the messages of TensorFlow Serving's published package.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { create } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import { ExampleSchema, PredictionService } from "@tfs/proto";
import { ServingService } from "@tfs/proto/gen/tfs/serving/v1/serving_pb.js";
import { background } from "@tfs/std";
import { DType, fromStrings, newTensor, toMessage } from "@tfs/tensor";
import { classifyRecord, multiInferenceRecord, predictRecord, regressRecord, writeWarmupRequests } from "./index.ts";
import { readRecords, writeRecords } from "./record/index.ts";
import { crashed, logFiles, logging, models, newHeard, scratch, serve, wires } from "./testing/index.ts";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const venv = `${root}.tools/venv/bin/python`;
const python = process.env["TFS_PYTHON"] ?? (existsSync(venv) ? venv : "python3");
const ready = spawnSync(python, ["-c", "import tensorflow, tensorflow_serving.apis"], { stdio: "ignore" }).status === 0;
const skip = ready ? false : "needs tensorflow-serving-api, run npm run tools";
/** TensorFlow takes seconds to import, and the machine may be busy. */
const timeout = 240_000;

const dir = scratch();
after(() => dir[Symbol.dispose]());
const ctx = background();

interface Line {
  readonly file: string;
  readonly sha256?: string;
  readonly kind?: string | null;
  readonly signature?: string;
  readonly x?: unknown;
  readonly error?: string;
}
/** call runs the script and gives the lines that it prints. */
function call(...args: readonly string[]): Line[] {
  const { status, stdout, stderr } = spawnSync(python, [`${root}scripts/interop/records.py`, ...args], { encoding: "utf8", maxBuffer: 64 << 20 });
  assert.equal(status, 0, stderr.slice(-4000));
  return stdout
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Line);
}
const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
const lengths = [0, 1, 7, 8, 9, 1000, 65_519, 65_520, 65_521, 200_000, 3];
const bytesOf = (i: number, length: number): Uint8Array => Uint8Array.from({ length }, (_, k) => (i + k) % 251);

test("TensorFlow reads the records that we write", { skip, timeout }, async () => {
  const path = join(dir.path, "ours");
  const records = lengths.map((length, i) => bytesOf(i, length));
  await writeRecords(path, records);
  assert.deepEqual(
    call("read", path).map((line) => line.sha256),
    records.map(sha256),
  );
});
test("we read the records that TensorFlow writes", { skip, timeout }, async () => {
  const path = join(dir.path, "theirs");
  call("write", path, ...lengths.map(String));
  const read: string[] = [];
  for await (const record of readRecords(ctx, path)) read.push(sha256(record));
  assert.deepEqual(
    read,
    lengths.map((length, i) => sha256(bytesOf(i, length))),
  );
});

test("TensorFlow reads the warm-up requests that we write", { skip, timeout }, async () => {
  const example = create(ExampleSchema, {});
  const path = await writeWarmupRequests(join(dir.path, "w/1"), [
    predictRecord({ x: newTensor(DType.Float, [2], Float32Array.of(1, 2)) }),
    predictRecord({ x: fromStrings(["text"]) }),
    classifyRecord([example]),
    regressRecord([example]),
    multiInferenceRecord([{ method: "classify", signature: "c" }], [example]),
  ]);
  assert.deepEqual(
    call("read", path).map(({ kind, x }) => [kind, x]),
    [
      ["predict_log", [1, 2]],
      ["predict_log", [Buffer.from("text").toString()]],
      ["classify_log", null],
      ["regress_log", null],
      ["multi_inference_log", null],
    ],
  );
});
test("a server takes the warm-up requests that TensorFlow writes", { skip, timeout }, async () => {
  const basePath = dir.copy("half_plus_two/1", "warm/1");
  const path = join(basePath, "1/assets.extra/tf_serving_warmup_requests");
  mkdirSync(dirname(path), { recursive: true });
  call("warm", path);
  const heard = newHeard();
  await using served = await serve([{ name: "m", basePath }], { logger: heard.logger });
  assert.deepEqual(served.started.failures, []);
  assert.ok(heard.lines.some((line) => line.includes("Number of warmup records read: 4.")));
});

test("TensorFlow reads what a server logs, and a server warms up with it", { skip, timeout }, async () => {
  const folder = join(dir.path, "logs");
  {
    await using served = await serve([{ name: "m", basePath: join(models, "half_plus_two"), logging: logging(join(folder, "m")) }]);
    using wire = wires(served.grpc)[0]!;
    const request = { modelSpec: { name: "m" }, inputs: { x: toMessage(newTensor(DType.Float, [1], Float32Array.of(2))) } };
    await createClient(PredictionService, wire.transport).predict(request);
    const asked = (async function* () {
      yield request;
    })();
    for await (const _ of createClient(ServingService, wire.transport).predictStream(asked)) break;
    const post = (verb: string, body: string) => fetch(`${served.rest}/v1/models/m:${verb}`, { method: "POST", body }).then((r) => r.text());
    await post("predict", '{"instances":[4]}');
    await post("regress", '{"signature_name":"regress_x_to_y","examples":[{"x":4.0}]}');
    await post("classify", '{"signature_name":"classify_x_to_y","examples":[{"x":4.0}]}');
  }
  const [file = ""] = readdirSync(folder);
  const lines = call("read", join(folder, file));
  const of = (kind: string, signature: string, x: unknown): unknown[] => [kind, signature, x];
  assert.deepEqual(
    lines.filter((l) => l.kind !== "predict_streamed_log").map(({ kind, signature, x }) => [kind, signature, x]),
    [
      of("predict_log", "serving_default", [2]),
      of("predict_log", "serving_default", [4]),
      of("regress_log", "regress_x_to_y", null),
      of("classify_log", "classify_x_to_y", null),
    ],
  );
  assert.equal(lines.filter((l) => l.kind === "predict_streamed_log").length, 1);
  // What was logged, but for the stream, which no warm-up takes, are warm-up requests.
  const basePath = dir.copy("half_plus_two/1", "again/1");
  const logs = (await logFiles(folder)).flatMap((f) => f.logs).filter((log) => log.logType.case !== "predictStreamedLog");
  await writeWarmupRequests(join(basePath, "1"), logs);
  await using warmed = await serve([{ name: "m", basePath }]);
  assert.deepEqual(warmed.started.failures, []);
});

test("TensorFlow reads what a killed server has written, as far as we do", { skip, timeout }, async () => {
  const { folder } = await crashed(dir.path, 15);
  const files = await logFiles(folder);
  const read = call("read", ...files.map(({ name }) => join(folder, name)));
  for (const { name, logs, failure } of files) {
    const theirs = read.filter((line) => line.file === name);
    assert.equal(theirs.filter((line) => line.kind === "predict_log").length, logs.length, name);
    assert.equal(
      theirs.some((line) => line.error !== undefined),
      failure !== undefined,
      name,
    );
  }
});
