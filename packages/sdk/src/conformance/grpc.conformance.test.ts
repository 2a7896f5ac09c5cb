// grpc-go's interop server, called through the SDK's gRPC transport: every case that needs no credentials and one server
// (https://github.com/grpc/grpc/blob/master/doc/interop-test-descriptions.md). Load reports are no part of the SDK.
import assert from "node:assert/strict";
import { test } from "node:test";
import { BinaryReader, BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { missing, start, tool } from "@tfs/rpc/testing";
import { background, Code, type Failure, withCancel, withTimeout } from "@tfs/std";
import { type GrpcTransport, newGrpcTransport } from "../transport/grpc.ts";

const server = tool("grpc-interop", "server");
const service = "/grpc.testing.TestService";
type Calls = GrpcTransport["calls"];

// grpc/testing/messages.proto by hand, as far as the cases need it.

type Value = number | string | Uint8Array;

/** message writes fields in the order in which they are given: number, value. */
function message(...fields: readonly (readonly [number, Value])[]): Uint8Array {
  const out = new BinaryWriter();
  for (const [number, value] of fields) {
    if (typeof value === "number") out.tag(number, WireType.Varint).int32(value);
    else if (typeof value === "string") out.tag(number, WireType.LengthDelimited).string(value);
    else out.tag(number, WireType.LengthDelimited).bytes(value);
  }
  return out.finish();
}

/** payload is field 1 of what is streamed in, and field 3 of the other requests. */
const payload = (size: number): Uint8Array => message([2, new Uint8Array(size)]);

/** simple is a SimpleRequest or, with sizes instead of one size, a StreamingOutputCallRequest. */
const simple = (responseSize: number, requestSize: number): Uint8Array => message([2, responseSize], [3, payload(requestSize)]);
const output = (sizes: readonly number[], requestSize: number): Uint8Array =>
  message(...sizes.map((size) => [2, message([1, size])] as const), [3, payload(requestSize)]);

/** first gives the first field of that number, or what stands for nothing. */
function first(bytes: Uint8Array, number: number): Uint8Array | number | undefined {
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [found, type] = reader.tag();
    if (found === number) return type === WireType.Varint ? reader.int32() : reader.bytes();
    reader.skip(type, found);
  }
  return undefined;
}

/** bodySize is the size of the payload of any answer; all its bytes have to be zero. */
function bodySize(answer: Uint8Array): number {
  const body = first(first(answer, 1) as Uint8Array, 2) as Uint8Array; // messages and bytes, both of one wire type
  assert.ok(body.every((byte) => byte === 0));
  return body.length;
}

const requestSizes = [27_182, 8, 1_828, 45_904];
const responseSizes = [31_415, 9, 2_653, 58_979];

async function sizesOf(messages: AsyncIterable<Uint8Array>): Promise<number[]> {
  const sizes: number[] = [];
  for await (const answer of messages) sizes.push(bodySize(answer));
  return sizes;
}

/** failing is a request that asks for a status: field 7 of both kinds. */
const failing = (text: string): Uint8Array => message([7, message([1, Code.Unknown], [2, text])]);

/** echoed are the metadata that the server sends back, first and last. */
const echoed = { "x-grpc-test-echo-initial": "test_initial_metadata_value", "x-grpc-test-echo-trailing-bin": "q6ur" };

