// A server for connectconformance that is two processes: its own reference server, and the gateway in front of it. It speaks the suite's contract
// (connectrpc/conformance, docs/testing_servers.md): one request on standard input, the answer on standard output, SIGTERM ends it.
// usage: main.js pass|bridge REFERENCESERVER [flags of the gateway …]
// With `bridge` the reference server is told to speak gRPC only, whatever the client speaks.
import { spawn } from "node:child_process";
import type { Readable } from "node:stream";
import { BinaryReader, BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { startFront } from "../front.ts";

/** Fields of ServerCompatRequest and ServerCompatResponse (connectrpc/conformance/v1/server_compat.proto). */
const field = { protocol: 1, httpVersion: 2, host: 1, port: 2 } as const;
const grpcProtocol = 2;
const http2Version = 2;

/** readFrame reads one message behind its length of four bytes. */
async function readFrame(stream: Readable): Promise<Uint8Array> {
  let got = Buffer.alloc(0);
  for await (const chunk of stream.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    got = Buffer.concat([got, chunk]);
    if (got.length >= 4 && got.length >= 4 + got.readUInt32BE()) return got.subarray(4, 4 + got.readUInt32BE());
  }
  throw new Error("the stream ended before the message");
}

function frame(message: Uint8Array): Uint8Array {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(message.length);
  return Buffer.concat([length, message]);
}

/** asGrpc is the request with another protocol and HTTP version; all other fields stay. */
function asGrpc(request: Uint8Array): Uint8Array {
  const out = new BinaryWriter().uint32((field.protocol << 3) | WireType.Varint).uint32(grpcProtocol);
  out.uint32((field.httpVersion << 3) | WireType.Varint).uint32(http2Version);
  const reader = new BinaryReader(request);
  while (reader.pos < reader.len) {
    const start = reader.pos;
    const [number, type] = reader.tag();
    reader.skip(type, number);
    if (number !== field.protocol && number !== field.httpVersion) out.raw(request.subarray(start, reader.pos));
  }
  return out.finish();
}

function portOf(response: Uint8Array): number {
  const reader = new BinaryReader(response);
  while (reader.pos < reader.len) {
    const [number, type] = reader.tag();
    if (number === field.port) return reader.uint32();
    reader.skip(type, number);
  }
  throw new Error("the reference server named no port");
}

const [mode, referenceServer, ...flags] = process.argv.slice(2);
if ((mode !== "pass" && mode !== "bridge") || referenceServer === undefined) throw new Error("usage: main.js pass|bridge REFERENCESERVER [FLAG …]");
const stop = new Promise<void>((resolve) => process.once("SIGTERM", resolve));

const request = await readFrame(process.stdin);
process.stdin.destroy();
const reference = spawn(referenceServer, [], { stdio: ["pipe", "pipe", "inherit"] });
const ended = new Promise((resolve) => reference.on("close", resolve));
try {
  reference.stdin.end(frame(mode === "bridge" ? asGrpc(request) : request));
  const port = portOf(await readFrame(reference.stdout));
  reference.stdout.resume();
  await using front = await startFront(`127.0.0.1:${port}`, ...flags);
  const answer = new BinaryWriter().uint32((field.host << 3) | WireType.LengthDelimited).string("127.0.0.1");
  answer.uint32((field.port << 3) | WireType.Varint).uint32(front.port);
  process.stdout.write(frame(answer.finish()));
  await Promise.race([stop, ended, front.program.exited]);
} finally {
  reference.kill();
  await ended;
}
