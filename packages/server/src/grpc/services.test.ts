import assert from "node:assert/strict";
import { join } from "node:path";
import { after, test } from "node:test";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { type ModelServerConfig, ModelServerConfigSchema, ModelVersionStatus_State as State, PredictionService } from "@tfs/proto";
import { Health, HealthCheckResponse_ServingStatus as Status } from "@tfs/proto/gen/grpc/health/v1/health_pb.js";
import { ServerReflection } from "@tfs/proto/gen/grpc/reflection/v1/reflection_pb.js";
import { ServerReflection as ServerReflectionAlpha } from "@tfs/proto/gen/grpc/reflection/v1alpha/reflection_pb.js";
import { type ListModelsRequestSchema, type Model, ServingService } from "@tfs/proto/gen/tfs/serving/v1/serving_pb.js";
import { background } from "@tfs/std";
import { models, scratch, serve, type Wire, wires } from "../testing/index.ts";

const dir = scratch();
const broken = { name: "broken", basePath: dir.copy("half_plus_two/1/variables", "broken/1") };
const missing = { name: "missing", basePath: join(dir.path, "nowhere") };
const both = {
  name: "both",
  basePath: join(models, "half_plus_two"),
  policy: { kind: "all" },
  labels: new Map([
    ["stable", 1n],
    ["canary", 2n],
  ]),
} as const;
const whole = await serve(["half_plus_two"]);
const partial = await serve([both, "half_plus_two", broken, missing], { allowLabelsForUnavailable: true });
const all = { whole: wires(whole.grpc), partial: wires(partial.grpc) };
after(async () => {
  for (const wire of [...all.whole, ...all.partial]) wire[Symbol.dispose]();
  await whole[Symbol.asyncDispose]();
  await partial[Symbol.asyncDispose]();
  dir[Symbol.dispose]();
});

const isCode =
  (code: Code, text: string) =>
  (err: unknown): boolean => {
    assert.ok(err instanceof ConnectError, String(err));
    assert.deepEqual([Code[err.code], err.rawMessage], [Code[code], text]);
    return true;
  };

const checks: readonly { readonly name: string; readonly of: keyof typeof all; readonly service: string; readonly want: Status }[] = [
  { name: "the whole serves when every model does", of: "whole", service: "", want: Status.SERVING },
  { name: "the whole does not serve when a model does not", of: "partial", service: "", want: Status.NOT_SERVING },
  { name: "TensorFlow Serving's short name", of: "whole", service: "PredictionService", want: Status.SERVING },
  { name: "TensorFlow Serving's other short name", of: "whole", service: "ModelService", want: Status.SERVING },
  { name: "a service by its full name", of: "whole", service: "tensorflow.serving.PredictionService", want: Status.SERVING },
  { name: "our own service", of: "whole", service: "tfs.serving.v1.ServingService", want: Status.SERVING },
  { name: "a service stands and falls with the whole", of: "partial", service: "PredictionService", want: Status.NOT_SERVING },
  { name: "a model that is there serves whatever others do", of: "partial", service: "half_plus_two", want: Status.SERVING },
  { name: "a model that did not load does not serve", of: "partial", service: "broken", want: Status.NOT_SERVING },
  { name: "a model without versions does not serve", of: "partial", service: "missing", want: Status.NOT_SERVING },
];

