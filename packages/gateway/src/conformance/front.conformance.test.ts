// What the gateway answers itself, asked by the clients that people use: grpcurl by reflection alone, and the health probe of Kubernetes.
import assert from "node:assert/strict";
import { test } from "node:test";
import { echo, startBackend } from "@tfs/rpc/testing";
import { freePort, missing, root, run, start, startFront, tool, turn } from "../testing/index.ts";

const grpcurl = tool("grpcurl", "grpcurl");
const probe = tool("grpc-health-probe", "grpc-health-probe");

async function said(command: string, ...args: readonly string[]): Promise<string> {
  await using program = start(command, args);
  assert.equal(await program.exited, 0, program.lines.join("\n"));
  return program.lines.join("\n");
}

test("grpcurl: lists and describes services, and calls one through to its backend, by reflection alone", { skip: missing(grpcurl) }, async () => {
  const port = await freePort();
  const model = `${root}testdata/models/half_plus_two`;
  await using server = run("packages/server/bin/tfs-server.js", [
    "--model_name=m",
    `--model_base_path=${model}`,
    `--port=${port}`,
    "--host=127.0.0.1",
    "--log_format=json",
  ]);
  await server.until((line) => line.includes('"event":"listening"'));
  await using front = await startFront(`127.0.0.1:${port}`);
  const list = await said(grpcurl, "-plaintext", front.address, "list");
  assert.deepEqual(list.split("\n"), [
    "grpc.health.v1.Health",
    "grpc.reflection.v1.ServerReflection",
    "grpc.reflection.v1alpha.ServerReflection",
    "tensorflow.serving.ModelService",
    "tensorflow.serving.PredictionService",
    "tensorflow.serving.SessionService",
    "tfs.serving.v1.ServingService",
  ]);
  assert.match(
    await said(grpcurl, "-plaintext", front.address, "describe", "tensorflow.serving.PredictionService"),
    /rpc Predict \( \.tensorflow\.serving\.PredictRequest \) returns \( \.tensorflow\.serving\.PredictResponse \);/,
  );
  assert.match(await said(grpcurl, "-plaintext", front.address, "describe", "tensorflow.TensorProto"), /bytes tensor_content = 4;/);
  assert.match(await said(grpcurl, "-plaintext", front.address, "describe", "grpc.health.v1.Health.Watch"), /stream \.grpc\.health\.v1\.HealthCheckResponse/);
  const request = '{"model_spec":{"name":"m"},"inputs":{"x":{"dtype":"DT_FLOAT","tensor_shape":{"dim":[{"size":2}]},"float_val":[1,2]}}}';
  const answer = await said(grpcurl, "-plaintext", "-d", request, front.address, "tensorflow.serving.PredictionService/Predict");
  assert.match(answer.replace(/\s/g, ""), /"floatVal":\[3\.5,4\]/);
  const listed = JSON.parse(await said(grpcurl, "-plaintext", front.address, "tfs.serving.v1.ServingService/ListModels")) as object;
  const engines = [{ engine: "embedded", reason: "as configured", servers: 1 }];
  assert.deepEqual(listed, {
    models: [{ name: "m", versions: [{ version: "2", state: "AVAILABLE", servers: [{ state: "AVAILABLE", servers: 1 }], engines }], servers: 1 }],
    serversAsked: 1,
    serversAnswered: 1,
  });
  const health = await said(grpcurl, "-plaintext", front.address, "grpc.health.v1.Health/List");
  assert.equal((JSON.parse(health) as { statuses: Record<string, unknown> }).statuses["tensorflow.serving.PredictionService"] === undefined, false);
});

test("grpc-health-probe: tells ready, not ready and unknown apart by its exit code", { skip: missing(probe) }, async () => {
  await using backend = await startBackend(echo);
  await using front = await startFront(backend.address);
  const exit = async (...args: readonly string[]): Promise<number | string> => {
    await using program = start(probe, [`-addr=${front.address}`, ...args]);
    return await program.exited;
  };
  assert.equal(await exit(), 0);
  assert.equal(await exit("-service=tensorflow.serving.PredictionService"), 0);
  assert.equal(await exit("-service=nobody.Knows"), 3); // the RPC failed
  await backend.stop();
  while ((await fetch(`http://${front.address}/readyz`)).status !== 503) await turn();
  assert.equal(await exit(), 4); // not serving
});
