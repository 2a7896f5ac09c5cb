import assert from "node:assert/strict";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { create, toBinary } from "@bufbuild/protobuf";
import { type MetaGraphDef, MetaGraphDefSchema } from "@tfs/proto";
import { openSavedModel } from "@tfs/savedmodel";
import { background, Code, deadlineExceeded, isFailure, newError } from "@tfs/std";
import { allocate, DType, dtypeName, fromStrings, newTensor, type Tensor } from "@tfs/tensor";
import { newReader, type Writer } from "./bytes.ts";
import { kind, lengthBytes, newFrameReader } from "./frame.ts";
import {
  failedFrame,
  loadedFrame,
  loadFrame,
  probedFrame,
  ranFrame,
  readFailure,
  readLoad,
  readLoaded,
  readProbe,
  readRan,
  readRun,
  readStage,
  runFrame,
  stageFrame,
} from "./messages.ts";

/** passed gives the body as the other process reads it. */
function passed(w: Writer): Buffer {
  const got: Buffer[] = [];
  const reader = newFrameReader((body) => got.push(body));
  for (const piece of w.done()) reader.push(piece);
  assert.equal(got.length, 1);
  return got[0]!;
}

const handles: readonly DType[] = [DType.Resource, DType.Variant];
const plain = Object.values(DType).filter((dtype) => !handles.includes(dtype));
const tensors: readonly Tensor[] = [
  ...plain.flatMap((dtype) => [allocate(dtype, []), allocate(dtype, [0, 3]), allocate(dtype, [3])]),
  newTensor(DType.Float, [2, 2], Float32Array.of(1, -0, Number.NaN, Number.NEGATIVE_INFINITY)),
  newTensor(DType.Int64, [2], BigInt64Array.of(-(2n ** 63n), 2n ** 63n - 1n)),
  newTensor(DType.UInt64, [1], BigUint64Array.of(2n ** 64n - 1n)),
  newTensor(DType.Bool, [3], Uint8Array.of(1, 0, 1)),
  newTensor(DType.Int4, [2], Int8Array.of(-8, 7)),
  newTensor(DType.String, [2, 1], [Uint8Array.of(0xff, 0), new Uint8Array(70_000).fill(65)]),
  newTensor(DType.Float, [1, 1, 1, 1, 1, 1, 1, 1, 5000], new Float32Array(5000).fill(1.5)),
  newTensor(DType.UInt8, [4097], new Uint8Array(4097).fill(9)),
  newTensor(DType.Double, [600], new Float64Array(600).fill(0.1)),
  fromStrings(["", "ä", "\u{1f600}"]),
];

test("tensors of every dtype pass, also side by side", () => {
  const r = newReader(passed(ranFrame(77, tensors, 1.5)));
  assert.equal(r.kind, kind.done);
  assert.equal(r.call, 77);
  assert.deepEqual(readRan(r), { tensors, ms: 1.5 });
});
for (const t of tensors) {
  test(`a ${dtypeName(t.dtype)} tensor of shape [${t.shape}] passes beside an odd one`, () => {
    const feeds = new Map([
      ["odd:0", newTensor(DType.UInt8, [3], Uint8Array.of(1, 2, 3))],
      ["ä/long name:1", t],
    ]);
    const got = readRun(newReader(passed(runFrame(2 ** 32 - 1, { leftMs: 12.5, feeds, fetches: ["y:0", "ä:0", "y:0"] }))));
    assert.deepEqual(got, { leftMs: 12.5, feeds, fetches: ["y:0", "ä:0", "y:0"] });
  });
}

test("a large tensor is neither copied when it is written nor when it is read", () => {
  const t = newTensor(DType.Float, [5000], new Float32Array(5000));
  assert.ok(
    runFrame(1, { leftMs: Number.POSITIVE_INFINITY, feeds: new Map([["x:0", t]]), fetches: [] })
      .done()
      .some((piece) => piece.buffer === (t.data as Float32Array).buffer),
  );
  const body = passed(ranFrame(1, [t], 0));
  assert.equal((readRan(newReader(body)).tensors[0]!.data as Float32Array).buffer, body.buffer);
});

