// npm run bench -- hpack [--rounds=N]: what a header block costs to decode and to encode, in nanoseconds. The blocks are grpc-go's: every field goes into the
// table, coded, and grpc-timeout differs from call to call, so that each block changes the table and pushes older fields out of it. Each round gives every
// row the same number of blocks, in an order that moves on by one each round, after a collection. Blocks are made beforehand and lie in one
// buffer; each run is a new connection.
import assert from "node:assert/strict";
import { cpus, loadavg } from "node:os";

// The package has no public entry for header blocks: they are an inner room of it, measured where it is built.
const { newDecoder, encodeFields, writeField } = await import(new URL("../dist/hpack/index.js", import.meta.url));
const { newPeer } = await import(new URL("../dist/hpack/testing/index.js", import.meta.url));
const { newField, newFields } = await import("@tfs/rpc");

const request = [
  [":method", "POST"],
  [":scheme", "http"],
  [":path", "/tensorflow.serving.PredictionService/Predict"],
  [":authority", "models.example.com:8500"],
  ["content-type", "application/grpc"],
  ["user-agent", "grpc-go/1.85.0"],
  ["te", "trailers"],
].map(([name, value]) => ({ name, value }));
const response = [
  [":status", "200"],
  ["content-type", "application/grpc"],
].map(([name, value]) => ({ name, value }));
const trailers = [
  ["grpc-status", "0"],
  ["grpc-message", ""],
].map(([name, value]) => ({ name, value }));
const timeout = (i) => ({ name: "grpc-timeout", value: `${999_000 + ((i * 7919) % 1000)}u` });
const requestId = (i) => ({ name: "x-request-id", value: (i * 2_654_435_761).toString(16).padStart(16, "0") });
const plain = (list) => list.map((header) => ({ ...header, how: "plain", huffman: false }));

const blocksOf = (count, list) => {
  const peer = newPeer(4096);
  return Array.from({ length: count }, (_, i) => peer.encode(list(i)));
};
const options = (kind) => ({ maxTableBytes: 4096, maxListBytes: 32 * 1024, kind, apart: "grpc-timeout" });

/** open is a connection that lives through the collections. When the last object of a class dies, V8 throws away the code it had optimized for it. */
let open = newDecoder(options("request"));

/** decoding gives a run over a whole connection's blocks, with a new decoder each, and how many of them it keeps. */
function decoding(who, kind, list) {
  const count = 20_000;
  const blocks = blocksOf(count, list);
  const bytes = Math.round(blocks.reduce((sum, block) => sum + block.length, 0) / count);
  const source = Buffer.concat(blocks);
  let length = 0;
  const ends = Int32Array.from(blocks, (block) => (length += block.length));
  const run = () => {
    const decoder = newDecoder(options(kind));
    open = decoder;
    let last;
    for (let i = 0, at = 0; i < count; i++) {
      const end = ends[i];
      last = decoder.decode(source, at, end);
      at = end;
    }
    return last;
  };
  const { fields, apart } = run();
  const want = list(count - 1);
  const got = fields.list.map(({ name, value }) => [name, value]);
  assert.deepEqual(
    got,
    want.filter(({ name }) => name !== "grpc-timeout").map(({ name, value }) => [name, value]),
    who,
  );
  assert.equal(apart, want.find(({ name }) => name === "grpc-timeout")?.value, who);
  return { who, bytes, count, run, times: [] };
}

function encoding(who, run) {
  return { who, bytes: run(0), count: 20_000, run: () => repeat(run, 20_000), times: [] };
}

function repeat(run, count) {
  let sum = 0;
  for (let i = 0; i < count; i++) sum += run(i);
  return sum;
}

const target = new Uint8Array(256);
const ids = Array.from({ length: 20_000 }, (_, i) => requestId(i).value);
const shared = request.map(({ name, value }) => newField(name, value));
const rows = [
  decoding("request, always the same", "request", () => request),
  decoding("request, another timeout each", "request", (i) => [...request, timeout(i)]),
  decoding("the same without a table", "request", (i) => plain([...request, timeout(i)])),
  decoding("and another request id each", "request", (i) => [...request, timeout(i), requestId(i)]),
  decoding("response", "response", () => response),
  decoding("response and trailers in turn", "response", (i) => (i % 2 === 0 ? response : trailers)),
  encoding("encode a list of known fields", () => encodeFields(newFields(shared)).length),
  encoding("encode a list with a new field", (i) => encodeFields(newFields([...shared, newField("x-request-id", ids[i])])).length),
  encoding("write a timeout", (i) => writeField(target, 0, "grpc-timeout", i & 1 ? "999123u" : "999124u")),
];

const rounds = Number(process.argv.find((a) => a.startsWith("--rounds="))?.slice(9) ?? 30);
for (const { run } of rows) for (let i = 0; i < 5; i++) run();
for (let round = 0; round < rounds; round++) {
  for (let i = 0; i < rows.length; i++) {
    const { run, count, times } = rows[(i + round) % rows.length];
    globalThis.gc?.();
    const start = performance.now();
    run();
    times.push(((performance.now() - start) * 1e6) / count);
  }
}

const loads = loadavg().map((n) => n.toFixed(2));
assert.ok(open);
console.log(`${rounds} rounds, nanoseconds a block; Node ${process.version}, ${cpus()[0]?.model ?? "?"} x${cpus().length}, load ${loads.join(" ")}\n`);
console.log(["", "bytes", "min", "median", "max"].map((s, i) => (i < 1 ? s.padEnd(34) : s.padStart(8))).join(""));
for (const { who, bytes, times } of rows) {
  times.sort((a, b) => a - b);
  const figures = [bytes, times[0], times[times.length >> 1], times.at(-1)].map((n) => n.toFixed(0).padStart(8));
  console.log(who.padEnd(34) + figures.join(""));
}
const bars = [
  ["request, always the same", 150],
  ["request, another timeout each", 1200],
];
console.log("\nbars, by medians:");
for (const [who, bar] of bars) {
  const { times } = rows.find((row) => row.who === who);
  console.log(`  ${who}: ${times[times.length >> 1] <= bar ? "within" : "PAST"} ${bar} ns`);
}
