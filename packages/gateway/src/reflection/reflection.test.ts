import assert from "node:assert/strict";
import { once } from "node:events";
import { type ClientHttp2Session, type ClientHttp2Stream, connect, type IncomingHttpHeaders } from "node:http2";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import {
  type ServerReflectionRequest,
  ServerReflectionRequestSchema,
  type ServerReflectionResponse,
  ServerReflectionResponseSchema,
} from "@tfs/proto/gen/grpc/reflection/v1/reflection_pb.js";
import { frameMessage, newDeframer } from "@tfs/rpc";
import { echo, startBackend } from "@tfs/rpc/testing";
import { newSchema, parseDescriptorSet } from "../schema/index.ts";
import { exchange, grpcHeaders, type Started, startGateway, untilReady } from "../testing/index.ts";
import { newAnswerer } from "./answer.ts";
import { ownServices } from "./own.ts";

type Asked = NonNullable<MessageInitShape<typeof ServerReflectionRequestSchema>["messageRequest"]>;

function encode(messageRequest: Asked | undefined, host = ""): Uint8Array {
  return toBinary(ServerReflectionRequestSchema, create(ServerReflectionRequestSchema, messageRequest === undefined ? { host } : { host, messageRequest }));
}

/** A file of proto2 with extensions, and one that it imports, as somebody's --descriptor_set. */
const extended = parseDescriptorSet(
  toBinary(
    FileDescriptorSetSchema,
    create(FileDescriptorSetSchema, {
      file: [
        { name: "x/base.proto", package: "x", syntax: "proto2", messageType: [{ name: "Base", extensionRange: [{ start: 100, end: 200 }] }, { name: "Bare" }] },
        {
          name: "x/more.proto",
          package: "x",
          syntax: "proto2",
          dependency: ["x/base.proto"],
          extension: [110, 105].map((number) => ({ name: `e${number}`, number, extendee: ".x.Base", type: 5, label: 1 })),
          service: [{ name: "Extra", method: [{ name: "Do", inputType: ".x.Base", outputType: ".x.Bare" }] }],
        },
      ],
    }),
  ),
  "x",
);
const answerer = newAnswerer(newSchema([extended, ownServices]));

function answer(messageRequest: Asked | undefined, had: Set<string> = new Set()): ServerReflectionResponse {
  return fromBinary(ServerReflectionResponseSchema, answerer.answer(encode(messageRequest, "h:1"), had));
}

function filesIn({ messageResponse }: ServerReflectionResponse): string[] {
  assert.equal(messageResponse.case, "fileDescriptorResponse");
  return messageResponse.value.fileDescriptorProto.map((bytes) => fromBinary(FileDescriptorProtoSchema, bytes).name);
}

test("reflection: the services are those of all descriptor sets, ours and our own", () => {
  const { messageResponse, validHost } = answer({ case: "listServices", value: "" });
  assert.equal(validHost, "h:1");
  assert.equal(messageResponse.case, "listServicesResponse");
  assert.deepEqual(
    messageResponse.value.service.map(({ name }) => name),
    [
      "grpc.health.v1.Health",
      "grpc.reflection.v1.ServerReflection",
      "grpc.reflection.v1alpha.ServerReflection",
      "tensorflow.serving.ModelService",
      "tensorflow.serving.PredictionService",
      "tensorflow.serving.SessionService",
      "x.Extra",
    ],
  );
});

const files: readonly { readonly name: string; readonly asked: Asked; readonly want: readonly string[] }[] = [
  { name: "a file by its name", asked: { case: "fileByFilename", value: "x/base.proto" }, want: ["x/base.proto"] },
  { name: "a file comes before what it imports", asked: { case: "fileByFilename", value: "x/more.proto" }, want: ["x/more.proto", "x/base.proto"] },
  { name: "the file of a service", asked: { case: "fileContainingSymbol", value: "grpc.health.v1.Health" }, want: ["grpc/health/v1/health.proto"] },
  { name: "the file of a method", asked: { case: "fileContainingSymbol", value: "x.Extra.Do" }, want: ["x/more.proto", "x/base.proto"] },
  {
    name: "the file of an enum's value",
    asked: { case: "fileContainingSymbol", value: "grpc.health.v1.HealthCheckResponse.SERVING" },
    want: ["grpc/health/v1/health.proto"],
  },
  {
    name: "the file of an extension",
    asked: { case: "fileContainingExtension", value: { containingType: "x.Base", extensionNumber: 105 } },
    want: ["x/more.proto", "x/base.proto"],
  },
];
for (const tc of files) test(`reflection: ${tc.name}`, () => assert.deepEqual(filesIn(answer(tc.asked)), tc.want));

