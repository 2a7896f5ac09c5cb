// Calls over every wire, and what is in the log of each once the server has drained.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import { ExampleSchema, type Input, InputSchema, type ModelServerConfig, ModelServerConfigSchema, type ModelSpec, ModelSpecSchema } from "@tfs/proto";
import { type PredictRequest, PredictRequestSchema, PredictionService, SessionService, type TensorProto } from "@tfs/proto";
import { ModelConfigListSchema } from "@tfs/proto/gen/tensorflow_serving/config/model_server_config_pb.js";
import type { PredictionLog } from "@tfs/proto/gen/tensorflow_serving/apis/prediction_log_pb.js";
import { ServingService } from "@tfs/proto/gen/tfs/serving/v1/serving_pb.js";
import { printNpy } from "@tfs/rest";
import { background, Code } from "@tfs/std";
import { DType, fromMessage, newTensor, toMessage } from "@tfs/tensor";
import { logFiles, logged, logging, models, scratch, send, serve, type Served, type Wire, wires } from "../testing/index.ts";
import { predictRecord, writeWarmupRequests } from "../warmup/index.ts";

const dir = scratch();
after(() => dir[Symbol.dispose]());
const float = (...values: number[]): TensorProto => toMessage(newTensor(DType.Float, [values.length], Float32Array.from(values)));
const numbers = (tensor: TensorProto | undefined): number[] => [...(fromMessage(tensor!).data as Float32Array)];
const asked = (x: number): PredictRequest => create(PredictRequestSchema, { modelSpec: { name: "m" }, inputs: { x: float(x) }, outputFilter: ["y"] });
const input = (x: number): Input => {
  const example = create(ExampleSchema, { features: { feature: { x: { kind: { case: "floatList", value: { value: [x] } } } } } });
  return create(InputSchema, { kind: { case: "exampleList", value: { examples: [example] } } });
};
const spec = (signatureName: string): ModelSpec =>
  create(ModelSpecSchema, { name: "m", signatureName, versionChoice: { case: "version", value: { value: 2n } } });

/** examples gives the x of each example. */
function examples(given: Input | undefined): unknown[] {
  return (given?.kind.value?.examples ?? []).map((example) => example.features?.feature["x"]?.kind.value?.value[0]);
}

/** short is a log in short: its kind, the signature and version that answered, the inputs, the outputs. */
function short({ logType, logMetadata }: PredictionLog): unknown[] {
  const { name, signatureName, versionChoice } = logMetadata!.modelSpec!;
  const of = `${name} ${versionChoice.case === "version" ? versionChoice.value.value : "?"} ${signatureName}`;
  switch (logType.case) {
    case "predictLog":
      return ["predict", of, numbers(logType.value.request?.inputs["x"]), numbers(logType.value.response?.outputs["y"])];
    case "classifyLog":
      return ["classify", of, examples(logType.value.request?.input), logType.value.response?.result?.classifications.map((c) => c.classes[0]?.score)];
    case "regressLog":
      return ["regress", of, examples(logType.value.request?.input), logType.value.response?.result?.regressions.map((r) => r.value)];
    case "multiInferenceLog":
      return ["multiInference", of, examples(logType.value.request?.input), logType.value.response?.results.map((r) => r.result.case)];
    case "sessionRunLog":
      return ["sessionRun", of, numbers(logType.value.request?.feed[0]?.tensor), numbers(logType.value.response?.tensor[0]?.tensor)];
    case "predictStreamedLog":
      return ["stream", of, logType.value.request.map((r) => numbers(r.inputs["x"])[0]), logType.value.response.map((r) => numbers(r.outputs["y"])[0])];
    default:
      return ["nothing"];
  }
}

async function* each<T>(...items: readonly T[]): AsyncIterable<T> {
  for (const item of items) yield item;
}

/** ask makes one call of each kind, and one that fails. The greatest version computes x / 2 + 3. */
async function ask({ transport }: Wire): Promise<void> {
  const client = createClient(PredictionService, transport);
  await client.predict(asked(2));
  await client.classify({ modelSpec: { name: "m", signatureName: "classify_x_to_y" }, input: input(4) });
  await client.regress({ modelSpec: { name: "m", signatureName: "regress_x_to_y" }, input: input(6) });
  await client.multiInference({
    tasks: ["regress", "classify"].map((method) => ({
      modelSpec: { name: "m", signatureName: `${method}_x_to_y` },
      methodName: `tensorflow/serving/${method}`,
    })),
    input: input(8),
  });
  await createClient(SessionService, transport).sessionRun({ modelSpec: { name: "m" }, feed: [{ name: "x:0", tensor: float(10) }], fetch: ["y:0"] });
  for await (const _ of createClient(ServingService, transport).predictStream(
    each(asked(12), create(PredictRequestSchema, { modelSpec: { name: "none" } }), asked(14)),
  )) {
    // answers are in the log
  }
  await assert.rejects(client.predict({ modelSpec: { name: "m" } }), { code: Code.InvalidArgument });
}
const answers: readonly unknown[][] = [
  ["predict", "m 2 serving_default", [2], [4]],
  ["classify", "m 2 classify_x_to_y", [4], [5]],
  ["regress", "m 2 regress_x_to_y", [6], [6]],
  ["multiInference", "m 2 regress_x_to_y", [8], ["regressionResult", "classificationResult"]],
  ["sessionRun", "m 2 ", [10], [8]],
  ["stream", "m 2 serving_default", [12, 14], [9, 10]],
];

