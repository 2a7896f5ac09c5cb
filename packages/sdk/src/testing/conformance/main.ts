// A client for connectconformance that makes its calls through the SDK's gRPC transport. It speaks the suite's contract (connectrpc/conformance,
// docs/testing_clients.md): requests on standard input, answers in any order on standard output, each behind its length of four bytes.
// usage: main.js DESCRIPTORS
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { messageOf } from "@tfs/std";
import { type GrpcTransport, newGrpcTransport } from "../../transport/grpc.ts";
import { perform } from "./perform.ts";
import { type ClientCompatRequest, loadSchema } from "./schema.ts";

const [descriptors] = process.argv.slice(2);
if (descriptors === undefined) throw new Error("usage: main.js DESCRIPTORS");
const schema = loadSchema(descriptors);
const transports = new Map<string, GrpcTransport>();

/** transportTo gives the one transport to a server. */
function transportTo({ host, port, serverTlsCert, clientTlsCreds }: ClientCompatRequest): GrpcTransport {
  const key = [host, port, Buffer.from(serverTlsCert).toString("base64"), clientTlsCreds === undefined].join(" ");
  let transport = transports.get(key);
  if (transport === undefined) {
    const tls = serverTlsCert.length === 0 ? undefined : { ca: serverTlsCert, ...clientTlsCreds };
    transport = newGrpcTransport({ target: `${host}:${port}`, ...(tls === undefined ? {} : { tls }) });
    transports.set(key, transport);
  }
  return transport;
}

async function answer(bytes: Uint8Array): Promise<void> {
  const request = fromBinary(schema.request, bytes) as unknown as ClientCompatRequest; // as schema.ts says
  let result: object;
  try {
    result = { case: "response", value: await perform(transportTo(request), schema, request) };
  } catch (err) {
    result = { case: "error", value: { message: messageOf(err) } };
  }
  const response = toBinary(schema.response, create(schema.response, { testName: request.testName, result }));
  const length = Buffer.alloc(4);
  length.writeUInt32BE(response.length);
  process.stdout.write(Buffer.concat([length, response]));
}

/** The suite sends all requests at once, and times what it sees of each call. */
const atATime = 2;
const running = new Set<Promise<void>>();

async function start(bytes: Uint8Array): Promise<void> {
  while (running.size >= atATime) await Promise.race(running);
  const one = answer(bytes).finally(() => running.delete(one));
  running.add(one);
}

let kept = Buffer.alloc(0);
for await (const chunk of process.stdin as AsyncIterable<Buffer>) {
  kept = Buffer.concat([kept, chunk]);
  while (kept.length >= 4 && kept.length >= 4 + kept.readUInt32BE()) {
    const end = 4 + kept.readUInt32BE();
    await start(kept.subarray(4, end));
    kept = kept.subarray(end);
  }
}
await Promise.all(running);
for (const transport of transports.values()) await transport.close();
