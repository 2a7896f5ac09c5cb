// .tflite files of TensorFlow's converter through the real libraries, held to TensorFlow's own answers.
import assert from "node:assert/strict";
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { create, toBinary } from "@bufbuild/protobuf";
import { ExampleSchema, FeatureSchema } from "@tfs/proto";
import { background, Code, codeOf, messageOf, newError, withCancel } from "@tfs/std";
import { DType, fromStrings, newTensor, type Tensor } from "@tfs/tensor";
import { assertClose, goldenTensor } from "@tfs/tensor/testing";
import { goldens } from "../conformance/golden.ts";
import type { Engine, LoadedModel } from "../engine.ts";
import { type Gate, newGate } from "../native/index.ts";
import { newTfLiteEngine } from "./index.ts";
import { libraryDir, models, unserved } from "./testing/index.ts";

const ctx = background();
const [litert, openvino] = [libraryDir("litert"), libraryDir("openvino")];
const litertDir = async (): Promise<string> => litert;
const openvinoDir = async (): Promise<string> => openvino;
const gate = newGate({ places: 4 });
const lite = newTfLiteEngine({ litertDir, gate, interpreters: 3 });
const both = newTfLiteEngine({ litertDir, openvinoDir, gate });
const scratch = mkdtempSync(join(tmpdir(), "tfs-tflite-"));
after(() => rmSync(scratch, { recursive: true, force: true }));

const column = (...values: readonly number[]): Tensor => newTensor(DType.Float, [values.length, 1], Float32Array.from(values));
const nameOf = (info: { readonly encoding: { readonly value?: unknown } } | undefined): string => String(info?.encoding.value);

async function call(model: LoadedModel, signature: string, inputs: Readonly<Record<string, Tensor>>): Promise<Readonly<Record<string, Tensor>>> {
  const def = model.metaGraph.signatureDef[signature];
  assert.ok(def, `there is no signature ${signature}`);
  const aliases = Object.keys(def.outputs);
  const got = await model.run(
    ctx,
    new Map(Object.entries(inputs).map(([alias, t]) => [nameOf(def.inputs[alias]), t])),
    aliases.map((alias) => nameOf(def.outputs[alias])),
  );
  return Object.fromEntries(aliases.map((alias, i) => [alias, got[i]!]));
}

async function using(engine: Engine, name: string, check: (model: LoadedModel) => Promise<void>): Promise<void> {
  const model = await engine.load(ctx, name.includes("/") ? name : `${models}${name}/1`);
  try {
    await check(model);
  } finally {
    await model.close();
  }
}

// Each case several times: what is known to be short then runs in the event loop.
const alone = newTfLiteEngine({ openvinoDir, gate });
for (const [title, engine, served] of [
  ["LiteRT", lite, (name: string) => name !== "found_bare"], // see below
  ["OpenVINO", alone, (name: string) => ["mlp", "cnn", "found_bare", "found_passed"].includes(name)], // no strings, one graph, no other shapes; rounds as TensorFlow does
  ["OpenVINO and LiteRT", both, () => true],
] as const)
  for (const file of goldens(models).filter(({ model }) => served(model))) {
    for (const [signature, { cases }] of Object.entries(file.versions["1"]!.signatures))
      test(`${title}: ${file.model} ${signature} as TensorFlow`, () =>
        using(engine, file.model, async (model) => {
          for (let round = 0; round < 5; round++)
            for (const { name, inputs, outputs, tolerance } of cases) {
              const got = await call(model, signature, Object.fromEntries(Object.entries(inputs).map(([alias, t]) => [alias, goldenTensor(t)])));
              for (const [alias, want] of Object.entries(outputs ?? {})) assertClose(got[alias]!, goldenTensor(want), tolerance, `${name}: ${alias}`);
            }
        }));
  }

test("LiteRT alone says of an output whose size only its values tell that it cannot give it", () =>
  using(lite, "found_bare", async (model) => {
    const message = "Failed to invoke TfLite interpreter: the size of an output is told by its values only, which LiteRT's C API does not serve";
    await assert.rejects(call(model, "serving_default", { x: newTensor(DType.Float, [2], Float32Array.of(1, 2)) }), { code: Code.Internal, message });
  }));
test("OpenVINO alone serves what it takes, in the shapes that the file declares", () =>
  using(alone, "half_plus_two", async (model) => {
    assert.deepEqual((await call(model, "serving_default", { x: column(2) }))["y"], column(3));
    await assert.rejects(call(model, "serving_default", { x: column(2, 3) }), { code: Code.Internal, message: /^Failed to invoke TfLite interpreter: / });
  }));
