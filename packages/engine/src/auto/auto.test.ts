// Candidates are the embedded engine under other names, made slower, wrong or unable; the rules are what is tested.
import assert from "node:assert/strict";
import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { background, Code, newError, withCancel } from "@tfs/std";
import { type FakeClock, fakeClock } from "@tfs/std/testing";
import { DType, newTensor, type Tensor } from "@tfs/tensor";
import { newEmbeddedEngine } from "../embedded/index.ts";
import type { Chosen, Engine, EngineName, Trial } from "../engine.ts";
import { type AutoOptions, newAutoEngine } from "./auto.ts";
import type { Memory } from "./memory.ts";

const models = fileURLToPath(new URL("../../../../testdata/models/", import.meta.url));
const [plain, keepsState, takesExamples] = [join(models, "half_plus_two_tf2/1"), join(models, "counter/1"), join(models, "text/1")];
const ctx = background();

interface Behaviour {
  /** missing is what its probe says. */
  readonly missing?: string;
  readonly version?: string;
  /** probe, load and run are done before a look, a load and a run, loaded after a load. */
  readonly probe?: () => unknown;
  readonly load?: () => unknown;
  readonly loaded?: () => unknown;
  readonly run?: () => unknown;
  /** scale multiplies its outputs. */
  readonly scale?: number;
}

interface Seen {
  readonly loads: string[];
  readonly closes: string[];
}

function candidate(name: EngineName, seen: Seen, { missing, version = "1", probe, load, loaded, run, scale = 1 }: Behaviour = {}): Engine {
  const own = newEmbeddedEngine();
  return {
    name,
    async probe() {
      await probe?.();
      return missing === undefined ? { ok: true, version } : { ok: false, why: missing };
    },
    async load(life, dir, options) {
      seen.loads.push(name);
      await load?.();
      const model = await own.load(life, dir, options);
      await loaded?.();
      return {
        metaGraph: model.metaGraph,
        estimateBytes: () => model.estimateBytes(),
        async run(call, feeds, fetches) {
          await run?.();
          return (await model.run(call, feeds, fetches)).map((t) => scaled(t, scale));
        },
        async close() {
          seen.closes.push(name);
          await model.close();
        },
      };
    },
  };
}

function scaled(t: Tensor, by: number): Tensor {
  return by === 1
    ? t
    : newTensor(
        t.dtype,
        t.shape,
        (t.data as Float32Array).map((v) => v * by),
      );
}

function fail(text: string, code: Code = Code.Unimplemented): () => never {
  return () => {
    throw newError(code, text);
  };
}

type Behaviours = { readonly [name in EngineName]?: Behaviour };
interface Tried extends Seen {
  readonly engine: Engine;
  readonly clock: FakeClock;
}
function autoOf(of: (clock: FakeClock) => Behaviours, options: Partial<AutoOptions> = {}): Tried {
  const clock = fakeClock();
  const seen: Seen = { loads: [], closes: [] };
  const candidates = Object.entries(of(clock)).map(([name, behaviour]) => candidate(name as EngineName, seen, behaviour));
  return { engine: newAutoEngine({ candidates, clock, ...options }), clock, ...seen };
}