for (const at of [0, 1, 2, 3, 4, 5, 6, 7]) {
  const wire: Record<keyof typeof all, Wire> = { whole: all.whole[at]!, partial: all.partial[at]! };
  const { name } = wire.whole;
  const health = createClient(Health, wire.partial.transport);
  for (const tc of checks) {
    test(`${name}: health: ${tc.name}`, async () => {
      const { status } = await createClient(Health, wire[tc.of].transport).check({ service: tc.service });
      assert.equal(status, tc.want);
    });
  }
  for (const service of ["none", "tensorflow.serving.SessionService"]) {
    test(`${name}: health: ${service} is not known`, () => assert.rejects(health.check({ service }), isCode(Code.NotFound, `unknown service ${service}`)));
  }
  test(`${name}: health: List has the whole, services and models`, async () => {
    const { statuses } = await health.list({});
    const bad = ["", "ModelService", "PredictionService", "broken", "missing"];
    const services = ["tensorflow.serving.ModelService", "tensorflow.serving.PredictionService", "tfs.serving.v1.ServingService"];
    const want = new Map([
      ...[...bad, ...services].map((one) => [one, Status.NOT_SERVING] as const),
      ["both", Status.SERVING],
      ["half_plus_two", Status.SERVING],
    ]);
    assert.deepEqual(new Map(Object.entries(statuses).map(([one, { status }]) => [one, status])), want);
  });

  for (const service of [ServerReflection, ServerReflectionAlpha]) {
    test(`${name}: ${service.typeName} lists what is served, and gives the file of a service`, async () => {
      const client = createClient(service, wire.whole.transport);
      const asked = [
        { messageRequest: { case: "listServices", value: "" } as const },
        { messageRequest: { case: "fileContainingSymbol", value: ServingService.typeName } as const },
      ];
      const got = [];
      for await (const { messageResponse } of client.serverReflectionInfo(each(asked))) got.push(messageResponse);
      assert.ok(got[0]?.case === "listServicesResponse" && got[1]?.case === "fileDescriptorResponse");
      assert.deepEqual(
        got[0].value.service.map((one) => one.name),
        [
          "grpc.health.v1.Health",
          "grpc.reflection.v1.ServerReflection",
          "grpc.reflection.v1alpha.ServerReflection",
          "tensorflow.serving.ModelService",
          "tensorflow.serving.PredictionService",
          "tfs.serving.v1.ServingService",
        ],
      );
      assert.ok(got[1].value.fileDescriptorProto.length > 5);
    });
  }

  const list = async (request: MessageInitShape<typeof ListModelsRequestSchema>): Promise<readonly Model[]> =>
    (await createClient(ServingService, wire.partial.transport).listModels(request)).models;
  test(`${name}: ListModels tells every model, by name, with versions, engines, labels and states`, async () => {
    const got = await createClient(ServingService, wire.partial.transport).listModels({});
    assert.deepEqual([got.serversAsked, got.serversAnswered], [1, 1]);
    const told = got.models.map((model) => [model.name, model.versions.map((v) => [v.version, v.state]), model.labels.map((l) => [l.label, l.version])]);
    // biome-ignore format: a row for each model
    assert.deepEqual(told, [
      ["both", [[2n, State.AVAILABLE], [1n, State.AVAILABLE]], [["canary", 2n], ["stable", 1n]]],
      ["broken", [], []],
      ["half_plus_two", [[2n, State.AVAILABLE]], []],
      ["missing", [], []],
    ]);
    for (const { versions, servers } of got.models) {
      assert.equal(servers, 1);
      for (const { state, servers: states, signatures, error, engines } of versions) {
        assert.deepEqual(
          engines.map((one) => [one.engine, one.reason, one.servers]),
          [["embedded", "as configured", 1]],
        );
        assert.deepEqual([states.map((one) => [one.state, one.servers]), signatures, error], [[[state, 1]], {}, undefined]);
      }
    }
  });
  test(`${name}: ListModels tells ended versions and why they ended, if asked, and never where models lie`, async () => {
    const [ended, absent] = await list({ names: ["broken", "missing"], includeEnded: true });
    assert.deepEqual(
      ended!.versions.map((v) => [v.version, v.state, v.error?.code, v.engines]),
      [[1n, State.END, Code.NotFound, []]],
    );
    assert.match(absent!.error?.message ?? "", /^Could not find base path … for servable missing with error /);
    for (const { message } of [ended!.versions[0]!.error!, absent!.error!]) assert.ok(!message.includes(dir.path), message);
  });
  test(`${name}: ListModels gives signatures if asked, of the models that are named`, async () => {
    const got = await list({ names: ["half_plus_two", "none"], includeSignatures: true });
    assert.deepEqual(
      got.map((model) => model.name),
      ["half_plus_two"],
    );
    assert.equal(got[0]!.versions[0]!.signatures["serving_default"]?.inputs["x"]?.encoding.value, "x:0");
  });
}

async function* each<T>(items: readonly T[]): AsyncIterable<T> {
  for (const item of items) yield item;
}

const config = (...names: readonly string[]): ModelServerConfig =>
  create(ModelServerConfigSchema, {
    config: {
      case: "modelConfigList",
      value: { config: names.map((name) => ({ name, basePath: join(models, "half_plus_two"), modelPlatform: "tensorflow" })) },
    },
  });

test("health: watchers on every wire hear a model come and go, and then the server", async () => {
  const served = await serve([{ name: "m", basePath: join(models, "half_plus_two") }]);
  const list = wires(served.grpc);
  const heard = list.map((): Status[] => []);
  let wake = (): void => {};
  const until = async (status: Status): Promise<void> => {
    while (!heard.every((statuses) => statuses.at(-1) === status)) await new Promise<void>((resolve) => (wake = resolve));
  };
  const ends = list.map(async ({ transport }, i) => {
    for await (const { status } of createClient(Health, transport).watch({ service: "late" })) {
      heard[i]!.push(status);
      wake();
    }
  });
  const ended = Promise.allSettled(ends);
  await until(Status.SERVICE_UNKNOWN);
  await served.server.reload(background(), config("m", "late"));
  await until(Status.SERVING);
  await served.server.reload(background(), config("m"));
  await until(Status.SERVICE_UNKNOWN);
  await served.server.reload(background(), config("m", "late"));
  await until(Status.SERVING);
  await served.server.drain(60_000); // held up by none of them
  for (const [i, end] of (await ended).entries()) {
    assert.ok(end.status === "rejected", list[i]!.name);
    isCode(Code.Unavailable, "the server is shutting down")(end.reason);
  }
  for (const statuses of heard) assert.equal(statuses.at(-1), Status.NOT_SERVING);
  for (const wire of list) wire[Symbol.dispose]();
});

test("health: a watcher's deadline ends its call", async () => {
  using wire = wires(whole.grpc)[0]!;
  const heard: Status[] = [];
  const watch = async (): Promise<void> => {
    // The deadline is told to the server alone, so that its answer is heard.
    for await (const { status } of createClient(Health, wire.transport).watch({}, { headers: { "grpc-timeout": "50m" } })) heard.push(status);
  };
  await assert.rejects(watch(), isCode(Code.DeadlineExceeded, "deadline exceeded"));
  assert.deepEqual(heard, [Status.SERVING]);
});

test("health: off, it is no method, and not listed", async () => {
  await using served = await serve(["half_plus_two"], { health: false });
  using wire = wires(served.grpc)[0]!;
  await assert.rejects(createClient(Health, wire.transport).check({}), isCode(Code.Unimplemented, "unknown method /grpc.health.v1.Health/Check"));
  await createClient(PredictionService, wire.transport).getModelMetadata({ modelSpec: { name: "half_plus_two" }, metadataField: ["signature_def"] });
});
