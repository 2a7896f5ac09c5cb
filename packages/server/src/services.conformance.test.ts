// The server's own services, asked by the clients that people use: grpcurl by reflection alone, and the health probe of Kubernetes.
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, test } from "node:test";
import { missing, start, tool } from "@tfs/rpc/testing";
import { models, scratch, serve } from "./testing/index.ts";

const grpcurl = tool("grpcurl", "grpcurl");
const probe = tool("grpc-health-probe", "grpc-health-probe");

const dir = scratch();
const half = join(models, "half_plus_two");
const served = await serve(
  [
    { name: "m", basePath: half, policy: { kind: "all" }, labels: new Map([["canary", 2n]]) },
    { name: "late", basePath: join(dir.path, "late") },
  ],
  {
    sessionRun: true,
    allowLabelsForUnavailable: true,
    pollMs: 50,
  },
);
const address = served.started.grpc[0]!;
after(async () => {
  await served[Symbol.asyncDispose]();
  dir[Symbol.dispose]();
});

async function said(...args: readonly string[]): Promise<string> {
  await using program = start(grpcurl, ["-plaintext", ...args]);
  assert.equal(await program.exited, 0, program.lines.join("\n"));
  return program.lines.join("\n");
}

test("grpcurl lists and describes services, and calls them, by reflection alone", { skip: missing(grpcurl) }, async () => {
  assert.deepEqual((await said(address, "list")).split("\n"), [
    "grpc.health.v1.Health",
    "grpc.reflection.v1.ServerReflection",
    "grpc.reflection.v1alpha.ServerReflection",
    "tensorflow.serving.ModelService",
    "tensorflow.serving.PredictionService",
    "tensorflow.serving.SessionService",
    "tfs.serving.v1.ServingService",
  ]);
  assert.match(
    await said(address, "describe", "tfs.serving.v1.ServingService"),
    /rpc PredictStream \( stream \.tensorflow\.serving\.PredictRequest \) returns \( stream \.tfs\.serving\.v1\.PredictStreamResponse \);/,
  );
  const listed = JSON.parse(await said("-d", '{"names":["m"]}', address, "tfs.serving.v1.ServingService/ListModels")) as object;
  const engines = [{ engine: "embedded", reason: "as configured", servers: 1 }];
  const available = (version: string) => ({ version, state: "AVAILABLE", servers: [{ state: "AVAILABLE", servers: 1 }], engines });
  assert.deepEqual(listed, {
    models: [{ name: "m", versions: [available("2"), available("1")], labels: [{ label: "canary", version: "2", servers: 1 }], servers: 1 }],
    serversAsked: 1,
    serversAnswered: 1,
  });
  const input = '{"dtype":"DT_FLOAT","tensor_shape":{"dim":[{"size":2}]},"float_val":[1,2]}';
  const requests = ["m", "none", "m"].map((name) => `{"model_spec":{"name":"${name}"},"inputs":{"x":${input}}}`).join("");
  const answers = (await said("-d", requests, address, "tfs.serving.v1.ServingService/PredictStream")).replace(/\s/g, "");
  assert.match(answers, /^\{"response":.*"floatVal":\[3\.5,4\].*\}\{"error":\{"code":5,.*\}\}\{"response":.*"floatVal":\[3\.5,4\].*\}$/);
  const run = `{"model_spec":{"name":"m"},"feed":[{"name":"x:0","tensor":${input}}],"fetch":["y2:0"]}`;
  assert.match((await said("-d", run, address, "tensorflow.serving.SessionService/SessionRun")).replace(/\s/g, ""), /"name":"y2:0","tensor":\{.*"floatVal":\[/);
});

test("grpc-health-probe tells by its exit code whether a model can be asked", { skip: missing(probe), timeout: 60_000 }, async () => {
  const exit = async (service: string): Promise<number | string> => {
    await using program = start(probe, [`-addr=${address}`, `-service=${service}`]);
    return await program.exited;
  };
  const [ok, unknown, notServing] = [0, 3, 4]; // its own README
  assert.equal(await exit("m"), ok);
  assert.equal(await exit("late"), notServing);
  assert.equal(await exit(""), notServing);
  assert.equal(await exit("PredictionService"), notServing);
  assert.equal(await exit("nobody"), unknown);
  dir.copy("half_plus_two/1", "late/1");
  while ((await exit("late")) !== ok) {} // until the server has looked
  assert.equal(await exit(""), ok);
});