test("reflection: a stream gets what is imported once, and what it asks for always", () => {
  const had = new Set<string>();
  assert.deepEqual(filesIn(answer({ case: "fileByFilename", value: "x/base.proto" }, had)), ["x/base.proto"]);
  assert.deepEqual(filesIn(answer({ case: "fileByFilename", value: "x/more.proto" }, had)), ["x/more.proto"]);
  assert.deepEqual(filesIn(answer({ case: "fileByFilename", value: "x/base.proto" }, had)), ["x/base.proto"]);
});

test("reflection: the files of a service are all that it takes to call it", () => {
  const { messageResponse } = answer({ case: "fileContainingSymbol", value: "tensorflow.serving.PredictionService" });
  assert.equal(messageResponse.case, "fileDescriptorResponse");
  const file = messageResponse.value.fileDescriptorProto.map((bytes) => fromBinary(FileDescriptorProtoSchema, bytes));
  const names = new Set(file.map(({ name }) => name));
  assert.equal(names.size, file.length);
  for (const { dependency } of file) for (const name of dependency) assert.ok(names.has(name), name);
  assert.ok(file[0]!.service.some(({ name }) => name === "PredictionService"));
});

test("reflection: the numbers of a message's extensions, and none where there are none", () => {
  for (const [value, want] of [
    ["x.Base", [105, 110]],
    ["x.Bare", []],
  ] as const) {
    const { messageResponse } = answer({ case: "allExtensionNumbersOfType", value });
    assert.equal(messageResponse.case, "allExtensionNumbersResponse");
    assert.deepEqual([messageResponse.value.baseTypeName, messageResponse.value.extensionNumber], [value, want]);
  }
});

const errors: readonly { readonly asked: Asked | undefined; readonly want: readonly [number, string] }[] = [
  { asked: { case: "fileByFilename", value: "x/none.proto" }, want: [5, "no file x/none.proto"] },
  { asked: { case: "fileContainingSymbol", value: "x.None" }, want: [5, "no symbol x.None"] },
  { asked: { case: "fileContainingExtension", value: { containingType: "x.Base", extensionNumber: 106 } }, want: [5, "no extension 106 of x.Base"] },
  { asked: { case: "allExtensionNumbersOfType", value: "x.None" }, want: [5, "no message x.None"] },
  { asked: undefined, want: [3, "the request asks for nothing that is known here"] },
];
for (const tc of errors) {
  test(`reflection: ${tc.want[1]} is an error in the answer, which repeats the question`, () => {
    const { messageResponse, originalRequest } = answer(tc.asked);
    assert.equal(messageResponse.case, "errorResponse");
    assert.deepEqual([messageResponse.value.errorCode, messageResponse.value.errorMessage], tc.want);
    assert.deepEqual(originalRequest, fromBinary(ServerReflectionRequestSchema, encode(tc.asked, "h:1")) satisfies ServerReflectionRequest);
  });
}

async function withGateway(use: (gateway: Started) => Promise<void>, config: Parameters<typeof startGateway>[1] = {}): Promise<void> {
  await using backend = await startBackend(echo);
  await using gateway = await startGateway([backend.address], config);
  await untilReady(gateway);
  await use(gateway);
}

const pathOf = (version: string): string => `/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`;
const listServices = frameMessage(encode({ case: "listServices", value: "*" }));

/** Talk is an open stream that is asked one question after the other. */
interface Talk {
  readonly session: ClientHttp2Session;
  readonly stream: ClientHttp2Stream;
  ask(request: Uint8Array): Promise<ServerReflectionResponse>;
}

function talk(address: string, headers: Record<string, string> = {}): Talk {
  const session = connect(`http://${address}`);
  const stream = session.request(grpcHeaders(pathOf("v1"), headers));
  const deframer = newDeframer({ maxMessageBytes: 1 << 20 });
  const came: ServerReflectionResponse[] = [];
  stream.on("data", (part: Buffer) => came.push(...deframer.push(part).map(({ bytes }) => fromBinary(ServerReflectionResponseSchema, bytes))));
  return {
    session,
    stream,
    async ask(request) {
      stream.write(request);
      while (came.length === 0) await once(stream, "data");
      return came.shift()!;
    },
  };
}