interface Case {
  readonly name: string;
  /** of gives the candidates, in their order. */
  readonly of: (clock: FakeClock) => Behaviours;
  readonly dir?: string;
  readonly trials?: readonly Trial[];
  readonly options?: Partial<AutoOptions>;
  readonly engine: EngineName;
  readonly why: RegExp;
  /** loads are the engines that were asked; default all of them. */
  readonly loads?: readonly EngineName[];
}
const x = (...values: readonly number[]): Trial => ({
  feeds: new Map([["serving_default_x:0", newTensor(DType.Float, [values.length], Float32Array.from(values))]]),
  fetches: ["StatefulPartitionedCall_2:0"],
});
const never = (): Promise<never> => new Promise(() => {});
/** hang takes all the time that there is, and does not come back. */
const hang = (clock: FakeClock) => (): Promise<never> => {
  void clock.advance(5000);
  return never();
};
const cases: readonly Case[] = [
  {
    name: "the quickest runs it",
    of: (clock) => ({ openvino: { run: () => clock.advance(2) }, tensorflow: { run: () => clock.advance(4) }, embedded: { run: () => clock.advance(3) } }),
    engine: "openvino",
    why: /^the quickest: openvino 2\.0 ms, embedded 3\.0 ms, tensorflow 4\.0 ms a run$/,
  },
  {
    name: "the quickest runs it, and be it the last",
    of: (clock) => ({ openvino: { run: () => clock.advance(4) }, embedded: { run: () => clock.advance(3) } }),
    engine: "embedded",
    why: /^the quickest: embedded 3\.0 ms, openvino 4\.0 ms a run$/,
  },
  {
    name: "quick and wrong is left out, and it is told by how much",
    of: (clock) => ({ openvino: { scale: 1.01 }, embedded: { run: () => clock.advance(3) } }),
    engine: "embedded",
    why: /^no other gives the same outputs in time; openvino: output StatefulPartitionedCall_2:0 differs by 0\.0\d+, where 0\.00\d+ is allowed$/,
  },
  {
    name: "a difference that is allowed is none",
    of: (clock) => ({ openvino: { scale: 1.0005 }, embedded: { run: () => clock.advance(3) } }),
    engine: "openvino",
    why: /^the quickest/,
  },
  {
    name: "TensorFlow is the reference where it is found: what differs from it is left out, and be it embedded",
    of: (clock) => ({ openvino: { run: () => clock.advance(2) }, tensorflow: { run: () => clock.advance(3) }, embedded: { scale: 2 } }),
    engine: "openvino",
    why: /^the quickest: openvino 2\.0 ms, tensorflow 3\.0 ms a run; embedded: output/,
  },
  {
    name: "where TensorFlow cannot load the model, embedded is the reference",
    of: (clock) => ({ openvino: { scale: 2 }, tensorflow: { load: fail("no memory", Code.ResourceExhausted) }, embedded: { run: () => clock.advance(3) } }),
    engine: "embedded",
    why: /tensorflow: no memory; openvino: output/,
  },
  {
    name: "without a reference the first that can run it does",
    of: () => ({ openvino: {}, tfjs: {}, embedded: { load: fail("no op X") } }),
    engine: "openvino",
    why: /^it is the first that can run the model, and there is no reference to compare outputs with; embedded: no op X$/,
  },
  {
    name: "one that cannot load it is left out",
    of: () => ({ openvino: { load: fail("no op X") }, embedded: {} }),
    engine: "embedded",
    why: /^no other has loaded the model; openvino: no op X$/,
  },
  {
    name: "one that cannot run it is left out",
    of: () => ({ openvino: { run: fail("no shape Y", Code.Internal) }, embedded: {} }),
    engine: "embedded",
    why: /^no other gives the same outputs in time; openvino: no shape Y$/,
  },
  {
    name: "one that is not installed is not asked, nor spoken of",
    of: (clock) => ({ openvino: { run: () => clock.advance(1) }, tensorflow: { missing: "nowhere" }, embedded: { run: () => clock.advance(2) } }),
    engine: "openvino",
    why: /^the quickest: openvino 1\.0 ms, embedded 2\.0 ms a run$/,
    loads: ["openvino", "embedded"],
  },
  {
    name: "alone, it is not tried",
    of: () => ({ openvino: { missing: "nowhere" }, tensorflow: { missing: "nowhere" }, embedded: { run: fail("a run") } }),
    engine: "embedded",
    why: /^no other engine was found$/,
    loads: ["embedded"],
  },
  {
    name: "a model that keeps state is not tried: TensorFlow runs it",
    dir: keepsState,
    of: () => ({ openvino: {}, tensorflow: { run: fail("a run") }, embedded: {} }),
    engine: "tensorflow",
    why: /^it is the first that can run the model, and engines are not compared: it keeps state \(Assign, AssignAdd\)$/,
    loads: ["tensorflow"],
  },
  {
    name: "or else embedded",
    dir: keepsState,
    of: () => ({ openvino: {}, tensorflow: { load: fail("no") }, embedded: {} }),
    engine: "embedded",
    why: /keeps state .*; tensorflow: no$/,
    loads: ["tensorflow", "embedded"],
  },
  {
    name: "a model that takes strings only is not tried without warm-up requests",
    dir: takesExamples,
    of: () => ({ openvino: { load: fail("no op X") }, tensorflow: {}, embedded: {} }),
    engine: "tensorflow",
    why: /^it is the first that can run the model, and engines are not compared: no signature takes numbers alone, and there are no warm-up requests; openvino: no op X$/,
    loads: ["openvino", "tensorflow"],
  },
  {
    name: "warm-up requests are what it is tried with, where there are some",
    trials: [x(1), x(1, 2)],
    of: (clock) => ({ openvino: { run: () => clock.advance(2) }, embedded: { run: () => clock.advance(3) } }),
    engine: "openvino",
    why: /^the quickest/,
  },
  {
    name: "a request that the reference refuses is not counted against others",
    trials: [{ ...x(1), fetches: ["none:0"] }, x(1)],
    of: (clock) => ({ openvino: { run: () => clock.advance(2) }, embedded: { run: () => clock.advance(3) } }),
    engine: "openvino",
    why: /^the quickest/,
  },
  {
    name: "where it refuses all, the first that can load it has it",
    trials: [{ ...x(1), fetches: ["none:0"] }],
    of: () => ({ openvino: {}, embedded: {} }),
    engine: "openvino",
    why: /^it is the first that can run the model, and what it was to be tried with does not run: Tensor none:0/,
  },
  {
    name: "with trials off, the first that can load it has it",
    options: { trial: false },
    of: () => ({ openvino: { load: fail("no op X") }, tensorflow: {}, embedded: {} }),
    engine: "tensorflow",
    why: /^it is the first that can run the model, and trials are off; openvino: no op X$/,
    loads: ["openvino", "tensorflow"],
  },
  {
    name: "with trials off, a model that keeps state is still not for everybody",
    dir: keepsState,
    options: { trial: false },
    of: () => ({ openvino: {}, tensorflow: {}, embedded: {} }),
    engine: "tensorflow",
    why: /keeps state/,
    loads: ["tensorflow"],
  },
  {
    name: "one that has not loaded it in time is left out",
    of: (clock) => ({ openvino: { loaded: () => clock.advance(5000) }, tensorflow: { load: never }, embedded: { load: never } }),
    engine: "openvino",
    why: /^no other has loaded the model; tensorflow: loading it took too long; embedded: loading it took too long$/,
  },
  {
    name: "a reference that has not run in time decides nothing",
    of: (clock) => ({ openvino: {}, embedded: { run: () => clock.advance(5000) } }),
    engine: "openvino",
    why: /^it is the first that can run the model, and there was no time to compare outputs$/,
  },
  {
    name: "one that has not run in time is left out",
    of: (clock) => ({ openvino: { run: hang(clock) }, embedded: {} }),
    engine: "embedded",
    why: /^no other gives the same outputs in time; openvino: running it took too long$/,
  },
  {
    name: "one that breaks while it is measured is left out",
    of: (clock) => {
      let runs = 0;
      return { openvino: { run: () => (++runs > 5 ? fail("broke", Code.Internal)() : undefined) }, embedded: { run: () => clock.advance(3) } };
    },
    engine: "embedded",
    why: /^the quickest: embedded 3\.0 ms a run; openvino: broke$/,
  },
  {
    name: "an engine that is still being looked for when the time is up is left out",
    of: (clock) => ({ openvino: {}, tensorflow: { probe: hang(clock) }, embedded: {} }),
    engine: "openvino",
    why: /^the quickest: .*; tensorflow: looking for it took too long$/,
    loads: ["openvino", "embedded"],
  },
  {
    name: "where none is found in time, the first that is",
    of: (clock) => ({
      openvino: { probe: never },
      tensorflow: { missing: "nowhere" },
      embedded: {
        probe: async () => {
          await clock.advance(5000);
          await clock.advance(5000);
        },
      },
    }),
    engine: "embedded",
    why: /^no other engine was found; openvino: looking for it took too long$/,
    loads: ["embedded"],
  },
  {
    name: "one that has not loaded it after three fifths of the time leaves the others the rest",
    of: (clock) => {
      let loads = 0;
      const loaded = (): unknown => ++loads === 2 && setImmediate(() => clock.advance(3000));
      return { openvino: { loaded, run: () => clock.advance(1) }, tensorflow: { load: never }, embedded: { loaded, run: () => clock.advance(2) } };
    },
    engine: "openvino",
    why: /^the quickest: openvino 1\.0 ms, embedded 2\.0 ms a run; tensorflow: loading it took too long$/,
  },
];
for (const tc of cases) {
  test(`auto: ${tc.name}`, { timeout: 20_000 }, async () => {
    const { engine, loads, closes } = autoOf(tc.of, tc.options);
    const model = await engine.load(ctx, tc.dir ?? plain, tc.trials && { trials: async () => tc.trials! });
    assert.equal(model.chosen?.engine, tc.engine, model.chosen?.why);
    assert.match(model.chosen!.why, tc.why);
    assert.deepEqual([...loads].sort(), [...(tc.loads ?? Object.keys(tc.of(fakeClock())))].sort());
    assert.ok(!closes.includes(tc.engine), "what was chosen is open");
    assert.equal(new Set(closes).size, closes.length, "nobody is closed twice");
  });
}

