import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { openSavedModel } from "@tfs/savedmodel";
import { ExampleSchema } from "@tfs/proto";
import { background, withCancel } from "@tfs/std";
import { newRegistry } from "@tfs/std/metrics";
import { DType, newTensor } from "@tfs/tensor";
import { newRuns } from "../infer/index.ts";
import { scratch } from "../testing/index.ts";
import { fileOf } from "./file.ts";
import { classifyRecord, multiInferenceRecord, newTrials, predictRecord, regressRecord, type WarmupRecord, writeWarmupRequests } from "./index.ts";

const dir = scratch();
after(() => dir[Symbol.dispose]());
const trials = newTrials({ infer: { checkMethodName: false, runs: newRuns(newRegistry()) } });
const example = create(ExampleSchema, { features: { feature: { x: { kind: { case: "floatList", value: { value: [2] } } } } } });
const predict = (value: number, options = {}): WarmupRecord => predictRecord({ x: newTensor(DType.Float, [1], Float32Array.of(value)) }, options);

let versions = 0;
async function versionOf(records?: readonly WarmupRecord[]): Promise<string> {
  const path = join(dir.copy("half_plus_two/1", `m${versions}/1`), "1");
  versions++;
  if (records !== undefined) await writeWarmupRequests(path, records);
  return path;
}
/** told gives what is fed and asked for in each trial, by name. */
async function told(path: string): Promise<string[]> {
  await using saved = await openSavedModel(background(), path);
  const given = await trials(background(), { name: "m", version: 1n, signatures: saved.signatures }, path);
  return given.map(({ feeds, fetches }) => `${[...feeds].map(([name, { shape, data }]) => `${name}[${shape}]=${data.length}`)}>${fetches}`);
}

const rows: readonly { readonly name: string; readonly records?: readonly WarmupRecord[]; readonly want: readonly string[] }[] = [
  { name: "no file has none", want: [] },
  { name: "an empty file has none", records: [], want: [] },
  { name: "a predict is fed and asks for what its signature says", records: [predict(1)], want: ["x:0[1]=1>y:0"] },
  {
    name: "every verb is one run",
    records: [
      classifyRecord([example], { signature: "classify_x_to_y" }),
      regressRecord([example, example], { signature: "regress_x_to_y2" }),
      multiInferenceRecord([{ method: "regress", signature: "regress_x_to_y" }], [example]),
    ],
    want: ["tf_example:0[1]=1>y:0", "tf_example:0[2]=2>y2:0", "tf_example:0[1]=1>y:0"],
  },
  { name: "what comes to no run is left out", records: [predict(1, { signature: "none" }), predict(2)], want: ["x:0[1]=1>y:0"] },
  { name: "the first eight are taken", records: Array.from({ length: 10 }, (_, i) => predict(i)), want: Array<string>(8).fill("x:0[1]=1>y:0") },
];
for (const { name, records, want } of rows)
  test(`trials of warm-up requests: ${name}`, async () => assert.deepEqual(await told(await versionOf(records)), want));

test("trials of warm-up requests: what is wrong with a file is for its warm-up to say", async () => {
  const path = await versionOf([predict(1)]);
  writeFileSync(fileOf(path), "no records");
  assert.deepEqual(await told(path), []);
  assert.ok(dirname(fileOf(path)).startsWith(path));
});
test("trials of warm-up requests: a load that is no longer wanted ends", async () => {
  const path = await versionOf([predict(1)]);
  using life = withCancel(background());
  life.cancel();
  await assert.rejects(trials(life, { name: "m", version: 1n, signatures: new Map() }, path), (err) => err === life.signal.reason);
});
