// HandleReloadConfigRequest on every wire (behaviour spec 2.8 and 4.7). What a configuration may hold is the core's, and has its tests there.
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { fromText } from "@bufbuild/protobuf/txtpb";
import { type Client, Code, ConnectError, createClient } from "@connectrpc/connect";
import { ModelServerConfigSchema, ModelService, PredictionService } from "@tfs/proto";
import { DType, newTensor, toMessage } from "@tfs/tensor";
import { models, scratch, serve, wires } from "../testing/index.ts";

const dir = scratch();
mkdirSync(join(dir.path, "void/7"), { recursive: true });
const served = await serve(["matrix"]);
const all = wires(served.grpc);
after(async () => {
  for (const wire of all) wire[Symbol.dispose]();
  await served[Symbol.asyncDispose]();
  dir[Symbol.dispose]();
});
const half = join(models, "half_plus_two");
const one = (name: string, path: string, more = ""): string => `config { name: "${name}" base_path: "${path}" model_platform: "tensorflow" ${more} }`;
const parse = (text: string) => fromText(ModelServerConfigSchema, text);
const list = (...configs: readonly string[]) => parse(`model_config_list { ${configs.join(" ")} }`);
const matrix = one("matrix", join(models, "matrix"));
const x = { x: toMessage(newTensor(DType.Float, [], Float32Array.of(2))) };

const refusals: readonly { readonly name: string; readonly config: () => ReturnType<typeof parse> | undefined; readonly code: Code; readonly text: RegExp }[] =
  [
    {
      name: "no config",
      config: () => undefined,
      code: Code.InvalidArgument,
      text: /^ServerModelConfig type not supported by HandleReloadConfigRequest\. Only ModelConfigList is currently supported$/,
    },
    { name: "a config that is not set", config: () => parse(""), code: Code.InvalidArgument, text: /^ServerModelConfig type not supported/ },
    { name: "a custom config", config: () => parse("custom_model_config { }"), code: Code.InvalidArgument, text: /^ServerModelConfig type not supported/ },
    {
      name: "a name twice",
      config: () => list(matrix, matrix),
      code: Code.InvalidArgument,
      text: /^Illegal to list model matrix multiple times in config list$/,
    },
    {
      name: "a label to what is not there",
      config: () => list(one("matrix", join(models, "matrix"), 'version_labels { key: "a" value: 9 }')),
      code: Code.FailedPrecondition,
      text: /^Request to assign label to version 9 of model matrix, which is not currently available for inference$/,
    },
    {
      name: "a new model without a base path",
      config: () => list(matrix, one("late", join(dir.path, "nowhere"))),
      code: Code.Unknown,
      text: /^1 model\(s\) did not become available: \{\{\{name: late\} due to error: INVALID_ARGUMENT: Could not find base path /,
    },
  ];
for (const wire of all) {
  const model: Client<typeof ModelService> = createClient(ModelService, wire.transport);
  const prediction = createClient(PredictionService, wire.transport);
  const reload = (...configs: readonly string[]) => model.handleReloadConfigRequest({ config: list(...configs) });

  test(`${wire.name}: a reload adds a model and moves a label, and answers OK; another takes the model away`, async () => {
    const labels = (version: number): string => `model_version_policy { all { } } version_labels { key: "stable" value: ${version} }`;
    await reload(matrix, one("half", half, "model_version_policy { all { } }"));
    // Of a new model one version is waited for; labels need theirs.
    for (const version of [1, 2]) await loaded(model, BigInt(version));
    for (const [version, want] of [
      [1, 3],
      [2, 4],
      [1, 3],
    ] as const) {
      const got = await reload(matrix, one("half", half, labels(version)));
      assert.deepEqual([got.status?.errorCode, got.status?.errorMessage, got.metric], [0, "", []]);
      const { outputs } = await prediction.predict({ modelSpec: { name: "half", versionChoice: { case: "versionLabel", value: "stable" } }, inputs: x });
      assert.deepEqual(outputs["y"]?.floatVal, [want]);
    }
    await reload(matrix);
    await assert.rejects(prediction.predict({ modelSpec: { name: "half" }, inputs: x }), {
      code: Code.NotFound,
      rawMessage: "Servable not found for request: Latest(half)",
    });
  });
  test(`${wire.name}: metrics that nobody keeps have not grown`, async () => {
    const names = ["/tensorflow/serving/request_count", "/no/such/metric"];
    const got = await model.handleReloadConfigRequest({ config: list(matrix), metricNames: names });
    assert.deepEqual(
      got.metric.map((m) => [m.name, m.valueIncrease.value]),
      names.map((name) => [name, 0n]),
    );
  });
  for (const row of refusals) {
    test(`${wire.name}: a reload is refused: ${row.name}`, async () => {
      const config = row.config();
      await assert.rejects(model.handleReloadConfigRequest(config === undefined ? {} : { config }), (err) => {
        assert.ok(err instanceof ConnectError);
        assert.deepEqual([Code[err.code], row.text.test(err.rawMessage)], [Code[row.code], true], err.rawMessage);
        return true;
      });
      const { modelVersionStatus } = await model.getModelStatus({ modelSpec: { name: "matrix" } });
      assert.deepEqual(
        modelVersionStatus.map((s) => s.state),
        [30],
      );
      await reload(matrix);
    });
  }
  test(`${wire.name}: a new model that does not load is told, and its error stays in its status`, async () => {
    await assert.rejects(reload(matrix, one("void", join(dir.path, "void"))), {
      code: Code.Unknown,
      rawMessage: /^1 model\(s\) did not become available: \{\{\{name: void version: 7\} due to error: NOT_FOUND: /,
    });
    const [entry] = (await model.getModelStatus({ modelSpec: { name: "void" } })).modelVersionStatus;
    assert.deepEqual([entry?.version, entry?.state, entry?.status?.errorCode], [7n, 50, Code.NotFound]);
    await reload(matrix);
  });
}
/** loaded waits until a version of half answers. */
async function loaded(model: Client<typeof ModelService>, version: bigint): Promise<void> {
  const started = performance.now();
  for (;;) {
    const { modelVersionStatus } = await model.getModelStatus({ modelSpec: { name: "half" } });
    if (modelVersionStatus.some((s) => s.version === version && s.state === 30)) return;
    assert.ok(performance.now() - started < 20_000, `version ${version} is not loaded`);
  }
}
