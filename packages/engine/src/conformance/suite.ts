import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { type NodeDefSchema, SavedModelSchema, type SignatureDef } from "@tfs/proto";
import { background, Code, codeOf, newError, withCancel } from "@tfs/std";
import { DType, newTensor, type Tensor } from "@tfs/tensor";
import { assertClose, type GoldenTensor, goldenTensor } from "@tfs/tensor/testing";
import type { Engine, LoadedModel } from "../engine.ts";
import { type Case, goldens } from "./golden.ts";

const ctx = background();

/** Differences are what an engine may lawfully do otherwise, with reasons. */
export interface Differences {
  /** refused are models ("counter/1") that the engine refuses to load as Unimplemented, and what its message says. All others it loads. */
  readonly refused?: Readonly<Record<string, RegExp>>;
}

/** describeEngine registers the suite's tests for one engine over a folder of models with golden files. */
export function describeEngine(engine: Engine, models: string, { refused = {} }: Differences = {}): void {
  const unseen = new Set(Object.keys(refused));
  for (const file of goldens(models)) {
    for (const [version, { signatures, script }] of Object.entries(file.versions)) {
      const dir = join(models, file.model, version);
      const message = refused[`${file.model}/${version}`];
      if (message !== undefined) {
        unseen.delete(`${file.model}/${version}`);
        test(`${engine.name}: ${file.model}/${version} is refused: ${message.source}`, () =>
          assert.rejects(engine.load(ctx, dir), { code: Code.Unimplemented, message }));
        continue;
      }
      for (const [name, { cases }] of Object.entries(signatures)) {
        for (const tc of cases) test(`${engine.name}: ${file.model}/${version} ${name}: ${tc.name}`, () => runCase(engine, dir, name, tc));
      }
      if (script === undefined) continue;
      test(`${engine.name}: ${file.model}/${version} keeps state from call to call`, async () => {
        const model = await engine.load(ctx, dir);
        for (const step of script) {
          const got = await call(model, step.signature, step.inputs);
          for (const [alias, want] of Object.entries(step.outputs)) assertClose(got.get(alias)!, goldenTensor(want), 0, `${step.signature}.${alias}`);
        }
        await model.close();
      });
    }
  }
  test(`${engine.name}: only models that are there are listed as refused`, () => assert.deepEqual([...unseen], []));
  describePromises(engine, models);
  if (refused["counter/1"] === undefined) describeState(engine, models);
}

async function runCase(engine: Engine, dir: string, signature: string, tc: Case): Promise<void> {
  const model = await engine.load(ctx, dir);
  try {
    if (tc.error !== undefined) {
      const { code, message } = tc.error;
      await assert.rejects(call(model, signature, tc.inputs), (err) => {
        assert.equal(codeOf(err), code, (err as Error).message);
        assert.ok(similar((err as Error).message, message), `got  ${(err as Error).message}\nwant ${message}`);
        return true;
      });
      return;
    }
    const got = await call(model, signature, tc.inputs);
    for (const [alias, want] of Object.entries(tc.outputs ?? {})) assertClose(got.get(alias)!, goldenTensor(want), tc.tolerance, alias);
  } finally {
    await model.close();
  }
}

/** similar compares the telling part of a message: what precedes TensorFlow's own notes on where and which device. */
function similar(got: string, want: string): boolean {
  // TensorFlow's optimizer may swap the operands of a commutative op before it complains about them.
  const sorted = (text: string): string => text.replace(/(\S+) vs\. (\S+)/, (_, a: string, b: string) => [a, b].sort().join(" vs. "));
  const key = (text: string): string =>
    sorted(
      text
        .split("\n")[0]!
        .replace(/\{\{.*?\}\}\s*/g, "")
        .trim(),
    );
  return key(got).includes(key(want)) || key(want).includes(key(got));
}

function signatureOf(model: LoadedModel, name: string): SignatureDef {
  const found = model.metaGraph.signatureDef[name];
  assert.ok(found, `there is no signature ${name}`);
  return found;
}

async function call(model: LoadedModel, signature: string, inputs: Readonly<Record<string, GoldenTensor>>): Promise<Map<string, Tensor>> {
  const def = signatureOf(model, signature);
  const name = (info: { readonly encoding: { readonly case: unknown; readonly value?: unknown } } | undefined): string => String(info?.encoding.value);
  const feeds = new Map(Object.entries(inputs).map(([alias, t]) => [name(def.inputs[alias]), goldenTensor(t)]));
  const aliases = Object.keys(def.outputs);
  const got = await model.run(
    ctx,
    feeds,
    aliases.map((alias) => name(def.outputs[alias])),
  );
  return new Map(aliases.map((alias, i) => [alias, got[i]!]));
}