test("which library runs a model is told", async () => {
  const told = async (engine: Engine, name: string): Promise<string | undefined> => {
    const model = await engine.load(ctx, `${models}${name}/1`);
    await model.close();
    return model.chosen?.why;
  };
  const [plain, fast] = ["the version has a model.tflite", "the version has a model.tflite, which OpenVINO runs"];
  // Of what both run, the quicker has it: no test can tell which.
  assert.deepEqual(
    [await told(lite, "mlp"), await told(both, "found_bare"), await told(both, "strings"), await told(both, "examples")],
    [plain, fast, plain, plain],
  );
});

/** serialized makes an Example. */
const serialized = (feature: Readonly<Record<string, readonly number[]>>): Uint8Array =>
  toBinary(
    ExampleSchema,
    create(ExampleSchema, {
      features: {
        feature: Object.fromEntries(
          Object.entries(feature).map(([key, value]) => [key, create(FeatureSchema, { kind: { case: "floatList", value: { value: [...value] } } })]),
        ),
      },
    }),
  );
test("an Example that lacks what is required fails the call, and says what", () =>
  using(lite, "examples", (model) =>
    assert.rejects(call(model, "serving_default", { examples: { dtype: DType.String, shape: [1], data: [serialized({ z: [1] })] } }), {
      code: Code.Internal,
      message: /^Failed to invoke TfLite interpreter: .*Feature: x .*is required but could not be found/,
    }),
  ));

const wrong: readonly {
  readonly name: string;
  readonly feeds: readonly (readonly [string, Tensor])[];
  readonly fetches?: string[];
  readonly code: Code;
  readonly message: string;
}[] = [
  {
    name: "an input that is not there",
    feeds: [["nope:0", column(1)]],
    code: Code.Internal,
    message: "Unknown tensor 'nope:0'.\n\tMissing input TFLite tensor: nope:0",
  },
  {
    name: "an output that is not there",
    feeds: [["x", column(1)]],
    fetches: ["z"],
    code: Code.Internal,
    message: "Missing output TFLite tensor: z: Unknown tensor 'z'.",
  },
  { name: "an input that is not fed", feeds: [], code: Code.Internal, message: "Missing input TFLite tensor: x" },
  {
    name: "another type",
    feeds: [["x", newTensor(DType.Int32, [1, 1], Int32Array.of(1))]],
    code: Code.InvalidArgument,
    message: "Expects arg[0] to be float but int32 is provided",
  },
  { name: "no rows", feeds: [["x", column()]], code: Code.Internal, message: "Failed to resize input tensor: x from 4 to 0 bytes." },
  {
    name: "a scalar",
    feeds: [["x", newTensor(DType.Float, [], Float32Array.of(1))]],
    code: Code.Internal,
    message: "Failed to resize input tensor: x from 4 to 4 bytes.",
  },
  {
    name: "nine dimensions",
    feeds: [["x", newTensor(DType.Float, [1, 1, 1, 1, 1, 1, 1, 1, 2], Float32Array.of(1, 2))]],
    code: Code.Internal,
    message: "Failed to resize input tensor: x from 4 to 8 bytes.",
  },
];
for (const { name, feeds, fetches = ["y"], code, message } of wrong)
  test(`${name} is told, and the next call is served`, () =>
    using(lite, "half_plus_two", async (model) => {
      await assert.rejects(model.run(ctx, new Map(feeds), fetches), { code, message });
      assert.deepEqual(await model.run(ctx, new Map([["x", column(2)]]), ["y"]), [column(3)]);
    }));
test("shapes that do not fit the model are told in the library's words, and the next call is served", () =>
  using(lite, "mlp", async (model) => {
    const x = (columns: number): Tensor => newTensor(DType.Float, [1, columns], new Float32Array(columns));
    await assert.rejects(
      call(model, "serving_default", { x: x(7) }),
      (err) => codeOf(err) === Code.Internal && /^Failed to (allocate tensors|invoke)/.test(messageOf(err)),
    );
    assert.deepEqual((await call(model, "serving_default", { x: x(8) }))["y"]!.shape, [1, 4]);
  }));
test("names are taken with and without :0, outputs in any order, twice, or not at all", () =>
  using(lite, "two_graphs", async (model) => {
    const [a, b] = [newTensor(DType.Float, [1, 2], Float32Array.of(1, 2)), newTensor(DType.Float, [1, 2], Float32Array.of(3, 4))];
    const feeds = new Map([
      ["serving_default_b:0", b],
      ["serving_default_a:0", a],
    ]);
    const { less, more } = { less: "PartitionedCall:0", more: "PartitionedCall:1" };
    const values = async (...fetches: string[]): Promise<number[][]> => (await model.run(ctx, feeds, fetches)).map((t) => [...(t.data as Float32Array)]);
    const first = await values(less, more);
    assert.deepEqual(first.map((v) => v.map(Math.abs)).sort(), [
      [2, 2],
      [4, 6],
    ]);
    assert.deepEqual(await values(more, less, more), [first[1], first[0], first[1]]);
    assert.deepEqual(await values(more), [first[1]]);
    assert.deepEqual(await values(), []);
  }));

