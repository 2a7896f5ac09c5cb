import assert from "node:assert/strict";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { background, Code, newError, withCancel } from "@tfs/std";
import { DType, newTensor, type Tensor } from "@tfs/tensor";
import { describeEngine } from "../conformance/index.ts";
import { newGate } from "../native/index.ts";
import { newOpenVinoEngine } from "./index.ts";
import { libraryDir } from "./testing/index.ts";

const ctx = background();
const models = fileURLToPath(new URL("../../../../testdata/models/", import.meta.url));
const dir = libraryDir();
const gate = newGate({ places: 4 });

const nothing = /nothing to compute/;
/** OpenVINO narrows these, or computes with them as floats; so the host keeps them. */
const exact = ["complex128", "complex64", "double", "int16", "int32", "int64", "int8", "uint16", "uint32", "uint64", "uint8"];
const bare = ["bool", "float4_e2m1fn", "float8_e4m3fn", "float8_e5m2", "int2", "int4", "qint16", "qint32", "qint8", "quint16", "quint8", "uint2", "uint4"];
const refused = {
  ...Object.fromEntries(exact.map((dtype) => [`dtype_${dtype}/1`, /double: what there is to compute is not for it: AddV2/])),
  ...Object.fromEntries(bare.map((dtype) => [`dtype_${dtype}/1`, nothing])),
  "dtype_string/1": /double: what there is to compute is not for it: StringJoin/,
  "loops_v1/1": /there is control flow of TensorFlow 1 in it/,
  "cond_loop/1": /not for it: Greater, StatelessIf, StatelessWhile/,
  "counter/1": /incr_counter: it has effects besides its outputs/,
  "effects/1": /serving_default: it has effects besides its outputs/,
  "rounds/1": /serving_default: it has effects besides its outputs/,
  "keras_identity/1": nothing,
};

describeEngine(newOpenVinoEngine({ dir, gate }), models, { refused });

/** What a call of mlp is answered by. */
const calls: { readonly name: string; readonly x: Tensor; readonly by: string }[] = [
  { name: "a batch", x: rows(8), by: "openvino" },
  { name: "a batch of another size", x: rows(3), by: "openvino" },
  { name: "no row", x: rows(0), by: "embedded" },
  { name: "NaN", x: newTensor(DType.Float, [1, 64], new Float32Array(64).fill(Number.NaN)), by: "embedded" },
  { name: "infinity", x: newTensor(DType.Float, [1, 64], new Float32Array(64).fill(Number.POSITIVE_INFINITY)), by: "openvino" },
];

function rows(n: number): Tensor {
  return newTensor(
    DType.Float,
    [n, 64],
    Float32Array.from({ length: n * 64 }, (_, i) => (i % 7) / 7),
  );
}

for (const { name, x, by } of calls)
  test(`openvino: ${name}: answered by ${by}`, async () => {
    const ran: string[] = [];
    const model = await newOpenVinoEngine({ dir, gate, onRun: (who) => void ran.push(who) }).load(ctx, `${models}mlp/1`);
    const [input] = Object.values(model.metaGraph.signatureDef["serving_default"]!.inputs);
    const [output] = Object.values(model.metaGraph.signatureDef["serving_default"]!.outputs);
    const [y] = await model.run(ctx, new Map([[String(input!.encoding.value), x]]), [String(output!.encoding.value)]);
    assert.deepEqual([ran, y!.shape], [[by], [x.shape[0], 10]]);
    await model.close();
  });

/** What a call of the first model, an embedding of 16 rows and a dense layer, is answered by. */
for (const { name, id, by } of [
  { name: "an id of the table", id: 3n, by: "openvino" },
  { name: "an id that would be one if it were cut to 32 bits", id: 2n ** 32n + 3n, by: undefined },
  { name: "a negative id, which Keras counts from the end", id: -1n, by: "openvino" },
])
  test(`openvino: ${name}: ${by ?? "TensorFlow's error"}`, async () => {
    const ran: string[] = [];
    const model = await newOpenVinoEngine({ dir, gate, onRun: (who) => void ran.push(who) }).load(ctx, `${models}first_model/1`);
    const signature = model.metaGraph.signatureDef["serving_default"]!;
    const [input] = Object.values(signature.inputs);
    const [output] = Object.values(signature.outputs);
    const x = newTensor(DType.Int64, [1, 31], new BigInt64Array(31).fill(id));
    const run = model.run(ctx, new Map([[String(input!.encoding.value), x]]), [String(output!.encoding.value)]);
    if (by === undefined) await assert.rejects(run, { code: Code.InvalidArgument, message: /is not in \[0, / });
    else await run;
    assert.deepEqual(ran, by === undefined ? [] : [by]);
    await model.close();
  });

test("openvino: a context that ends lets the caller go; close waits for the inference", async () => {
  const model = await newOpenVinoEngine({ dir, gate: newGate({ places: 1 }) }).load(ctx, `${models}mlp/1`);
  const [input] = Object.values(model.metaGraph.signatureDef["serving_default"]!.inputs);
  const [output] = Object.values(model.metaGraph.signatureDef["serving_default"]!.outputs);
  using given = withCancel(ctx);
  const reason = newError(Code.Canceled, "enough");
  const run = model.run(given, new Map([[String(input!.encoding.value), rows(4096)]]), [String(output!.encoding.value)]);
  given.cancel(reason);
  await assert.rejects(run, (err) => err === reason);
  await model.close();
});

for (const [name, given, why] of [
  ["a folder that is not there", "/nowhere/openvino", /the folder \/nowhere\/openvino cannot be read/],
  ["a folder without the libraries", models, /there is no libtbb\.so in/],
] as const)
  test(`openvino: ${name}: said by probe, and thrown by load`, async () => {
    const engine = newOpenVinoEngine({ dir: given, gate });
    const probe = await engine.probe(ctx);
    assert.match(probe.ok ? "" : probe.why, why);
    await assert.rejects(engine.load(ctx, `${models}mlp/1`), { code: Code.Unavailable, message: why });
  });
