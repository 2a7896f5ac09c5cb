// Metadata and status beyond what every wire is asked for (behaviour spec 13.8).
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { fromBinary } from "@bufbuild/protobuf";
import { anyUnpack } from "@bufbuild/protobuf/wkt";
import { Code, createClient } from "@connectrpc/connect";
import { ModelService, PredictionService, SavedModelSchema, SignatureDefMapSchema } from "@tfs/proto";
import { models, serve, wires } from "../testing/index.ts";

const both = { name: "both", basePath: join(models, "half_plus_two"), policy: { kind: "all" } as const, labels: new Map([["stable", 1n]]) };
const served = await serve([both, "half_plus_two_tf2", "matrix"], { allowLabelsForUnavailable: true, startLoads: 4 });
const wire = wires(served.grpc)[0]!;
after(async () => {
  wire[Symbol.dispose]();
  await served[Symbol.asyncDispose]();
});
const [prediction, model] = [createClient(PredictionService, wire.transport), createClient(ModelService, wire.transport)];
const version = (value: bigint) => ({ case: "version", value: { value } }) as const;

for (const [name, at] of [
  ["both", "half_plus_two/1"],
  ["both", "half_plus_two/2"],
  ["half_plus_two_tf2", "half_plus_two_tf2/1"],
  ["matrix", "matrix/1"],
] as const) {
  test(`metadata of ${at}: every signature as the file has it, and the version that was asked`, async () => {
    const asked = BigInt(at.split("/")[1]!);
    await loaded(asked);
    const got = await prediction.getModelMetadata({ modelSpec: { name, versionChoice: version(asked) }, metadataField: ["signature_def"] });
    const saved = fromBinary(SavedModelSchema, readFileSync(join(models, at, "saved_model.pb")));
    assert.deepEqual(anyUnpack(got.metadata["signature_def"]!, SignatureDefMapSchema)?.signatureDef, saved.metaGraphs[0]?.signatureDef);
    assert.deepEqual(
      [got.modelSpec?.name, got.modelSpec?.versionChoice.case === "version" && got.modelSpec.versionChoice.value.value, got.modelSpec?.signatureName],
      [name, asked, ""],
    );
  });
}
/** loaded waits until a version answers: the start waits for one version of a model, not for all. */
async function loaded(wanted: bigint): Promise<void> {
  const started = performance.now();
  for (;;) {
    const { modelVersionStatus } = await model.getModelStatus({ modelSpec: { name: "both" } });
    if (modelVersionStatus.some((s) => s.version === wanted && s.state === 30)) return;
    assert.ok(performance.now() - started < 20_000, `version ${wanted} is not loaded`);
  }
}
const list = async (choice?: ReturnType<typeof version> | { readonly case: "versionLabel"; readonly value: string }) => {
  const got = await model.getModelStatus({ modelSpec: choice === undefined ? { name: "both" } : { name: "both", versionChoice: choice } });
  return got.modelVersionStatus.map((s) => [s.version, s.state, s.status?.errorCode, s.status?.errorMessage]);
};
test("status: both versions, the greatest first, without an error", async () => {
  await loaded(1n);
  await loaded(2n);
  assert.deepEqual(await list(), [
    [2n, 30, 0, ""],
    [1n, 30, 0, ""],
  ]);
});
test("status: the one version that was asked", async () => {
  await loaded(1n);
  assert.deepEqual(await list(version(1n)), [[1n, 30, 0, ""]]);
});
test("status: a label is not looked at", async () => {
  await loaded(1n);
  assert.deepEqual(await list({ case: "versionLabel", value: "stable" }), await list());
});
for (const [name, asked] of [
  ["an unknown model", { name: "none" }],
  ["an unknown version", { name: "both", versionChoice: version(9n) }],
] as const) {
  test(`status: ${name} is NotFound, and nothing but the error comes`, async () => {
    const seen: unknown[] = [];
    await assert.rejects(
      model.getModelStatus({ modelSpec: asked }).then((got) => seen.push(got)),
      { code: Code.NotFound },
    );
    assert.deepEqual(seen, []);
  });
}