const failing: readonly {
  readonly name: string;
  readonly of: Behaviours;
  readonly dir?: string;
  readonly options?: Partial<AutoOptions>;
  readonly code: Code;
  readonly text: RegExp;
}[] = [
  {
    name: "none can load it: each one's reason is told",
    of: { openvino: { load: fail("no op X") }, tensorflow: { missing: "nowhere" }, embedded: { load: fail("no op Y") } },
    code: Code.Unimplemented,
    text: /^no engine can run the model: openvino: no op X; embedded: no op Y; tensorflow: nowhere$/,
  },
  {
    name: "none can, and nothing is compared",
    of: { openvino: { load: fail("no op X") }, embedded: { load: fail("no op Y", Code.Internal) } },
    options: { trial: false },
    code: Code.Internal,
    text: /^no engine can run the model: openvino: no op X; embedded: no op Y$/,
  },
  { name: "none is here", of: { openvino: { missing: "nowhere" } }, code: Code.Unavailable, text: /^no engine can run the model: openvino: nowhere$/ },
  {
    name: "none that is here keeps state",
    dir: keepsState,
    of: { openvino: {}, tensorflow: { load: fail("no memory") }, tfjs: { missing: "nowhere" } },
    code: Code.Unimplemented,
    text: /^no engine can run the model: tensorflow: no memory; tfjs: nowhere; openvino: it keeps state/,
  },
  {
    name: "there is no model",
    dir: join(models, "half_plus_two"),
    of: { openvino: {}, embedded: {} },
    code: Code.NotFound,
    text: /^Specified file path does not appear to contain a SavedModel bundle/,
  },
  {
    name: "there is no model, and one engine",
    dir: join(models, "half_plus_two"),
    of: { openvino: { missing: "nowhere" }, embedded: {} },
    code: Code.NotFound,
    text: /^Specified file path does not appear to contain a SavedModel bundle/,
  },
];
for (const tc of failing) {
  test(`auto fails: ${tc.name}`, async () => {
    const { engine } = autoOf(() => tc.of, tc.options);
    await assert.rejects(engine.load(ctx, tc.dir ?? plain), { code: tc.code, message: tc.text });
  });
}