for (const dtype of handles) {
  test(`a ${dtypeName(dtype)} stays where it is`, () => {
    assert.throws(() => ranFrame(1, [{ dtype, shape: [], data: [] }], 0), { code: Code.InvalidArgument, message: /cannot leave the engine's process/ });
  });
}

test("a load passes with its tags, and without", () => {
  for (const request of [
    { dir: "/m/ä/1", tags: undefined },
    { dir: "", tags: [] },
    { dir: "x", tags: ["serve", "gpu"] },
  ])
    assert.deepEqual(readLoad(newReader(passed(loadFrame(3, request)))), request);
});

test("of a loaded model, what callers are told passes, and not the graph", async () => {
  const dir = fileURLToPath(new URL("../../../../testdata/models/half_plus_two_tf2/1", import.meta.url));
  await using saved = await openSavedModel(background(), dir);
  const chosen = { engine: "openvino", why: "the quickest" } as const;
  const got = readLoaded(newReader(passed(loadedFrame(1, { metaGraph: saved.metaGraph, bytes: 2 ** 40, chosen }))));
  assert.deepEqual([got.bytes, got.chosen], [2 ** 40, chosen]);
  const { chosen: none } = readLoaded(newReader(passed(loadedFrame(1, { metaGraph: saved.metaGraph, bytes: 0, chosen: undefined }))));
  assert.equal(none, undefined);
  const told = ({ signatureDef, metaInfoDef }: MetaGraphDef): Uint8Array =>
    toBinary(MetaGraphDefSchema, create(MetaGraphDefSchema, { signatureDef, ...(metaInfoDef && { metaInfoDef }) }));
  assert.ok(Buffer.from(told(got.metaGraph)).equals(told(saved.metaGraph)));
  assert.deepEqual(Object.keys(got.metaGraph.signatureDef), Object.keys(saved.metaGraph.signatureDef));
  assert.ok(got.metaGraph.objectGraphDef !== undefined && got.metaGraph.graphDef === undefined);
});

test("a probe's answer and a stage pass", () => {
  for (const probe of [
    { ok: true, version: "2.21.0" },
    { ok: false, why: "it is not there" },
  ] as const)
    assert.deepEqual(readProbe(newReader(passed(probedFrame(1, probe)))), probe);
  assert.deepEqual(readStage(newReader(passed(stageFrame(1, "init", 1.5)))), { stage: "init", ms: 1.5 });
});

test("a failure passes with code, text, cause and details", () => {
  const got = readFailure(newReader(passed(failedFrame(1, newError(Code.NotFound, "no ä", new Error("why"), [Uint8Array.of(1), new Uint8Array(0)])))));
  assert.deepEqual([got.code, got.message, (got.cause as Error).message], [Code.NotFound, "no ä", "why"]);
  assert.deepEqual(
    got.details.map((bytes) => [...bytes]),
    [[1], []],
  );
});
test("an expired deadline comes out as the one that is compared with", () =>
  assert.equal(readFailure(newReader(passed(failedFrame(1, deadlineExceeded)))), deadlineExceeded));
test("what is no failure comes out as Internal, and says nothing of our inside", () => {
  const got = readFailure(newReader(passed(failedFrame(1, new TypeError("x is undefined")))));
  assert.deepEqual([got.code, got.message, (got.cause as Error).message], [Code.Internal, "internal error", "x is undefined"]);
});
test("a failure's text is cut", () => {
  const got = readFailure(newReader(passed(failedFrame(1, newError(Code.Internal, "x".repeat(1e6), undefined, [new Uint8Array(1e6)])))));
  assert.equal(got.message.length, 16 * 1024);
  assert.equal(got.details.length, 0);
});

/** Damage is found by who reads it, or is a value like another: nothing else happens. */
test("damaged bodies are refused with a code, and take no time", () => {
  const whole = passed(runFrame(9, { leftMs: 1, feeds: new Map(tensors.slice(0, 30).map((t, i) => [`t${i}:0`, t])), fetches: ["y:0"] }));
  let seed = 1;
  const random = (below: number): number => {
    seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
    return seed % below;
  };
  const read = (body: Buffer): void => {
    try {
      readRun(newReader(body));
    } catch (err) {
      assert.ok(isFailure(err), String(err));
    }
  };
  for (let n = 8; n < whole.length; n++) read(whole.subarray(0, n));
  for (let i = 0; i < 20_000; i++) {
    const body = Buffer.from(whole);
    for (let k = random(4); k >= 0; k--) body[8 + random(body.length - 8)] = random(256);
    read(body);
  }
  assert.throws(() => readRun(newReader(whole.subarray(0, whole.length - 1))), { code: Code.DataLoss });
});

test("the length before a frame is that of the body", () => {
  const pieces = ranFrame(1, tensors, 0).done();
  const all = Buffer.concat(pieces);
  assert.equal(all.readUInt32LE(0), all.length - lengthBytes);
});