/** What the interface promises of every model, shown on half_plus_two. */
function describePromises(engine: Engine, models: string): void {
  const dir = join(models, "half_plus_two/1");
  const x = newTensor(DType.Float, [2, 1], Float32Array.of(1, 2));
  const title = (text: string): string => `${engine.name}: ${text}`;
  const using = async (check: (model: LoadedModel) => Promise<void>): Promise<void> => {
    const model = await engine.load(ctx, dir);
    try {
      await check(model);
    } finally {
      await model.close();
    }
  };

  test(title("probe says that it can run"), async () => assert.equal((await engine.probe(ctx)).ok, true));
  test(title("an unknown fetch is named"), () =>
    using((m) =>
      assert.rejects(m.run(ctx, new Map([["x:0", x]]), ["nope:0"]), {
        code: Code.InvalidArgument,
        message: "Tensor nope:0, specified in either feed_devices or fetch_devices was not found in the Graph",
      }),
    ),
  );
  for (const name of ["y:7", "y:-1", "y:99999999999"])
    test(title(`a fetch of an output that the operation does not have is named: ${name}`), () =>
      using((m) => assert.rejects(m.run(ctx, new Map([["x:0", x]]), [name]), { code: Code.InvalidArgument, message: new RegExp(name) })),
    );
  test(title("an unknown feed is named"), () => using((m) => assert.rejects(m.run(ctx, new Map([["nope:0", x]]), ["y:0"]), { code: Code.InvalidArgument })));
  test(title("a wrong dtype is told in TensorFlow's words"), () =>
    using((m) =>
      assert.rejects(m.run(ctx, new Map([["x:0", newTensor(DType.Bool, [1, 1], Uint8Array.of(1))]]), ["y:0"]), {
        code: Code.InvalidArgument,
        message: "Expects arg[0] to be float but bool is provided",
      }),
    ),
  );
  for (const [what, data] of [
    ["fewer", Float32Array.of(1)],
    ["more", Float32Array.of(1, 2, 3)],
  ] as const)
    test(title(`${what} values than the shape says are refused`), () =>
      using((m) => assert.rejects(m.run(ctx, new Map([["x:0", { ...x, data }]]), ["y:0"]), { code: Code.InvalidArgument })),
    );
  test(title("a missing feed names the placeholder"), () =>
    using((m) =>
      assert.rejects(
        m.run(ctx, new Map(), ["y:0"]),
        (err) =>
          codeOf(err) === Code.InvalidArgument && /You must feed a value for placeholder tensor 'tf_example' with dtype string/.test((err as Error).message),
      ),
    ),
  );
  test(title("fetches may repeat and come in any order"), () =>
    using(async (m) => {
      const [a, b, c] = await m.run(ctx, new Map([["x:0", x]]), ["y2:0", "y:0", "y2:0"]);
      assert.deepEqual([...(a!.data as Float32Array)], [3.5, 4]);
      assert.deepEqual([...(b!.data as Float32Array)], [2.5, 3]);
      assert.deepEqual(a, c);
    }),
  );
  test(title("a fed tensor may be fetched"), () => using(async (m) => assert.deepEqual((await m.run(ctx, new Map([["x:0", x]]), ["x:0"]))[0], x)));
  test(title("sixteen calls at once give sixteen right answers"), () =>
    using(async (m) => {
      const got = await Promise.all(
        Array.from({ length: 16 }, (_, i) => m.run(ctx, new Map([["x:0", newTensor(DType.Float, [1, 1], Float32Array.of(i))]]), ["y:0"])),
      );
      assert.deepEqual(
        got.map(([y]) => (y!.data as Float32Array)[0]),
        Array.from({ length: 16 }, (_, i) => i / 2 + 2),
      );
    }),
  );
  test(title("a run tells how long it took by itself"), () =>
    using(async (m) => {
      const begun = performance.now();
      let ms = 0;
      await m.run(ctx, new Map([["x:0", x]]), ["y:0"], (part) => void (ms += part));
      const whole = performance.now() - begun;
      assert.ok(ms > 0 && ms <= whole, `${ms} of ${whole} ms`);
    }),
  );
  test(title("inputs are not changed"), () =>
    using(async (m) => {
      await m.run(ctx, new Map([["x:0", x]]), ["y:0"]);
      assert.deepEqual([...(x.data as Float32Array)], [1, 2]);
    }),
  );
  test(title("a cancelled call ends with its reason"), () =>
    using(async (m) => {
      using cancelled = withCancel(ctx);
      const reason = newError(Code.Canceled, "enough");
      cancelled.cancel(reason);
      await assert.rejects(m.run(cancelled, new Map([["x:0", x]]), ["y:0"]), (err) => err === reason);
    }),
  );
  test(title("a deadline that has passed is DeadlineExceeded"), () =>
    using((m) => assert.rejects(m.run({ ...ctx, deadline: 0 }, new Map([["x:0", x]]), ["y:0"]), { code: Code.DeadlineExceeded })),
  );
  test(title("a closed model is Unavailable"), async () => {
    const model = await engine.load(ctx, dir);
    await model.close();
    await assert.rejects(model.run(ctx, new Map([["x:0", x]]), ["y:0"]), { code: Code.Unavailable });
  });
  test(title("closing twice is no mistake"), async () => {
    const model = await engine.load(ctx, dir);
    await model.close();
    await model.close();
  });
  test(title("tags choose the meta-graph"), async () => {
    const model = await engine.load(ctx, join(models, "multi_metagraph/1"), { tags: ["serve", "gpu"] });
    const [y] = await model.run(ctx, new Map([["x:0", newTensor(DType.Float, [1], Float32Array.of(1))]]), ["y:0"]);
    assert.deepEqual([...(y!.data as Float32Array)], [13]);
    await model.close();
  });
  test(title("the estimate of memory is at least the variables"), async () => {
    const model = await engine.load(ctx, join(models, "mlp/1"));
    assert.ok(model.estimateBytes() >= 4 * (64 * 256 + 256 * 256 + 256 * 10));
    await model.close();
  });
}