test("forty calls at once, of different shapes, give forty right answers", () =>
  using(lite, "half_plus_two", async (model) => {
    const values = Array.from({ length: 40 }, (_, i) => Array.from({ length: 1 + (i % 4) }, (_, k) => i + k));
    const got = await Promise.all(values.map((some) => model.run(ctx, new Map([["x", column(...some)]]), ["y"])));
    assert.deepEqual(
      got.map(([y]) => [...(y!.data as Float32Array)]),
      values.map((some) => some.map((v) => v / 2 + 2)),
    );
  }));
test("what is fed is not changed, and what is given is the caller's own", () =>
  using(lite, "half_plus_two", async (model) => {
    const x = column(2);
    const [[first], [second]] = [await model.run(ctx, new Map([["x", x]]), ["y"]), await model.run(ctx, new Map([["x", column(4)]]), ["y"])];
    assert.deepEqual([x, first, second], [column(2), column(3), column(4)]);
  }));

/** held is a gate whose calls wait until they are let go. */
function held(): { readonly gate: Gate; readonly begun: () => number; release(): void } {
  let [begun, open] = [0, (): void => {}];
  const opened = new Promise<void>((resolve) => (open = resolve));
  const inner = newGate({ places: 4 });
  return {
    gate: {
      run: (given, work) =>
        inner.run(given, async () => {
          begun++;
          await opened;
          return await work();
        }),
      get busy() {
        return inner.busy;
      },
    },
    begun: () => begun,
    release: () => open(),
  };
}
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
test("a context that ends lets its caller go, and the interpreter is lent to the next when the call has ended", async () => {
  let current: Gate = gate;
  const model = await newTfLiteEngine({
    litertDir,
    interpreters: 1,
    gate: {
      run: (given, work) => current.run(given, work),
      get busy() {
        return current.busy;
      },
    },
  }).load(ctx, `${models}half_plus_two/1`);
  const waiting = held();
  current = waiting.gate;
  using given = withCancel(ctx);
  const left = model.run(given, new Map([["x", column(2)]]), ["y"]);
  const next = model.run(ctx, new Map([["x", column(4, 6)]]), ["y"]);
  while (waiting.begun() === 0) await turn();
  const reason = newError(Code.Canceled, "enough");
  given.cancel(reason);
  await assert.rejects(left, (err) => err === reason);
  await turn();
  assert.equal(waiting.begun(), 1);
  const closing = model.close();
  waiting.release();
  await assert.rejects(next, { code: Code.Unavailable }); // it had not begun when the model was closed
  await closing;
  await model.close();
  await assert.rejects(model.run(ctx, new Map([["x", column(2)]]), ["y"]), { code: Code.Unavailable, message: "the model has been unloaded" });
});
test("closing waits for what runs", async () => {
  let current: Gate = gate;
  const model = await newTfLiteEngine({
    litertDir,
    gate: {
      run: (given, work) => current.run(given, work),
      get busy() {
        return current.busy;
      },
    },
  }).load(ctx, `${models}half_plus_two/1`);
  const waiting = held();
  current = waiting.gate;
  const running = model.run(ctx, new Map([["x", column(2)]]), ["y"]);
  while (waiting.begun() === 0) await turn();
  let closed = false;
  const closing = model.close().then(() => (closed = true));
  for (let i = 0; i < 5; i++) await turn();
  assert.equal(closed, false);
  waiting.release();
  assert.deepEqual([await running, await closing], [[column(3)], true]);
});

/** folder makes a version of one file. */
function folder(bytes: Uint8Array): string {
  const dir = mkdtempSync(join(scratch, "v"));
  writeFileSync(join(dir, "model.tflite"), bytes);
  return dir;
}
test("an operator that is not TFLite's own is named when the model is loaded", () =>
  assert.rejects(lite.load(ctx, `${unserved}operator/1`), {
    code: Code.Internal,
    message: "Cannot build Interpreter from buffer. It has operators that are not TFLite's own: StringUpper.",
  }));
for (const [name, bytes] of [
  ["an empty file", new Uint8Array(0)],
  ["a file of something else", new TextEncoder().encode("this is no model at all, it is a text")],
] as const)
  test(`${name} is no model`, () =>
    assert.rejects(lite.load(ctx, folder(bytes)), { code: Code.InvalidArgument, message: "Cannot build FlatBufferModel from buffer." }));
