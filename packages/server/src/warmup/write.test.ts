import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { create, fromBinary } from "@bufbuild/protobuf";
import { ExampleSchema } from "@tfs/proto";
import { PredictionLogSchema } from "@tfs/proto/gen/tensorflow_serving/apis/prediction_log_pb.js";
import { background, Code } from "@tfs/std";
import { DType, fromStrings, newTensor } from "@tfs/tensor";
import { readRecords } from "../record/index.ts";
import { scratch, serve } from "../testing/index.ts";
import { fileOf } from "./file.ts";
import { classifyRecord, predictRecord, regressRecord, multiInferenceRecord, writeWarmupRequests } from "./index.ts";

const dir = scratch();
after(() => dir[Symbol.dispose]());
const ctx = background();
const example = create(ExampleSchema, {});

test("what is written reads back as the same messages", async () => {
  const records = [
    predictRecord({ x: newTensor(DType.Int64, [1], BigInt64Array.of(1n)), s: fromStrings(["a"]) }, { signature: "s", model: "m", outputs: ["y"] }),
    classifyRecord([example], { signature: "c" }),
    regressRecord([example], { context: example }),
    multiInferenceRecord([{ method: "regress", signature: "r" }], [example], { model: "m" }),
  ];
  const path = await writeWarmupRequests(join(dir.path, "new/1"), records);
  assert.equal(path, fileOf(join(dir.path, "new/1")));
  const read = [];
  for await (const bytes of readRecords(ctx, path)) read.push(fromBinary(PredictionLogSchema, bytes));
  assert.deepEqual(read, records);
});
test("more records than a server takes are refused, and the file stays as it was", async () => {
  const version = join(dir.path, "many/1");
  const one = predictRecord({});
  const path = await writeWarmupRequests(version, [one]);
  const before = readFileSync(path);
  await assert.rejects(
    writeWarmupRequests(
      version,
      Array.from({ length: 1001 }, () => one),
    ),
    { code: Code.InvalidArgument, message: "a warm-up file has 1000 records at most" },
  );
  assert.deepEqual(readFileSync(path), before);
  assert.equal(existsSync(`${path}.writing`), false);
});

const x = newTensor(DType.Float, [1], Float32Array.of(2));
test("a server serves a version whose requests it has run, and tells of one whose requests fail", async () => {
  const good = dir.copy("half_plus_two/1", "good/1");
  await writeWarmupRequests(join(good, "1"), [predictRecord({ x })]);
  const bad = dir.copy("half_plus_two/1", "bad/1");
  const path = await writeWarmupRequests(join(bad, "1"), [predictRecord({ x }), predictRecord({ y: x })]);
  const sources = [
    { name: "good", basePath: good },
    { name: "bad", basePath: bad },
  ];
  {
    await using served = await serve(sources);
    assert.deepEqual(
      served.started.failures.map(({ model, failure }) => [model, failure.message]),
      [
        [
          "bad",
          `Signature input alias: x(feed name: x:0) not found in request and no default value provided. Inputs expected to be in the request {y}, or default input alias set:  (record 2 of ${path})`,
        ],
      ],
    );
    assert.equal((await fetch(`${served.rest}/v1/models/good:predict`, { method: "POST", body: '{"instances":[1]}' })).status, 200);
    assert.equal((await fetch(`${served.rest}/v1/models/bad:predict`, { method: "POST", body: '{"instances":[1]}' })).status, 404);
  }
  await using cold = await serve(sources, { warmup: false });
  assert.deepEqual(cold.started.failures, []);
});
test("a failed warm-up is tried again like any load, and the version is available once it succeeds", async () => {
  const base = dir.copy("half_plus_two/1", "again/1");
  await writeWarmupRequests(join(base, "1"), [predictRecord({ y: x })]);
  await using served = await serve([{ name: "m", basePath: base }], { tuning: { retries: 1000, retryMs: 20 } });
  assert.equal(served.started.failures.length, 1);
  await writeWarmupRequests(join(base, "1"), [predictRecord({ x })]);
  const until = performance.now() + 20_000;
  while ((await fetch(`${served.rest}/v1/models/m:predict`, { method: "POST", body: '{"instances":[1]}' })).status !== 200) {
    assert.ok(performance.now() < until, "it never became available");
  }
});
