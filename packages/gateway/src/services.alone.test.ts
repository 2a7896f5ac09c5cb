// Our own services through the gateway, in front of two model servers that run as processes of their own.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { createClient, type Transport } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { DataType, type PredictRequest, PredictRequestSchema } from "@tfs/proto";
import { Health, HealthCheckResponse_ServingStatus as Status } from "@tfs/proto/gen/grpc/health/v1/health_pb.js";
import { ServerReflection } from "@tfs/proto/gen/grpc/reflection/v1/reflection_pb.js";
import { type PredictStreamResponse, ServingService } from "@tfs/proto/gen/tfs/serving/v1/serving_pb.js";
import { root, run, startGateway, untilReady } from "./testing/index.ts";

const scratch = mkdtempSync(join(tmpdir(), "tfs-gateway-"));

async function startServer(model: string, folder: string) {
  const socket = join(scratch, `${model}.sock`);
  const where = [`--model_name=${model}`, `--model_base_path=${root}testdata/models/${folder}`, `--grpc_socket_path=${socket}`];
  const program = run("packages/server/bin/tfs-server.js", [...where, "--port=0", "--rest_api_port=0", "--log_format=json"]);
  await program.until((line) => line.includes('"event":"listening"'));
  return { program, address: `unix:${socket}` };
}

const servers = await Promise.all([startServer("m", "half_plus_two"), startServer("c", "counter")]);
const fleet = await startGateway(servers.map(({ address }) => address));
const single = await startGateway([servers[0]!.address]);
await untilReady(fleet);
await untilReady(single);
after(async () => {
  await fleet[Symbol.asyncDispose]();
  await single[Symbol.asyncDispose]();
  for (const { program } of servers) await program[Symbol.asyncDispose]();
  rmSync(scratch, { recursive: true, force: true });
});

/** transports of a gateway; `duplex`: both sides may speak at a time. */
const transports = (baseUrl: string): readonly { readonly name: string; readonly duplex: boolean; readonly transport: Transport }[] => [
  { name: "gRPC", duplex: true, transport: createGrpcTransport({ baseUrl }) },
  ...(["1.1", "2"] as const).flatMap((httpVersion) =>
    [true, false].flatMap((useBinaryFormat) => {
      const how = `${useBinaryFormat ? "" : " in JSON"} over HTTP/${httpVersion}`;
      const duplex = httpVersion === "2";
      const options = { baseUrl, httpVersion, useBinaryFormat };
      return [
        { name: `gRPC-Web${how}`, duplex, transport: createGrpcWebTransport(options) },
        { name: `Connect${how}`, duplex, transport: createConnectTransport(options) },
      ];
    }),
  ),
];

const ask = (x: number, name = "m"): PredictRequest =>
  create(PredictRequestSchema, { modelSpec: { name }, inputs: { x: { dtype: DataType.DT_FLOAT, tensorShape: {}, floatVal: [x] } } });
const said = ({ answer }: PredictStreamResponse): unknown =>
  answer.case === "response" ? answer.value.outputs["y"]?.floatVal[0] : [answer.value?.code, answer.value?.message];

for (const { name, duplex, transport } of transports(single.url)) {
  const client = createClient(ServingService, transport);
  test(`${name}: PredictStream goes to a model server, errors of one message and all`, async () => {
    const requests = async function* (): AsyncIterable<PredictRequest> {
      for (let x = 0; x < 40; x++) yield ask(x, x === 7 ? "none" : "m");
    };
    const heard: unknown[] = [];
    for await (const answer of client.predictStream(requests())) heard.push(said(answer));
    const want = Array.from({ length: 40 }, (_, x) => (x === 7 ? [5, "Servable not found for request: Latest(none)"] : x / 2 + 3));
    assert.deepEqual(heard, want);
  });
  if (!duplex) continue;
  test(`${name}: PredictStream, question and answer in turn`, async () => {
    let next: (x: number | undefined) => void = () => {};
    const requests = async function* (): AsyncIterable<PredictRequest> {
      yield ask(0);
      for (;;) {
        const x = await new Promise<number | undefined>((resolve) => (next = resolve));
        if (x === undefined) return;
        yield ask(x);
      }
    };
    const heard: unknown[] = [];
    for await (const answer of client.predictStream(requests())) {
      heard.push(said(answer));
      next(heard.length < 3 ? 2 * heard.length : undefined);
    }
    assert.deepEqual(heard, [3, 4, 5]);
  });
}

for (const { name, transport } of transports(fleet.url)) {
  test(`${name}: ListModels tells of both model servers`, async () => {
    const { models, serversAsked, serversAnswered } = await createClient(ServingService, transport).listModels({ includeSignatures: true });
    assert.deepEqual([serversAsked, serversAnswered], [2, 2]);
    const told = models.map((model) => [
      model.name,
      model.servers,
      model.versions.map((v) => [v.version, v.servers.length, "serving_default" in v.signatures]),
    ]);
    assert.deepEqual(told, [
      ["c", 1, [[1n, 1, false]]],
      ["m", 1, [[2n, 1, true]]],
    ]);
  });
  test(`${name}: health and reflection are the gateway's own`, async () => {
    assert.equal((await createClient(Health, transport).check({ service: ServingService.typeName })).status, Status.SERVING);
    const asked = async function* () {
      yield { messageRequest: { case: "fileContainingSymbol", value: "tfs.serving.v1.ServingService.ListModels" } as const };
    };
    for await (const { messageResponse } of createClient(ServerReflection, transport).serverReflectionInfo(asked())) {
      assert.equal(messageResponse.case, "fileDescriptorResponse");
    }
  });
}

test("calls of PredictStream are counted under the model of their first message, and those that the gateway answers under none", () => {
  const counts = (gateway: typeof single): Map<string, number> => {
    const { cells } = gateway.gateway.report().families.find(({ name }) => name === "tfs_gateway_requests_total")!;
    return new Map(cells.map(({ values, value }) => [values.join(" "), value]));
  };
  assert.deepEqual(
    counts(single),
    new Map([
      ["grpc m OK", 2],
      ["grpc_web m OK", 6],
      ["connect m OK", 6],
    ]),
  );
  assert.deepEqual(
    counts(fleet),
    new Map([
      ["grpc  OK", 1],
      ["grpc_web  OK", 4],
      ["connect  OK", 4],
    ]),
  );
});