test("auto: those that are not chosen are closed, and the model runs and closes as any other", async () => {
  const { engine, closes, clock } = autoOf((time) => ({
    openvino: { run: () => time.advance(1) },
    tfjs: { scale: 2 },
    embedded: { run: () => time.advance(2) },
  }));
  const stages: string[] = [];
  const model = await engine.load(ctx, plain, { onStage: (stage) => void stages.push(stage) });
  assert.deepEqual(stages, ["restore", "init"]); // those of the one that runs it, and not of all
  const [y] = await model.run(ctx, x(2, 4).feeds, x().fetches);
  assert.deepEqual([...(y!.data as Float32Array)], [3, 4]);
  assert.ok(model.metaGraph.signatureDef["serving_default"]);
  assert.ok(model.estimateBytes() >= 8);
  await model.close();
  assert.deepEqual([...closes].sort(), ["embedded", "openvino", "tfjs"]);
  assert.equal(clock.pending, 0);
  await assert.rejects(model.run(ctx, x(2).feeds, x().fetches), { code: Code.Unavailable });
});
test("auto: a load that is no longer wanted closes everything", async () => {
  using life = withCancel(ctx);
  const { engine, loads, closes } = autoOf(() => ({ openvino: {}, embedded: { run: () => life.cancel() } }));
  await assert.rejects(engine.load(life, plain), { code: Code.Canceled });
  assert.deepEqual(
    [[...loads].sort(), [...closes].sort()],
    [
      ["embedded", "openvino"],
      ["embedded", "openvino"],
    ],
  );
});
test("auto: one that comes too late is closed when it comes", async () => {
  let [come, arrive] = [(): void => {}, (): void => {}];
  const late = new Promise<void>((resolve) => (come = resolve));
  const arrived = new Promise<void>((resolve) => (arrive = resolve)); // before that, a load that is no longer wanted ends by itself
  const { engine, closes } = autoOf((clock) => ({
    openvino: { loaded: () => arrived.then(() => clock.advance(5000)) },
    embedded: {
      loaded: () => {
        arrive();
        return late;
      },
    },
  }));
  const model = await engine.load(ctx, plain);
  come();
  await model.close();
  assert.deepEqual([...closes].sort(), ["embedded", "openvino"]);
});
test("auto: versions are compared one after the other", async () => {
  const order: string[] = [];
  const { engine } = autoOf((clock) => {
    const run = (): Promise<void> => {
      order.push("run");
      return clock.advance(2);
    };
    return { openvino: { load: () => order.push("load"), run }, embedded: { run } };
  });
  const both = await Promise.all([engine.load(ctx, plain), engine.load(ctx, plain)]);
  assert.deepEqual(
    order.filter((what, i) => what !== order[i - 1]),
    ["load", "run", "load", "run"],
  );
  for (const model of both) await model.close();
});
test("auto: who does not wait any longer lets nobody in", async () => {
  let [enter, go] = [(): void => {}, (): void => {}];
  const entered = new Promise<void>((resolve) => (enter = resolve));
  const gate = new Promise<void>((resolve) => (go = resolve));
  using life = withCancel(ctx);
  let loads = 0;
  const load = (): unknown => {
    enter();
    return ++loads === 1 ? gate : undefined;
  };
  const { engine } = autoOf((clock) => ({ openvino: { load, run: () => clock.advance(2) }, embedded: { run: () => clock.advance(2) } }));
  const first = engine.load(ctx, plain);
  await entered;
  const [second, third] = [engine.load(life, plain), engine.load(ctx, plain)];
  life.cancel();
  await assert.rejects(second, { code: Code.Canceled });
  for (let i = 0; i < 10; i++) await new Promise(setImmediate);
  assert.equal(loads, 1);
  go();
  for (const model of [first, third]) await (await model).close();
  assert.equal(loads, 2);
});
test("auto: engines are looked for once", async () => {
  let looks = 0;
  const { engine } = autoOf(() => ({ openvino: { probe: () => looks++, missing: "nowhere" }, embedded: {} }));
  for (let i = 0; i < 3; i++) await (await engine.load(ctx, plain)).close();
  assert.equal(looks, 1);
});
for (const [name, of, want] of [
  [
    "what is found",
    { openvino: { version: "2026.4" }, tensorflow: { missing: "nowhere" }, embedded: {} },
    { ok: true, version: "openvino 2026.4, embedded 1" },
  ],
  ["what is not", { tensorflow: { missing: "nowhere" } }, { ok: false, why: "tensorflow: nowhere" }],
] as const) {
  test(`auto: its probe tells ${name}`, async () => assert.deepEqual(await autoOf(() => of).engine.probe(ctx), want));
}