/** What the interface promises of stateful models, for engines that run them. */
function describeState(engine: Engine, models: string): void {
  test(`${engine.name}: two loads of a stateful model share nothing`, async () => {
    const [a, b] = [await engine.load(ctx, join(models, "counter/1")), await engine.load(ctx, join(models, "counter/1"))];
    await call(a, "incr_counter", {});
    assert.equal((await call(b, "get_counter", {})).get("output")!.data[0], 0);
    await a.close();
    await b.close();
  });
  test(`${engine.name}: what a model keeps of what it was fed is a copy`, async () => {
    const dir = mkdtempSync(join(tmpdir(), "tfs-kept-"));
    try {
      writeKeeper(dir);
      const model = await engine.load(ctx, dir);
      const data = Float32Array.of(1, 2);
      await model.run(ctx, new Map([["x:0", newTensor(DType.Float, [2], data)]]), ["set:0"]);
      data.fill(9);
      assert.deepEqual([...((await model.run(ctx, new Map(), ["get:0"]))[0]!.data as Float32Array)], [1, 2]);
      await model.close();
    } finally {
      rmSync(dir, { recursive: true });
    }
  });
}

/** writeKeeper writes a model that keeps what it is fed in a variable. */
function writeKeeper(dir: string): void {
  const dtype = { value: { case: "type" as const, value: DType.Float } };
  const shape = { value: { case: "shape" as const, value: { dim: [{ size: 2n }] } } };
  const node: MessageInitShape<typeof NodeDefSchema>[] = [
    { name: "x", op: "Placeholder", attr: { dtype, shape } },
    { name: "v", op: "VarHandleOp", attr: { dtype, shape } },
    { name: "assign", op: "AssignVariableOp", input: ["v", "x"], attr: { dtype } },
    { name: "set", op: "Identity", input: ["x", "^assign"], attr: { T: dtype } },
    { name: "get", op: "ReadVariableOp", input: ["v"], attr: { dtype } },
  ];
  const info = (name: string) => ({ encoding: { case: "name", value: `${name}:0` } as const, dtype: DType.Float });
  const methodName = "tensorflow/serving/predict";
  const signatureDef = { set: { methodName, inputs: { x: info("x") }, outputs: { y: info("set") } }, get: { methodName, outputs: { y: info("get") } } };
  const model = create(SavedModelSchema, {
    savedModelSchemaVersion: 1n,
    metaGraphs: [{ metaInfoDef: { tags: ["serve"] }, graphDef: { node, versions: { producer: 1882 } }, signatureDef }],
  });
  writeFileSync(join(dir, "saved_model.pb"), toBinary(SavedModelSchema, model));
}
