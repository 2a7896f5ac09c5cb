// npm run bench -- tensor [--rounds=N]: one TensorProto of 1x224x224x3 float32 (150,528 values, 602,112 bytes), written and read by this package and by
// three generated or reflecting codecs, in one run. Each round gives every contender a block of calls, in an order that moves on by one each round, after
// a collection, so that nobody pays for another's garbage. The peers' messages are built beforehand (a user who holds a Float32Array pays for
// Array.from on top), and their decoded floats stay number[].
import assert from "node:assert/strict";
import { cpus, loadavg } from "node:os";
import { fileURLToPath } from "node:url";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { TensorProtoSchema } from "@tfs/proto";
import { TensorProto as Plain } from "@tfs/proto/plain/tensorflow/core/framework/tensor.js";
import { DType, decode, encode, newTensor, toBytes } from "@tfs/tensor";
import protobufjs from "protobufjs";

const shape = [1, 224, 224, 3];
const values = Float32Array.from({ length: shape.reduce((a, b) => a * b) }, (_, i) => Math.sin(i) * 3);
const numbers = Array.from(values);
const tensor = newTensor(DType.Float, shape, values);
const raw = toBytes(tensor);

const tree = new URL("../../../third_party/tensorflow/", import.meta.url);
const root = new protobufjs.Root();
root.resolvePath = (_, target) => fileURLToPath(new URL(target, tree));
const Reflected = root.loadSync("tensorflow/core/framework/tensor.proto").lookupType("tensorflow.TensorProto");

/** at puts bytes into a larger buffer, so that the float run starts `rest` bytes past a multiple of four. */
function at(wire, rest) {
  const run = wire.length - raw.length;
  const start = (8 + rest - (run % 4)) % 4;
  const buffer = new Uint8Array(wire.length + 8);
  buffer.set(wire, start);
  return buffer.subarray(start, start + wire.length);
}

function contenders(form) {
  const wire = encode(tensor, form);
  const [aligned, unaligned] = [at(wire, 0), at(wire, 1)];
  const content = form === "content";
  const es = create(TensorProtoSchema, {
    dtype: DType.Float,
    tensorShape: { dim: shape.map((size) => ({ size: BigInt(size) })) },
    ...(content ? { tensorContent: raw } : { floatVal: numbers }),
  });
  const plain = Plain.fromPartial({
    dtype: DType.Float,
    tensorShape: { dim: shape.map((size) => ({ size: BigInt(size) })) },
    ...(content ? { tensorContent: raw } : { floatVal: numbers }),
  });
  const reflected = Reflected.create({
    dtype: DType.Float,
    tensorShape: { dim: shape.map((size) => ({ size })) },
    ...(content ? { tensorContent: raw } : { floatVal: numbers }),
  });
  const rows = [
    { op: "encode", who: "ours", run: () => encode(tensor, form) },
    { op: "encode", who: "protobuf-es", run: () => toBinary(TensorProtoSchema, es) },
    { op: "encode", who: "ts-proto", run: () => Plain.encode(plain).finish() },
    { op: "encode", who: "protobufjs", run: () => Reflected.encode(reflected).finish() },
    { op: "decode", who: "ours", run: () => decode(unaligned) },
    { op: "decode", who: "ours, aligned", run: () => decode(aligned) },
    { op: "decode", who: "protobuf-es", run: () => fromBinary(TensorProtoSchema, unaligned) },
    { op: "decode", who: "ts-proto", run: () => Plain.decode(unaligned) },
    { op: "decode", who: "protobufjs", run: () => Reflected.decode(unaligned) },
  ];
  // Everybody writes the same bytes and reads the same values, or the times mean nothing.
  for (const { op, who, run } of rows) {
    const got = run();
    if (op === "encode") assert.deepEqual(new Uint8Array(got), wire, who);
    else if (who.startsWith("ours")) assert.deepEqual(toBytes(got), raw, who);
    else if (content) assert.deepEqual(new Uint8Array(got.tensorContent), raw, who);
    else assert.deepEqual(Float32Array.from(got.floatVal), values, who);
  }
  return rows.map((row) => ({ ...row, field: content ? "tensor_content" : "float_val", times: [] }));
}

const rounds = Number(process.argv.find((a) => a.startsWith("--rounds="))?.slice(9) ?? 30);
const calls = 10;
const all = [...contenders("values"), ...contenders("content")];
for (const { run } of all) for (let i = 0; i < 20; i++) run();
for (let round = 0; round < rounds; round++) {
  for (let i = 0; i < all.length; i++) {
    const { run, times } = all[(i + round) % all.length];
    globalThis.gc?.();
    for (let call = 0; call < calls; call++) {
      const start = performance.now();
      run();
      times.push((performance.now() - start) * 1000);
    }
  }
}

const ratio = (times) => `${times.toFixed(times < 1 ? 2 : 1)}x`.padStart(8);
const median = (row) => row.times[row.times.length >> 1];
for (const row of all) row.times.sort((a, b) => a - b);
const ours = (row) => all.find((r) => r.field === row.field && r.op === row.op && r.who === "ours");
const loads = loadavg().map((n) => n.toFixed(2));
console.log(
  `float32 [${shape.join(",")}], ${rounds * calls} calls each, microseconds; Node ${process.version}, ${cpus()[0]?.model ?? "?"} x${cpus().length}, load ${loads.join(" ")}\n`,
);
console.log(["field", "op", "codec", "min", "median", "max", "to ours"].map((s, i) => (i < 3 ? s.padEnd(15) : s.padStart(8))).join(""));
for (const row of all) {
  const figures = [row.times[0], median(row), row.times.at(-1)].map((n) => n.toFixed(n < 10 ? 1 : 0).padStart(8));
  console.log(row.field.padEnd(15) + row.op.padEnd(15) + row.who.padEnd(15) + figures.join("") + ratio(median(row) / median(ours(row))));
}

console.log("\nDecoded tensor_content is a Float32Array with us, copied where it is not aligned; the others leave it as a view of bytes.\nbars, by medians:");
for (const row of all) {
  if (row.who === "ours") console.log(`  ${row.field} ${row.op}: ${median(row).toFixed(0)} us, ${median(row) <= 150 ? "within" : "PAST"} 150 us`);
  if (row.who !== "protobuf-es" || row.field !== "float_val") continue;
  const times = median(row) / median(ours(row));
  console.log(`  float_val ${row.op}: ${times.toFixed(1)} times as fast as protobuf-es, ${times >= 15 ? "at least" : "SHORT OF"} 15`);
}
