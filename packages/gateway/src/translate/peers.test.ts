// Clients that are not ours, through a gateway, to a server that is not ours: what goes in comes out.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createServer } from "node:http2";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import {
  create,
  createFileRegistry,
  createRegistry,
  type DescMessage,
  type DescMethod,
  type DescMethodBiDiStreaming,
  type DescMethodClientStreaming,
  type DescMethodServerStreaming,
  type DescMethodUnary,
  fromBinary,
  fromJson,
  type JsonValue,
  type MessageShape,
  toJson,
} from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, type Transport } from "@connectrpc/connect";
import { compressionBrotli, compressionGzip, connectNodeAdapter, createConnectTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { startBackend } from "@tfs/rpc/testing";
import fc from "fast-check";
import { startGateway, untilReady } from "../testing/index.ts";

const setFile = fileURLToPath(new URL("../../testdata/conformance/connectrpc.binpb", import.meta.url));
const files = createFileRegistry(fromBinary(FileDescriptorSetSchema, readFileSync(setFile)));
const registry = createRegistry(...files.files);
const service = files.getService("connectrpc.conformance.v1.ConformanceService")!;
const method = <M extends DescMethod>(name: string): M => service.methods.find((one) => one.name === name) as M;
const read = (type: DescMessage, message: MessageShape<DescMessage>): JsonValue => toJson(type, message, { registry });

/** dataOf gives what a request says in its one field of bytes, as base64. */
function dataOf(name: string, message: MessageShape<DescMessage>): string {
  return (read(method(name).input, message) as { readonly requestData?: string }).requestData ?? "";
}
/** answerOf makes an answer with that, and saidIn reads it. */
function answerOf(name: string, data: string): MessageShape<DescMessage> {
  return fromJson(method(name).output, { payload: { data } }, { registry });
}
function saidIn(name: string, message: MessageShape<DescMessage>): string {
  return (read(method(name).output, message) as { readonly payload?: { readonly data?: string } }).payload?.data ?? "";
}
function requestOf(name: string, data: string): MessageShape<DescMessage> {
  return fromJson(method(name).input, { requestData: data }, { registry });
}

const detail = files.getMessage("connectrpc.conformance.v1.Header")!;
const routes = connectNodeAdapter({
  routes(router) {
    for (const name of ["Unary", "IdempotentUnary"]) {
      router.rpc(method<DescMethodUnary>(name), (request, context) => {
        context.responseHeader.set("x-before", context.requestHeader.get("x-asked") ?? "");
        context.responseTrailer.set("x-behind-bin", "AAEC");
        const data = dataOf(name, request);
        if (data === "") throw new ConnectError("nöthing %", Code.FailedPrecondition, { "x-why": "1" }, [{ desc: detail, value: { name: "n" } }]);
        return answerOf(name, data);
      });
    }
    router.rpc(method<DescMethodServerStreaming>("ServerStream"), async function* (request) {
      const { responseDefinition } = read(method("ServerStream").input, request) as { readonly responseDefinition?: { readonly responseData?: string[] } };
      for (const data of responseDefinition?.responseData ?? []) yield answerOf("ServerStream", data);
    });
    router.rpc(method<DescMethodClientStreaming>("ClientStream"), async (requests) => {
      let all = "";
      for await (const request of requests) all += dataOf("ClientStream", request);
      return answerOf("ClientStream", all);
    });
    router.rpc(method<DescMethodBiDiStreaming>("BidiStream"), async function* (requests) {
      for await (const request of requests) yield answerOf("BidiStream", dataOf("BidiStream", request));
    });
  },
});

const backend = await startBackend(() => {}, { server: createServer(routes) });
const gateway = await startGateway([backend.address], { descriptorSets: [setFile] });
await untilReady(gateway);
after(async () => {
  await gateway[Symbol.asyncDispose]();
  await backend[Symbol.asyncDispose]();
});

const baseUrl = gateway.url;
const jsonOptions = { registry };
const wires: readonly { readonly name: string; readonly bidi: boolean; readonly transport: Transport }[] = (["1.1", "2"] as const).flatMap((httpVersion) => {
  const at = `over HTTP/${httpVersion}`;
  const bidi = httpVersion === "2";
  const common = { baseUrl, httpVersion, jsonOptions };
  return [
    { name: `gRPC-Web ${at}`, bidi, transport: createGrpcWebTransport(common) },
    { name: `gRPC-Web in JSON ${at}`, bidi, transport: createGrpcWebTransport({ ...common, useBinaryFormat: false }) },
    { name: `Connect ${at}`, bidi, transport: createConnectTransport({ ...common, useBinaryFormat: true }) },
    { name: `Connect in JSON ${at}`, bidi, transport: createConnectTransport({ ...common, useBinaryFormat: false }) },
    {
      name: `Connect, compressed, ${at}`,
      bidi,
      transport: createConnectTransport({ ...common, useBinaryFormat: true, sendCompression: compressionGzip, compressMinBytes: 1 }),
    },
    {
      name: `Connect in JSON, compressed, ${at}`,
      bidi,
      transport: createConnectTransport({ ...common, useBinaryFormat: false, sendCompression: compressionBrotli, compressMinBytes: 1 }),
    },
    { name: `gRPC-Web, compressed, ${at}`, bidi, transport: createGrpcWebTransport({ ...common, sendCompression: compressionGzip, compressMinBytes: 1 }) },
    { name: `Connect by GET ${at}`, bidi, transport: createConnectTransport({ ...common, useBinaryFormat: true, useHttpGet: true }) },
    { name: `Connect by GET in JSON ${at}`, bidi, transport: createConnectTransport({ ...common, useBinaryFormat: false, useHttpGet: true }) },
  ];
});

async function* each<T>(items: readonly T[]): AsyncIterable<T> {
  for (const item of items) yield item;
}

for (const { name: wire, transport, bidi } of wires) {
  for (const name of ["Unary", "IdempotentUnary"]) {
    test(`${wire}: ${name} answers, with headers and trailers`, async () => {
      const got = await transport.unary(method<DescMethodUnary>(name), undefined, 5000, { "x-asked": "a, b" }, requestOf(name, "AAECAw=="));
      assert.equal(saidIn(name, got.message), "AAECAw==");
      assert.deepEqual([got.header.get("x-before"), got.trailer.get("x-behind-bin")], ["a, b", "AAEC"]);
    });
    test(`${wire}: a failure of ${name} keeps code, text, details and trailers`, async () => {
      const failed = transport.unary(method<DescMethodUnary>(name), undefined, undefined, undefined, requestOf(name, ""));
      await assert.rejects(failed, (err) => {
        assert.ok(err instanceof ConnectError);
        assert.deepEqual([err.code, err.rawMessage, err.metadata.get("x-why")], [Code.FailedPrecondition, "nöthing %", "1"]);
        assert.deepEqual(err.findDetails(detail), [create(detail, { name: "n" })]);
        return true;
      });
    });
  }
  test(`${wire}: any bytes come back`, () =>
    fc.assert(
      fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 3000 }), async (bytes) => {
        const data = Buffer.from(bytes).toString("base64");
        const got = await transport.unary(method<DescMethodUnary>("Unary"), undefined, undefined, undefined, requestOf("Unary", data));
        assert.equal(saidIn("Unary", got.message), data);
      }),
      { numRuns: 15 },
    ));

  const datas = ["AA==", "", "AAEC", Buffer.alloc(100_000, 7).toString("base64")];
  test(`${wire}: a stream of answers`, async () => {
    const stream = method<DescMethodServerStreaming>("ServerStream");
    const request = fromJson(stream.input, { responseDefinition: { responseData: datas } }, { registry });
    const got = await transport.stream(stream, undefined, undefined, undefined, each([request]));
    const said: string[] = [];
    for await (const message of got.message) said.push(saidIn("ServerStream", message));
    assert.deepEqual(said, datas);
  });
  test(`${wire}: a stream of requests`, async () => {
    const stream = method<DescMethodClientStreaming>("ClientStream");
    const got = await transport.stream(stream, undefined, undefined, undefined, each(["AAEC", "AwQF"].map((data) => requestOf("ClientStream", data))));
    const said: string[] = [];
    for await (const message of got.message) said.push(saidIn("ClientStream", message));
    assert.deepEqual(said, ["AAECAwQF"]);
  });
  if (!bidi) continue;
  test(`${wire}: question and answer in turn`, async () => {
    const stream = method<DescMethodBiDiStreaming>("BidiStream");
    let ask: (data: string | undefined) => void = () => {};
    const questions = async function* () {
      for (;;) {
        const data = await new Promise<string | undefined>((resolve) => (ask = resolve));
        if (data === undefined) return;
        yield requestOf("BidiStream", data);
      }
    };
    const opening = transport.stream(stream, undefined, undefined, undefined, questions());
    await new Promise((resolve) => setImmediate(resolve)); // until the first question is wanted
    ask("AQ==");
    const got = await opening;
    const said: string[] = [];
    for await (const message of got.message) {
      said.push(saidIn("BidiStream", message));
      ask(said.length < 3 ? "AQ==" : undefined);
    }
    assert.deepEqual(said, ["AQ==", "AQ==", "AQ=="]);
  });
}