const dir = mkdtempSync(join(tmpdir(), "tfs-auto-"));
after(() => rmSync(dir, { recursive: true }));
let copies = 0;
function copy(of: string = plain): string {
  const path = join(dir, String(copies++));
  cpSync(of, path, { recursive: true });
  return path;
}
function withMore(path: string): string {
  writeFileSync(join(path, "more"), "");
  return path;
}
function keeping(): Memory & { readonly kept: Map<string, Chosen> } {
  const kept = new Map<string, Chosen>();
  return { kept, get: async (key) => kept.get(key), put: async (key, chosen) => void kept.set(key, chosen) };
}
const quick = (clock: FakeClock): Behaviours => ({ openvino: { run: () => clock.advance(1) }, embedded: { run: () => clock.advance(2) } });

interface Again {
  readonly name: string;
  /** change is done to the copy before the second start; it gives the folder that is loaded then. */
  readonly change?: (path: string) => string;
  readonly of?: (clock: FakeClock) => Behaviours;
  readonly options?: Partial<AutoOptions>;
  readonly tags?: readonly string[];
  /** loads are the engines that the second start asks. */
  readonly loads: readonly EngineName[];
}
const again: readonly Again[] = [
  { name: "the same model is not tried again", loads: ["openvino"] },
  { name: "nor is it in another folder", change: copy, loads: ["openvino"] },
  { name: "another file beside it is another model", change: withMore, loads: ["openvino", "embedded"] },
  { name: "so is another graph", change: () => copy(join(models, "mlp/1")), loads: ["openvino", "embedded"] },
  { name: "another version of an engine is asked", of: (clock) => ({ ...quick(clock), embedded: { version: "2" } }), loads: ["openvino", "embedded"] },
  { name: "so is one that was not there", of: (clock) => ({ ...quick(clock), tensorflow: {} }), loads: ["openvino", "embedded", "tensorflow"] },
  { name: "another machine may have another one", options: { context: "other" }, loads: ["openvino", "embedded"] },
  {
    name: "one that has become unable is left, and all are asked",
    of: (clock) => ({ ...quick(clock), openvino: { load: fail("no more") } }),
    loads: ["openvino", "openvino", "embedded"],
  },
];
for (const tc of again) {
  test(`auto remembers: ${tc.name}`, async () => {
    const memory = keeping();
    const path = copy();
    const first = autoOf(quick, { memory });
    await (await first.engine.load(ctx, path)).close();
    assert.equal(memory.kept.size, 1);
    const second = autoOf(tc.of ?? quick, { memory, ...tc.options });
    const model = await second.engine.load(ctx, tc.change?.(path) ?? path);
    assert.deepEqual(second.loads, tc.loads);
    assert.equal(/^as the last time: the quickest/.test(model.chosen!.why), tc.loads.length === 1, model.chosen!.why);
    await model.close();
  });
}
for (const [name, of] of [
  ["who had not loaded it", (clock: FakeClock) => ({ openvino: { loaded: () => clock.advance(5000) }, embedded: { load: never } })],
  ["who had not run it", (clock: FakeClock) => ({ openvino: { run: hang(clock) }, embedded: {} })],
  ["the reference", (clock: FakeClock) => ({ openvino: {}, embedded: { run: () => clock.advance(5000) } })],
] as const) {
  test(`auto remembers nothing that was for want of time: ${name}`, async () => {
    const memory = keeping();
    await autoOf(of, { memory }).engine.load(ctx, plain);
    assert.equal(memory.kept.size, 0);
  });
}
test("auto remembers nothing where nothing was compared", async () => {
  const memory = keeping();
  for (const path of [keepsState, takesExamples]) await (await autoOf(quick, { memory }).engine.load(ctx, path)).close();
  assert.equal(memory.kept.size, 0);
});