test("a folder without the file is NotFound", () => {
  mkdirSync(join(scratch, "empty"));
  return assert.rejects(lite.load(ctx, join(scratch, "empty")), { code: Code.NotFound });
});
test("a folder without the library is told, by the load and by the probe", async () => {
  const engine = newTfLiteEngine({ litertDir: async () => scratch, gate });
  const message = `${scratch} does not hold libLiteRt.so`;
  assert.deepEqual(await engine.probe(ctx), { ok: false, why: message });
  await assert.rejects(engine.load(ctx, `${models}mlp/1`), { code: Code.Unavailable, message });
  const nowhere = newTfLiteEngine({ gate });
  await assert.rejects(nowhere.load(ctx, `${models}mlp/1`), { code: Code.Unavailable, message: /which was found nowhere/ });
});
test("another library by that name is told", async () => {
  const dir = mkdtempSync(join(scratch, "l"));
  cpSync(join(openvino, "libtbb.so.12"), join(dir, "libLiteRt.so"), { dereference: true });
  await assert.rejects(newTfLiteEngine({ litertDir: async () => dir, gate }).load(ctx, `${models}mlp/1`), {
    code: Code.Unavailable,
    message: `${join(dir, "libLiteRt.so")} is not LiteRT's C library as we know it`,
  });
});
test("the probe tells what is there", async () => {
  assert.deepEqual(await lite.probe(ctx), { ok: true, version: "LiteRT" });
  assert.match(JSON.stringify(await both.probe(ctx)), /"ok":true,"version":"OpenVINO 2026.*, LiteRT"/);
});
setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

/**
 * growth tells by how many bytes the process grew while `part` was done again and again: from the least of the first parts after one to warm up to the least of the last, since what
 * the collector leaves for later goes up and down by tens of megabytes.
 */
async function growth(part: () => Promise<void>): Promise<number> {
  const held: number[] = [];
  for (let i = 0; i < 11; i++) {
    await part();
    for (let twice = 0; twice < 2; twice++) {
      collect();
      await new Promise((resolve) => setImmediate(resolve)); // arrays' memory is given back behind it
    }
    held.push(process.memoryUsage.rss());
  }
  return Math.min(...held.slice(-3)) - Math.min(...held.slice(1, 4));
}

test("a model is let go of: loading and closing it a hundred times keeps nothing", async () => {
  const x = newTensor(DType.Float, [2, 8], new Float32Array(16));
  const grown = await growth(async () => {
    for (let i = 0; i < 10; i++) await using(lite, "mlp", async (model) => void (await call(model, "serving_default", { x })));
  });
  assert.ok(grown < 24 << 20, `${grown} bytes`);
});
test("ten thousand calls of 400 KB grow nothing", () =>
  using(lite, "half_plus_two", async (model) => {
    const x = newTensor(DType.Float, [100_000, 1], new Float32Array(100_000).fill(2));
    const grown = await growth(async () => {
      for (let i = 0; i < 1000; i++) assert.equal((await model.run(ctx, new Map([["x", x]]), ["y"]))[0]!.data[99_999], 3);
    });
    assert.ok(grown < 32 << 20, `${grown} bytes`); // of 4 GB
  }));

// TensorFlow Serving's own files, where they lie beside the project.
const fixtures = fileURLToPath(new URL("../../../../../shared/testdata/tfserving/", import.meta.url));
if (!existsSync(fixtures)) test("TensorFlow Serving's own models", (t) => t.diagnostic("no fixtures beside the project"));
else {
  for (const [name, input, output] of [
    ["saved_model_half_plus_two_tflite", "x", "y"],
    ["saved_model_half_plus_two_tflite_with_sigdef", "tflite_input", "y"],
  ] as const)
    for (const [title, engine] of [
      ["LiteRT", lite],
      ["OpenVINO and LiteRT", both],
    ] as const)
      test(`${title}: ${name}: three rows where one is declared, names with and without :0`, () =>
        using(engine, `${fixtures}${name}/00000123`, async (model) => {
          const x = newTensor(DType.Float, [3], Float32Array.of(1, 2, 3));
          for (const suffix of ["", ":0"]) {
            const [y] = await model.run(ctx, new Map([[`${input}${suffix}`, x]]), [`${output}${suffix}`]);
            assert.deepEqual(y, newTensor(DType.Float, [3], Float32Array.of(2.5, 3, 3.5)));
          }
          assert.deepEqual((await call(model, "serving_default", { x: column(2) }))["y"], column(3));
        }));
  test("parse_example_tflite is served without any library", () =>
    using(newTfLiteEngine({ gate }), `${fixtures}parse_example_tflite/00000123`, async (model) => {
      const got = await call(model, "serving_default", { input: { dtype: DType.String, shape: [2], data: [serialized({ x: [1.5] }), serialized({})] } });
      assertClose(got["ParseExample/ParseExampleV2"]!, newTensor(DType.Float, [2, 1], Float32Array.of(1.5, 0)), 0, "number");
      assertClose(got["ParseExample/ParseExampleV2:1"]!, fromStrings(["missing", "missing"], [2, 1]), 0, "text");
    }));
}
