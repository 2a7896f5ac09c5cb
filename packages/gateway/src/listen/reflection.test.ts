import assert from "node:assert/strict";
import { once } from "node:events";
import { type ClientHttp2Session, type ClientHttp2Stream, connect, type IncomingHttpHeaders } from "node:http2";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import {
  ServerReflectionRequestSchema,
  type ServerReflectionResponse,
  ServerReflectionResponseSchema,
} from "@tfs/proto/gen/grpc/reflection/v1/reflection_pb.js";
import { defaultListenerLimits, frameMessage, newDeframer } from "@tfs/rpc";
import { echo, startBackend } from "@tfs/rpc/testing";
import { exchange, grpcHeaders, type Started, startGateway, untilReady } from "../testing/index.ts";

type Asked = NonNullable<MessageInitShape<typeof ServerReflectionRequestSchema>["messageRequest"]>;

function encode(messageRequest: Asked | undefined, host = ""): Uint8Array {
  return toBinary(ServerReflectionRequestSchema, create(ServerReflectionRequestSchema, messageRequest === undefined ? { host } : { host, messageRequest }));
}

function filesIn({ messageResponse }: ServerReflectionResponse): string[] {
  assert.equal(messageResponse.case, "fileDescriptorResponse");
  return messageResponse.value.fileDescriptorProto.map((bytes) => fromBinary(FileDescriptorProtoSchema, bytes).name);
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
  { name: "bytes that are no question", body: frameMessage(Uint8Array.of(0x0a, 9, 1)), status: "13" },
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

test("reflection: a client that asks and does not read is asked for no more, until it reads", () => {
  const clientLimits = { ...defaultListenerLimits, streamWindowBytes: 65_536 };
  return withGateway(
    async (gateway) => {
      const session = connect(`http://${gateway.address}`, { settings: { initialWindowSize: 0 } });
      await once(session, "remoteSettings");
      const stream = session.request(grpcHeaders(pathOf("v1")));
      const window = session.remoteSettings.initialWindowSize!;
      const count = Math.ceil((4 * window) / listServices.length);
      stream.end(Buffer.concat(Array<Uint8Array>(count).fill(listServices)));
      await once(stream, "response");
      await new Promise<void>((resolve, reject) => session.ping((err) => (err === null ? resolve() : reject(err)))); // what was sent before has been read
      assert.ok(stream.writableLength > 2 * window, `${stream.writableLength} bytes of questions still wait here`);
      session.settings({ initialWindowSize: 1 << 20 });
      const deframer = newDeframer({ maxMessageBytes: 1 << 20 });
      let answers = 0;
      for await (const part of stream as AsyncIterable<Buffer>) answers += deframer.push(part).length;
      assert.equal(answers, count);
      session.destroy();
    },
    { clientLimits },
  );
});

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