const cases: Readonly<Record<string, (calls: Calls) => Promise<void>>> = {
  async empty_unary(calls) {
    assert.equal((await calls.unary(background(), `${service}/EmptyCall`, message())).message.length, 0);
  },
  async large_unary(calls) {
    assert.equal(bodySize((await calls.unary(background(), `${service}/UnaryCall`, simple(314_159, 271_828))).message), 314_159);
  },
  async client_streaming(calls) {
    const call = calls.stream(
      background(),
      `${service}/StreamingInputCall`,
      requestSizes.map((size) => message([1, payload(size)])),
      { one: true },
    );
    for await (const answer of call.messages) assert.equal(first(answer, 1), 74_922);
  },
  async server_streaming(calls) {
    const call = calls.stream(background(), `${service}/StreamingOutputCall`, [output(responseSizes, 0)]);
    assert.deepEqual(await sizesOf(call.messages), responseSizes);
  },
  async ping_pong(calls) {
    let onAnswer = (): void => {};
    async function* requests(): AsyncGenerator<Uint8Array> {
      for (const [i, size] of requestSizes.entries()) {
        const answered = new Promise<void>((resolve) => (onAnswer = resolve));
        yield output([responseSizes[i]!], size);
        await answered;
      }
    }
    const sizes: number[] = [];
    for await (const answer of calls.stream(background(), `${service}/FullDuplexCall`, requests()).messages) {
      sizes.push(bodySize(answer));
      onAnswer();
    }
    assert.deepEqual(sizes, responseSizes);
  },
  async empty_stream(calls) {
    assert.deepEqual(await sizesOf(calls.stream(background(), `${service}/FullDuplexCall`, []).messages), []);
  },
  async timeout_on_sleeping_server(calls) {
    using ctx = withTimeout(background(), 1);
    const read = async (): Promise<unknown> => sizesOf(calls.stream(ctx, `${service}/FullDuplexCall`, waiting(ctx.signal, output([1], 27_182))).messages);
    await assert.rejects(read(), { code: Code.DeadlineExceeded });
  },
  async cancel_after_begin(calls) {
    using ctx = withCancel(background());
    const call = calls.stream(ctx, `${service}/StreamingInputCall`, waiting(ctx.signal), { one: true });
    ctx.cancel();
    await assert.rejects(call.messages.next(), { code: Code.Canceled });
  },
  async cancel_after_first_response(calls) {
    using ctx = withCancel(background());
    const { messages } = calls.stream(ctx, `${service}/FullDuplexCall`, waiting(ctx.signal, output([31_415], 27_182)));
    assert.equal(bodySize((await messages.next()).value), 31_415);
    ctx.cancel();
    await assert.rejects(messages.next(), { code: Code.Canceled });
  },
  status_code_and_message: (calls) => fails(calls, "test status message"),
  special_status_message: (calls) => fails(calls, "\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n"),
  async custom_metadata(calls) {
    const reply = await calls.unary(background(), `${service}/UnaryCall`, simple(314_159, 271_828), { metadata: echoed });
    const call = calls.stream(background(), `${service}/FullDuplexCall`, [output([314_159], 271_828)], { metadata: echoed });
    assert.deepEqual(await sizesOf(call.messages), [314_159]);
    for (const [headers, trailers] of [
      [reply.headers, reply.trailers],
      [await call.headers, await call.trailers],
    ] as const) {
      assert.equal(headers["x-grpc-test-echo-initial"], "test_initial_metadata_value");
      assert.deepEqual([...Buffer.from(String(trailers["x-grpc-test-echo-trailing-bin"]), "base64")], [0xab, 0xab, 0xab]);
    }
  },
  async unimplemented_method(calls) {
    await assert.rejects(calls.unary(background(), `${service}/UnimplementedCall`, message()), { code: Code.Unimplemented });
  },
  async unimplemented_service(calls) {
    await assert.rejects(calls.unary(background(), "/grpc.testing.UnimplementedService/UnimplementedCall", message()), { code: Code.Unimplemented });
  },
};

/** waiting sends messages, and goes on until the call is given up. */
async function* waiting(signal: AbortSignal, ...messages: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* messages;
  await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}

async function fails(calls: Calls, text: string): Promise<void> {
  const same = (err: Failure): boolean => err.code === Code.Unknown && err.message === text;
  await assert.rejects(calls.unary(background(), `${service}/UnaryCall`, failing(text)), same);
  await assert.rejects(sizesOf(calls.stream(background(), `${service}/FullDuplexCall`, [failing(text)]).messages), same);
}

test("grpc-go interop: the SDK's gRPC client", { skip: missing(server) }, async (t) => {
  await using backend = start("env", ["GRPC_GO_LOG_SEVERITY_LEVEL=info", server, "--port=0"]);
  const said = await backend.until((line) => line.includes("interop server listening on "));
  const transport = newGrpcTransport({ target: `127.0.0.1:${said.split(":").at(-1)}` });
  try {
    for (const [name, run] of Object.entries(cases)) await t.test(name, () => run(transport.calls));
  } finally {
    await transport.close();
  }
});