for (const version of ["v1", "v1alpha"]) {
  test(`reflection: ${version} is answered here, and ends well when the client ends`, () =>
    withGateway(async (gateway) => {
      const { body, trailers } = await exchange(gateway.address, grpcHeaders(pathOf(version)), Buffer.concat([listServices, listServices]));
      const messages = newDeframer({ maxMessageBytes: 1 << 20 }).push(body);
      assert.equal(messages.length, 2);
      for (const { bytes } of messages) assert.equal(fromBinary(ServerReflectionResponseSchema, bytes).messageResponse.case, "listServicesResponse");
      assert.deepEqual(trailers, ["grpc-status", "0"]);
    }));
}

test("reflection: questions in turn, one of them compressed", () =>
  withGateway(async (gateway) => {
    const { session, ask } = talk(gateway.address, { "grpc-encoding": "gzip" });
    const file = encode({ case: "fileByFilename", value: "tensorflow_serving/apis/model.proto" });
    assert.deepEqual(filesIn(await ask(frameMessage(file))), ["tensorflow_serving/apis/model.proto", "google/protobuf/wrappers.proto"]);
    assert.deepEqual(filesIn(await ask(frameMessage(gzipSync(file), true))), ["tensorflow_serving/apis/model.proto"]);
    session.destroy();
  }));

const broken: readonly { readonly name: string; readonly body: Uint8Array; readonly status: string }[] = [
  { name: "bytes that are no question", body: frameMessage(Uint8Array.of(0x0a, 9, 1)), status: "3" },
  { name: "a question of a megabyte", body: frameMessage(new Uint8Array(1 << 20)), status: "8" },
  { name: "half a question", body: listServices.subarray(0, 6), status: "13" },
];
for (const tc of broken) {
  test(`reflection: ${tc.name} ends the call`, () =>
    withGateway(async (gateway) => {
      const { headers } = await exchange(gateway.address, grpcHeaders(pathOf("v1")), tc.body);
      assert.equal(headers["grpc-status"], tc.status);
    }));
}

test("reflection: a client that asks and does not read is refused, before its questions fill the memory", () =>
  withGateway(async (gateway) => {
    const session = connect(`http://${gateway.address}`, { settings: { initialWindowSize: 0 } });
    await once(session, "remoteSettings");
    const stream = session.request(grpcHeaders(pathOf("v1")));
    stream.on("error", () => {});
    stream.write(Buffer.concat(Array<Uint8Array>(20_000).fill(listServices)));
    // Trailers wait behind the one answer that no window lets through: open it.
    await once(stream, "response");
    session.settings({ initialWindowSize: 1 << 20 });
    const [trailers] = (await once(stream.resume(), "trailers")) as [IncomingHttpHeaders];
    assert.equal(trailers["grpc-status"], "8");
    assert.equal(trailers["grpc-message"], "more than 65536 bytes of questions wait");
    session.destroy();
  }));

test("reflection: there may be a hundred streams and no more; one that ends makes room", () =>
  withGateway(async (gateway) => {
    const talks = Array.from({ length: 100 }, () => talk(gateway.address));
    await Promise.all(talks.map(({ ask }) => ask(listServices)));
    assert.equal((await exchange(gateway.address, grpcHeaders(pathOf("v1")), listServices)).headers["grpc-status"], "8");
    talks[0]!.stream.end();
    await once(talks[0]!.stream, "end");
    assert.equal((await exchange(gateway.address, grpcHeaders(pathOf("v1")), listServices)).headers["grpc-status"], undefined);
    for (const { session } of talks) session.destroy();
  }));

test("reflection: a drain ends open streams, and is not held up by them", () =>
  withGateway(async (gateway) => {
    const { session, stream, ask } = talk(gateway.address);
    await ask(listServices);
    const trailers = once(stream, "trailers");
    const closed = once(session, "close");
    await gateway.gateway.drain(60_000);
    assert.equal(((await trailers) as [IncomingHttpHeaders])[0]["grpc-status"], "14");
    await closed;
  }));

test("reflection: off, it is forwarded like any call", () =>
  withGateway(
    async (gateway) => {
      const { body } = await exchange(gateway.address, grpcHeaders(pathOf("v1")), listServices);
      assert.deepEqual(body, Buffer.from(listServices)); // the backend echoes
    },
    { reflection: false },
  ));