let folders = 0;
/** logging serves half_plus_two as m, logged to a folder of its own. */
async function loggingServer(type: string, sampling?: string): Promise<{ served: Served; folder: string }> {
  const folder = join(dir.path, `logs${folders++}`);
  const config = logging(join(folder, "m"), { type, ...(sampling === undefined ? {} : { sampling }) });
  const m = { name: "m", basePath: join(models, "half_plus_two"), logging: config };
  return { served: await serve([m, "half_plus_two"], { sessionRun: true }), folder };
}

const names = wires("http://nowhere").map(({ name }) => name);
for (const type of ["tfrecord", "json"]) {
  for (const [i, name] of names.entries()) {
    test(`${name}: every kind of call that was answered is in the log, as ${type}`, async () => {
      const { served, folder } = await loggingServer(type);
      {
        await using _ = served;
        using wire = wires(served.grpc)[i]!;
        await ask(wire);
      }
      assert.deepEqual((await logged(folder)).map(short), answers);
    });
  }
  test(`REST and calls in the process: every kind of call that was answered is in the log, as ${type}`, async () => {
    const { served, folder } = await loggingServer(type);
    {
      await using _ = served;
      const post = async (verb: string, body: string | Uint8Array, headers: Record<string, string> = {}): Promise<void> => {
        assert.equal((await send("POST", `${served.rest}/v1/models/m:${verb}`, body, headers)).status, 200);
      };
      await post("predict", '{"instances":[2]}');
      await post("classify", '{"signature_name":"classify_x_to_y","examples":[{"x":4.0}]}');
      await post("regress", '{"signature_name":"regress_x_to_y","examples":[{"x":6.0}]}');
      await post("predict", printNpy("x", newTensor(DType.Float, [1], Float32Array.of(8))), { "content-type": "application/x-npy" });
      await send("POST", `${served.rest}/v1/models/m:predict`, '{"instances":["a"]}', {});
      await served.server.direct().predict(background(), {
        spec: create(ModelSpecSchema, { name: "m" }),
        inputs: new Map([["x", newTensor(DType.Float, [1], Float32Array.of(10))]]),
        outputFilter: [],
      });
    }
    assert.deepEqual((await logged(folder)).map(short), [
      answers[0],
      answers[1],
      answers[2],
      ["predict", "m 2 serving_default", [8], [7]],
      ["predict", "m 2 serving_default", [10], [8]],
    ]);
  });
}

test("a message is logged as it came, with the metadata of what answered", async () => {
  const { served, folder } = await loggingServer("tfrecord");
  const content = toMessage(newTensor(DType.Float, [1], Float32Array.of(2)), "content");
  const sent = create(PredictRequestSchema, { modelSpec: { name: "m" }, inputs: { x: content }, outputFilter: ["y"] });
  {
    await using _ = served;
    using wire = wires(served.grpc)[0]!;
    await createClient(PredictionService, wire.transport).predict(sent);
    await createClient(PredictionService, wire.transport).predict({ modelSpec: { name: "half_plus_two" }, inputs: { x: content } });
  }
  const [log, ...more] = await logged(folder);
  assert.equal(more.length, 0, "a model without a logging_config is not logged");
  assert.ok(log?.logType.case === "predictLog");
  assert.deepEqual(log.logType.value.request, sent);
  assert.deepEqual(log.logMetadata?.modelSpec, spec("serving_default"));
  assert.deepEqual(log.logMetadata?.savedModelTags, ["serve"]);
});
test("what warm-up runs is not in the log", async () => {
  const basePath = dir.copy("half_plus_two/1", "warm/1");
  await writeWarmupRequests(join(basePath, "1"), [predictRecord({ x: newTensor(DType.Float, [1], Float32Array.of(2)) })]);
  const folder = join(dir.path, "unlogged");
  const served = await serve([{ name: "m", basePath, logging: logging(join(folder, "m")) }]);
  await served.server.drain(0);
  assert.deepEqual([served.started.failures, existsSync(folder)], [[], false]);
});
test("a server that drains writes the log of a stream that it ends", async () => {
  const { served, folder } = await loggingServer("tfrecord");
  using wire = wires(served.grpc)[0]!;
  let more = (): void => {};
  const open = new Promise<void>((resolve) => (more = resolve));
  const questions = async function* (): AsyncIterable<PredictRequest> {
    yield asked(2);
    await open;
  };
  let heard = 0;
  let drained: Promise<boolean> | undefined;
  const talk = (async () => {
    for await (const _ of createClient(ServingService, wire.transport).predictStream(questions())) {
      heard++;
      drained = served.server.drain(10_000);
    }
  })();
  await assert.rejects(talk, { code: Code.Unavailable });
  more();
  await drained;
  assert.deepEqual([heard, (await logged(folder)).map(short)], [1, [["stream", "m 2 serving_default", [2], [4]]]]);
});
test("files stay open over a reload that leaves a model's logging as it is, and end when it has none any more", async () => {
  const { served, folder } = await loggingServer("tfrecord");
  await using _ = served;
  const config = (logs: boolean): ModelServerConfig => {
    const m = { name: "m", basePath: join(models, "half_plus_two"), modelPlatform: "tensorflow", ...(logs && { loggingConfig: logging(join(folder, "m")) }) };
    return create(ModelServerConfigSchema, { config: { case: "modelConfigList", value: create(ModelConfigListSchema, { config: [m] }) } });
  };
  using wire = wires(served.grpc)[0]!;
  const client = createClient(PredictionService, wire.transport);
  for (const logs of [true, true, false]) {
    await client.predict(asked(2));
    await served.server.reload(background(), config(logs));
  }
  await client.predict(asked(2));
  await served.server.drain(0);
  assert.deepEqual(
    (await logFiles(folder)).map(({ logs }) => logs.length),
    [3],
  );
});
