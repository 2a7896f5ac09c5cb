import assert from "node:assert/strict";
import { createServer } from "node:http2";
import { test } from "node:test";
import { Code, ConnectError, createClient, type ServiceImpl, type Transport } from "@connectrpc/connect";
import { connectNodeAdapter, createConnectTransport, createGrpcTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { ModelVersionStatus_State as State } from "@tfs/proto";
import { type ListModelsRequest, ServingService } from "@tfs/proto/gen/tfs/serving/v1/serving_pb.js";
import { type Backend, startBackend } from "@tfs/rpc/testing";
import { freePort, type Started, startGateway, turn } from "../testing/index.ts";

type List = NonNullable<Partial<ServiceImpl<typeof ServingService>>["listModels"]>;

/** modelServer is a server that is not ours, with the methods given. */
function modelServer(listModels?: List): Promise<Backend> {
  const routes = connectNodeAdapter({ routes: (router) => void router.service(ServingService, listModels === undefined ? {} : { listModels }) });
  return startBackend(() => {}, { server: createServer(routes) });
}

/** having answers with one version of each model named. */
const having =
  (...names: readonly string[]): List =>
  () => ({
    serversAsked: 1,
    serversAnswered: 1,
    models: names.map((name) => ({
      name,
      servers: 1,
      versions: [{ version: 1n, state: State.AVAILABLE, servers: [{ state: State.AVAILABLE, servers: 1 }] }],
    })),
  });
const never: List = () => new Promise(() => {});
const failing =
  (code: Code, text: string): List =>
  () => {
    throw new ConnectError(text, code);
  };

async function withFleet(lists: readonly (List | undefined)[], use: (gateway: Started) => Promise<void>, more: readonly string[] = []): Promise<void> {
  const backends = await Promise.all(lists.map((list) => modelServer(list)));
  try {
    await using gateway = await startGateway([...backends.map(({ address }) => address), ...more]);
    const connected = (): number =>
      gateway.gateway
        .report()
        .families.find(({ name }) => name === "tfs_gateway_backend_connected")!
        .cells.filter(({ value }) => value === 1).length;
    while (connected() < backends.length) await turn();
    await use(gateway);
  } finally {
    for (const backend of backends) await backend.stop();
  }
}

const transports = (baseUrl: string): readonly (readonly [name: string, transport: Transport])[] => [
  ["gRPC", createGrpcTransport({ baseUrl })],
  ["gRPC-Web over HTTP/1.1", createGrpcWebTransport({ baseUrl, httpVersion: "1.1" })],
  ["gRPC-Web in JSON over HTTP/2", createGrpcWebTransport({ baseUrl, httpVersion: "2", useBinaryFormat: false })],
  ["Connect over HTTP/1.1", createConnectTransport({ baseUrl, httpVersion: "1.1", useBinaryFormat: true })],
  ["Connect in JSON over HTTP/2", createConnectTransport({ baseUrl, httpVersion: "2", useBinaryFormat: false })],
];

const clientOf = (gateway: Started) => createClient(ServingService, createGrpcTransport({ baseUrl: gateway.url }));

test("ListModels: the fleet's models are one list, on every wire", () =>
  withFleet([having("a", "b"), having("b", "c")], async (gateway) => {
    for (const [name, transport] of transports(gateway.url)) {
      const { models, serversAsked, serversAnswered } = await createClient(ServingService, transport).listModels({});
      assert.deepEqual([serversAsked, serversAnswered], [2, 2], name);
      assert.deepEqual(
        models.map((model) => [model.name, model.servers, model.versions.map((v) => v.servers.map((one) => one.servers))]),
        [
          ["a", 1, [[1]]],
          ["b", 2, [[2]]],
          ["c", 1, [[1]]],
        ],
        name,
      );
    }
  }));

test("ListModels: what is asked, and the caller's metadata, reach every model server", async () => {
  const asked: [ListModelsRequest, string | null][] = [];
  const list: List = (request, context) => {
    asked.push([request, context.requestHeader.get("authorization")]);
    return having("m")(request, context);
  };
  await withFleet([list, list], async (gateway) => {
    await clientOf(gateway).listModels({ names: ["m"], includeEnded: true, includeSignatures: true }, { headers: { authorization: "Bearer t" } });
  });
  assert.deepEqual(
    asked.map(([{ names, includeEnded, includeSignatures }, authorization]) => [names, includeEnded, includeSignatures, authorization]),
    Array(2).fill([["m"], true, true, "Bearer t"]),
  );
});

test("ListModels: model servers that are down, do not know the service or do not answer in time are counted as asked", async () => {
  const down = `127.0.0.1:${await freePort()}`;
  await withFleet(
    [having("m"), undefined, never],
    async (gateway) => {
      const { models, serversAsked, serversAnswered } = await clientOf(gateway).listModels({}, { timeoutMs: 2000 });
      assert.deepEqual([models.map(({ name }) => name), serversAsked, serversAnswered], [["m"], 4, 1]);
    },
    [down],
  );
});

const refusals = [
  {
    name: "no model server knows the service",
    lists: [undefined, undefined],
    code: Code.Unimplemented,
    text: "no model server has tfs.serving.v1.ServingService",
  },
  {
    name: "none answers within the caller's time",
    lists: [never],
    code: Code.DeadlineExceeded,
    text: "no model server has answered in time",
    headers: { "grpc-timeout": "100m" },
  },
  {
    name: "the model server does not let the caller",
    lists: [failing(Code.PermissionDenied, "not you"), undefined],
    code: Code.PermissionDenied,
    text: "not you",
  },
  { name: "what failed is for our log", lists: [failing(Code.Internal, "/secret/path")], code: Code.Unavailable, text: "no model server is available" },
] as const;
for (const tc of refusals) {
  test(`ListModels: ${tc.name}`, () =>
    withFleet(tc.lists, async (gateway) => {
      await assert.rejects(clientOf(gateway).listModels({}, "headers" in tc ? { headers: tc.headers } : {}), (err) => {
        assert.ok(err instanceof ConnectError);
        assert.deepEqual([Code[err.code], err.rawMessage], [Code[tc.code], tc.text]);
        return true;
      });
    }));
}

test("ListModels: a fleet of which nobody can be reached is UNAVAILABLE, and no address is told", async () => {
  await using gateway = await startGateway([`127.0.0.1:${await freePort()}`]);
  await assert.rejects(clientOf(gateway).listModels({}), (err) => {
    assert.ok(err instanceof ConnectError);
    assert.deepEqual([err.code, err.rawMessage], [Code.Unavailable, "no model server is available"]);
    return true;
  });
});

test("ListModels: thirty-two lists are made at a time, and one more is refused", async () => {
  let asked = 0;
  let release = (): void => {};
  const released = new Promise<void>((resolve) => (release = resolve));
  const slow: List = async (request, context) => {
    asked++;
    await released;
    return having("m")(request, context);
  };
  await withFleet([slow], async (gateway) => {
    const client = clientOf(gateway);
    const first = Array.from({ length: 32 }, () => client.listModels({}));
    while (asked < 32) await turn();
    await assert.rejects(client.listModels({}), { code: Code.ResourceExhausted });
    release();
    for (const { models } of await Promise.all(first)) assert.equal(models.length, 1);
    assert.equal((await client.listModels({})).models.length, 1);
  });
});
