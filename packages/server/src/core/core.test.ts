import assert from "node:assert/strict";
import { cpSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { type Engine, newEmbeddedEngine } from "@tfs/engine";
import { type ModelServerConfig, ModelSpecSchema } from "@tfs/proto";
import { background, Code, newError, withTimeout } from "@tfs/std";
import { fakeClock } from "@tfs/std/testing";
import { DType, newTensor } from "@tfs/tensor";
import { modelsOf } from "../config/index.ts";
import { addTo, answer, disk, gate, label, list, newBases, one, open, parse, soon, specific, started, states } from "../testing/cores.ts";
import type { Storage } from "../storage/index.ts";
import { models, scratch } from "../testing/index.ts";

const dir = scratch();
after(() => dir[Symbol.dispose]());
const ctx = background();
const base = newBases(dir);

test("the start waits until every model has a version, and the greatest answers", async () => {
  await using opened = await started(list(one("a", base("1", "2")), one("b", base("00000123"))));
  assert.deepEqual([answer(opened.core, "a"), answer(opened.core, "b"), opened.core.ready], ["2", "123", true]);
});
const kept = base("1");
const cannot = "Cannot transition to requested config. It is only legal to transition from one ModelConfigList to another.";
const type = "ModelServerConfig::model_type (deprecated)";
/** What follows on a list of one model m, is refused, and leaves m as it was. */
const refused: readonly { readonly name: string; readonly config: () => ModelServerConfig; readonly code?: Code; readonly text: string }[] = [
  { name: "a custom config", config: () => parse("custom_model_config { }"), code: Code.FailedPrecondition, text: cannot },
  { name: "a config that is not set", config: () => parse(""), code: Code.FailedPrecondition, text: cannot },
  { name: "a model twice", config: () => list(one("m", kept), one("n", kept), one("m", kept)), text: "Illegal to list model m multiple times in config list" },
  { name: "a relative path", config: () => list(one("m", "relative/m")), text: "Expected model m to have an absolute path or URI; got base_path()=relative/m" },
  {
    name: "a relative path beside an absolute one",
    config: () => list(one("m", kept), one("n", "n")),
    text: "Expected model n to have an absolute path or URI; got base_path()=n",
  },
  { name: "no base path", config: () => list(one("m", "")), text: "Expected model m to have an absolute path or URI; got base_path()=" },
  {
    name: "a type and a platform",
    config: () => list(one("m", kept, "model_type: TENSORFLOW")),
    text: `Illegal setting both ${type} and ModelServerConfig::model_platform, model name is m`,
  },
  {
    name: "neither a type nor a platform",
    config: () => parse(`model_config_list { config { name: "n" base_path: "${kept}" } }`),
    text: `Illegal setting neither ${type} nor ModelServerConfig::model_platform, model name is n`,
  },
  {
    name: "the type OTHER",
    config: () => parse(`model_config_list { config { name: "n" base_path: "${kept}" model_type: OTHER } }`),
    text: "ModelServerConfig::model_type choice 2 not supported.",
  },
  {
    name: "a platform that is not served",
    config: () => parse(`model_config_list { config { name: "n" base_path: "${kept}" model_platform: "torch" } }`),
    text: "Model n requests unsupported platform torch",
  },
  {
    name: "another platform for a model that stays",
    config: () => parse(`model_config_list { config { name: "m" base_path: "${kept}" model_platform: "torch" } }`),
    text: "Illegal to change a model's platform. For model m platform was tensorflow and new platform requested is torch",
  },
  {
    name: "two faults at once: a path is looked at before a platform",
    config: () => parse('model_config_list { config { name: "n" base_path: "n" } }'),
    text: "Expected model n to have an absolute path or URI; got base_path()=n",
  },
  {
    name: "a label for a version that is not there",
    config: () => list(one("m", kept, label("stable", 9))),
    code: Code.FailedPrecondition,
    text: "Request to assign label to version 9 of model m, which is not currently available for inference",
  },
];
for (const row of refused) {
  test(`a reload is refused: ${row.name}`, async () => {
    await using opened = await started(list(one("m", kept)));
    await assert.rejects(opened.core.reload(ctx, row.config()), { code: row.code ?? Code.InvalidArgument, message: row.text });
    assert.deepEqual([answer(opened.core, "m"), opened.core.models.map((m) => m.name)], ["1", ["m"]]);
    await opened.core.reload(ctx, list(one("m", kept)));
  });
}

test("the deprecated type TENSORFLOW is the platform tensorflow, and may follow on it", async () => {
  await using opened = await started(list(one("m", kept)));
  await opened.core.reload(ctx, parse(`model_config_list { config { name: "m" base_path: "${kept}" model_type: TENSORFLOW } }`));
  assert.equal(answer(opened.core, "m"), "1");
});
test("an empty config at the start serves nothing, knows no labels, and any list may be the first", async () => {
  await using opened = open();
  assert.deepEqual(await opened.core.start(ctx, modelsOf(parse(""))), []);
  assert.equal(answer(opened.core, "m", "stable"), "Model labels does not init yet.stable");
  await opened.core.reload(ctx, parse(""));
  assert.ok(opened.said.some((line) => line.includes("Taking no action for empty config.")));
  await opened.core.reload(ctx, list(one("m", kept)));
  assert.deepEqual([answer(opened.core, "m"), answer(opened.core, "m", "stable")], ["1", "Unrecognized servable version label: stable"]);
});
test("a custom config cannot be the first either", async () => {
  await using opened = open();
  await opened.core.start(ctx, undefined);
  await assert.rejects(opened.core.reload(ctx, parse("custom_model_config { }")), {
    code: Code.InvalidArgument,
    message: "ModelServer does not yet support custom model config.",
  });
});

test("a reload waits for the models that are new, and for those alone", async () => {
  const slow = gate();
  const fifth = `gate://${base("5")}`;
  await using opened = await started(list(one("m", kept)), { storages: { file: disk, gate: slow } });
  let done = false;
  const reload = opened.core.reload(ctx, list(one("m", kept), one("n", fifth))).then(() => (done = true));
  await slow.asked;
  assert.deepEqual([done, answer(opened.core, "m"), answer(opened.core, "n")], [false, "1", "Servable not found for request: Latest(n)"]);
  // A model that was there before is not waited for, though its other path has a version to load.
  await opened.core.reload(ctx, list(one("m", `gate://${base("7")}`), one("n", fifth)));
  slow.opened();
  await reload;
  assert.equal(answer(opened.core, "n"), "5");
  await soon(opened.core, () => answer(opened.core, "m") === "7");
});
test("a reload whose caller has gone goes on", async () => {
  const slow = gate();
  await using opened = await started(list(one("m", kept)), { storages: { file: disk, gate: slow } });
  using caller = withTimeout(ctx, 60_000);
  const reload = opened.core.reload(caller, list(one("m", kept), one("n", `gate://${base("5")}`)));
  await slow.asked;
  caller.cancel();
  await assert.rejects(reload, { code: Code.Canceled });
  slow.opened();
  await soon(opened.core, () => answer(opened.core, "n") === "5");
});
test("an empty list lets every model go; added again, a model is loaded again", async () => {
  await using opened = await started(list(one("m", kept)));
  await opened.core.reload(ctx, list());
  assert.equal(answer(opened.core, "m"), "Servable not found for request: Latest(m)");
  await soon(opened.core, () => states(opened.core, "m").join() === "1 end");
  await opened.core.reload(ctx, list(one("m", kept)));
  assert.deepEqual([answer(opened.core, "m"), states(opened.core, "m")], ["1", ["1 available"]]);
});
test("a model may go and come in one moment", async () => {
  await using opened = await started(list(one("m", kept)));
  const [gone, back] = [opened.core.reload(ctx, list()), opened.core.reload(ctx, list(one("m", kept)))];
  await gone;
  await back;
  await soon(opened.core, () => answer(opened.core, "m") === "1");
});
test("a version that is asked for again from another path, while requests still hold the old one, is loaded from there", async () => {
  const elsewhere = base();
  cpSync(join(models, "half_plus_two/2"), join(elsewhere, "1"), { recursive: true });
  await using opened = await started(list(one("m", kept)));
  const { core } = opened;
  const held = core.manager.acquire(create(ModelSpecSchema, { name: "m" }));
  await core.reload(ctx, list());
  const back = core.reload(ctx, list(one("m", elsewhere)));
  assert.equal(answer(core, "m"), "Servable not found for request: Latest(m)");
  await soon(core, () => core.manager.versions("m").some((v) => v.aspired));
  held[Symbol.dispose]();
  await back;
  using handle = core.manager.acquire(create(ModelSpecSchema, { name: "m" }));
  const [y] = await handle.servable.run(ctx, new Map([["x:0", newTensor(DType.Float, [], Float32Array.of(2))]]), ["y:0"]);
  assert.deepEqual(y?.data, Float32Array.of(4)); // version 2 of half_plus_two has 3 for 2
});
test("another base path with two versions is followed, and the way back too", async () => {
  const [first, second] = [base("00000123"), base("00000123", "00000124")];
  await using opened = await started(list(one("m", first)));
  await opened.core.reload(ctx, list(one("m", second)));
  await soon(opened.core, () => answer(opened.core, "m") === "124");
  await soon(opened.core, () => states(opened.core, "m").join() === "124 available,123 end");
  await opened.core.reload(ctx, list(one("m", first)));
  await soon(opened.core, () => states(opened.core, "m").join() === "124 end,123 available");
  assert.equal(answer(opened.core, "m"), "123");
});
test("another policy is followed: one version, then two, then the first again", async () => {
  const path = base("0", "1");
  await using opened = await started(list(one("m", path, specific(0))));
  assert.deepEqual(states(opened.core, "m"), ["0 available"]);
  await opened.core.reload(ctx, list(one("m", path, specific(0, 1))));
  await soon(opened.core, () => states(opened.core, "m").join() === "1 available,0 available");
  await opened.core.reload(ctx, list(one("m", path, specific(0))));
  await soon(opened.core, () => states(opened.core, "m").join() === "1 end,0 available");
});

test("a new model that does not load leaves the others as configured, and is told", async () => {
  const empty = join(dir.path, "empty");
  mkdirSync(join(empty, "7"), { recursive: true });
  await using opened = await started(list(one("m", kept)));
  await assert.rejects(opened.core.reload(ctx, list(one("m", kept), one("bad", empty), one("good", base("3")))), (err: Error & { code: Code }) => {
    assert.equal(err.code, Code.Unknown);
    assert.match(err.message, /^1 model\(s\) did not become available: \{\{\{name: bad version: 7\} due to error: NOT_FOUND: .*\}, \}$/s);
    return true;
  });
  assert.deepEqual([answer(opened.core, "m"), answer(opened.core, "good")], ["1", "3"]);
  assert.deepEqual(
    opened.core.models.map((m) => m.name),
    ["m", "bad", "good"],
    "the configuration keeps the model that failed",
  );
  assert.match(states(opened.core, "bad").join(), /^7 end: Specified file path does not appear to contain a SavedModel bundle/);
  await opened.core.reload(ctx, list(one("m", kept), one("bad", empty), one("good", base("3")))); // it is not new any more, and not waited for
});
test("a new model whose base path is missing fails its reload at once, holds up no later one, and is served when the path appears", async () => {
  const own = fakeClock();
  const missing = join(dir.path, "missing");
  await using opened = await started(list(one("m", kept)), { clock: own, pollMs: 1000 });
  await assert.rejects(opened.core.reload(ctx, list(one("m", kept), one("late", missing))), {
    code: Code.Unknown,
    message: `1 model(s) did not become available: {{{name: late} due to error: INVALID_ARGUMENT: Could not find base path ${missing} for servable late with error NOT_FOUND: ${missing} not found}, }`,
  });
  await opened.core.reload(ctx, list(one("m", kept), one("late", missing), one("n", base("4"))));
  assert.equal(answer(opened.core, "n"), "4");
  mkdirSync(missing);
  addTo(missing, "2");
  await own.advance(1000);
  await soon(opened.core, () => answer(opened.core, "late") === "2");
});
test("a load that fails with Canceled is a failure like any other: the start tells it, and the state is END", async () => {
  const injected: Engine = { ...newEmbeddedEngine(), load: () => Promise.reject(newError(Code.Canceled, "injected error")) };
  await using opened = open({ engines: () => injected });
  const failures = await opened.core.start(ctx, modelsOf(list(one("m", kept))));
  assert.deepEqual(
    failures.map(({ model, version, failure }) => [model, version, failure.code, failure.message]),
    [["m", 1n, Code.Canceled, "injected error"]],
  );
  await soon(opened.core, () => states(opened.core, "m").join() === "1 end: injected error");
});
test("a reload of a model whose load fails with Canceled tells it", async () => {
  const embedded = newEmbeddedEngine();
  const bad = base("1");
  const injected: Engine = {
    ...embedded,
    load: (c, path, options) => (path.startsWith(bad) ? Promise.reject(newError(Code.Canceled, "injected error")) : embedded.load(c, path, options)),
  };
  await using opened = await started(list(one("m", kept)), { engines: () => injected });
  const text = "1 model(s) did not become available: {{{name: bad version: 1} due to error: CANCELLED: injected error}, }";
  await assert.rejects(opened.core.reload(ctx, list(one("m", kept), one("bad", bad))), { code: Code.Unknown, message: text });
});

test("reloads that come at once are done in their order", async () => {
  await using opened = await started(list(one("m", kept)));
  const asked = ["a", "b", "c", "d", "e"].map((name) => opened.core.reload(ctx, list(one("m", kept), one(name, base("1")))));
  await Promise.all(asked);
  assert.deepEqual(
    opened.core.models.map((m) => m.name),
    ["m", "e"],
  );
  await soon(
    opened.core,
    () => answer(opened.core, "e") === "1" && ["a", "b", "c", "d"].every((name) => states(opened.core, name).every((s) => s.includes(" end"))),
  );
});
test("one that is refused stops none behind it", async () => {
  await using opened = await started(list(one("m", kept)));
  const [bad, good] = [opened.core.reload(ctx, list(one("m", kept, label("x", 9)))), opened.core.reload(ctx, list(one("m", kept), one("n", base("1"))))];
  await assert.rejects(bad, { code: Code.FailedPrecondition });
  await good;
  assert.equal(answer(opened.core, "n"), "1");
});

test("a version that is removed from the disk is unloaded, and one that is added is loaded, by the poll", async () => {
  const own = fakeClock();
  const path = base("1");
  await using opened = await started(list(one("m", path)), { clock: own, pollMs: 1000 });
  addTo(path, "2");
  await own.advance(1000);
  await soon(opened.core, () => states(opened.core, "m").join() === "2 available,1 end");
  rmSync(join(path, "2"), { recursive: true });
  await own.advance(1000);
  await soon(opened.core, () => states(opened.core, "m").join() === "2 end,1 available");
});
test("with a poll period of 0, a reload of the same configuration looks again", async () => {
  const path = base("1");
  const missing = join(path, "..", "late");
  await using opened = await started(list(one("m", path), one("late", missing)), { pollMs: 0 });
  addTo(path, "2");
  addTo(missing, "5");
  await opened.core.reload(background(), list(one("m", path), one("late", missing)));
  await soon(opened.core, () => answer(opened.core, "m") === "2" && answer(opened.core, "late") === "5");
});
test("a base path that does not answer holds up no reload of others", async () => {
  const hung: Storage = {
    list: () => new Promise(() => {}),
    join: (path, child) => `${path}/${child}`,
    bring: () => Promise.reject(new Error("nobody loads here")),
  };
  const path = base("1");
  await using opened = await started(list(one("m", path)), { storages: { file: disk, hung } });
  void opened.core.reload(background(), list(one("m", path), one("h", "hung://a"))).catch(() => {});
  await opened.core.reload(background(), list(one("m", path), one("n", base("6"))));
  assert.equal(answer(opened.core, "n"), "6");
});
test("a base path that does not answer holds up the start of others for ten seconds at most, and is served when it does", async () => {
  let answer: (names: readonly string[]) => void = () => {};
  const hung: Storage = {
    list: () => new Promise((resolve) => (answer = resolve)),
    join: (path, child) => `${path.replace("hung://", "")}/${child}`,
    bring: (c, path) => disk.bring(c, path),
  };
  const own = fakeClock();
  const [path, late] = [base("1"), base("4")];
  await using opened = open({ clock: own, pollMs: 3_600_000, storages: { file: disk, hung } });
  const start = opened.core.start(background(), modelsOf(list(one("m", path), one("h", `hung://${late}`))));
  await soon(opened.core, () => states(opened.core, "m").join() === "1 available");
  await own.advance(9_999);
  let over = false;
  void start.then(() => (over = true));
  await new Promise(setImmediate);
  assert.equal(over, false);
  await own.advance(1);
  assert.deepEqual(await start, []);
  assert.match(opened.said.join("\n"), /a base path does not answer: the start goes on without its model.*model=h/);
  answer(["4"]);
  await soon(opened.core, () => states(opened.core, "h").join() === "4 available");
});
test("a file that is followed is applied each time, and what is wrong with it is told once and leaves everything as it was", async () => {
  const own = fakeClock();
  let text = `model_config_list { ${one("m", kept)} }`;
  await using opened = await started(parse(text), { clock: own, pollMs: 3_600_000 });
  let reads = 0;
  opened.core.follow(1000, async () => {
    reads++;
    return parse(text);
  });
  await own.advance(2000);
  assert.deepEqual([reads, opened.said.filter((line) => line.includes("ReloadConfig"))], [2, []]);
  text = "improperly formatted file";
  await own.advance(3000);
  const told = (part: string): number => opened.said.filter((line) => line.includes(part)).length;
  assert.deepEqual([told("Failed to read ModelServerConfig file: "), answer(opened.core, "m")], [1, "1"]);
  text = `model_config_list { ${one("m", kept, label("x", 9))} }`;
  await own.advance(2000);
  assert.equal(told("PollFilesystemAndReloadConfig failed to ReloadConfig: Request to assign label to version 9"), 1);
  text = `model_config_list { ${one("m", kept)} ${one("n", base("6"))} }`;
  await own.advance(1000);
  await soon(opened.core, () => answer(opened.core, "n") === "6");
});
