import assert from "node:assert/strict";
import { mkdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { after, beforeEach, test } from "node:test";
import { background, Code, newError, newLogger, withCancel } from "@tfs/std";
import { fakeClock } from "@tfs/std/testing";
import type { ModelSource } from "../config/index.ts";
import { newLocalStorage, type Storage } from "../storage/index.ts";
import { scratch } from "../testing/index.ts";
import { newSource, type Source, type SourceOptions } from "./index.ts";

const dir = scratch();
after(() => dir[Symbol.dispose]());
const ctx = background();
const clock = fakeClock();
let n = 0;
let base = "";
let heard: string[] = [];
let said: string[] = [];
beforeEach(() => {
  base = join(dir.path, String(n++));
  mkdirSync(base);
  heard = [];
  said = [];
});
const logger = newLogger({ write: (line) => void said.push(line), clock, level: "info" });
const model = (name: string, more: Partial<ModelSource> = {}): ModelSource => ({ name, basePath: join(base, name), ...more });
const add = (...names: string[]): void => {
  for (const name of names) mkdirSync(join(base, name), { recursive: true });
};
const open = (options: Partial<SourceOptions> = {}): Source =>
  newSource({
    storages: { file: newLocalStorage(clock) },
    clock,
    logger,
    pollMs: 1000,
    onTrouble: () => {},
    onAspired: (name, versions) => void heard.push(`${name}: ${versions.map((v) => `${v.version} at ${v.path.slice(base.length + 1)}`).join(", ")}`),
    ...options,
  });
const news = (): string[] => heard.splice(0);

test("a base path is looked at, and again when something has changed", async () => {
  add("m/1", "m/2", "m/non_numerical_child");
  const source = open();
  source.set([model("m")]);
  await source.look(ctx, "new");
  assert.deepEqual(news(), ["m: 2 at m/2"]);
  await source.look(ctx, "all");
  add("m/00003");
  await source.look(ctx, "all");
  assert.ok(news().includes("m: 3 at m/00003"));
});
test("a version that is renamed or removed is wanted no longer, and the last one too", async () => {
  add("m/2", "m/8");
  const source = open();
  source.set([model("m", { policy: { kind: "all" } })]);
  await source.look(ctx, "new");
  renameSync(join(base, "m/2"), join(base, "m/2.denied"));
  await source.look(ctx, "all");
  rmSync(join(base, "m/8"), { recursive: true });
  await source.look(ctx, "all");
  assert.deepEqual(news(), ["m: 8 at m/8, 2 at m/2", "m: 8 at m/8", "m: "]);
});
test("versions whose directories are all gone can be kept", async () => {
  add("m/2");
  const source = open({ keepLast: true });
  source.set([model("m")]);
  await source.look(ctx, "new");
  rmSync(join(base, "m/2"), { recursive: true });
  await source.look(ctx, "all");
  assert.deepEqual(news(), ["m: 2 at m/2"]);
});
test("a base path that is not there holds up no other, is told once, and is served when it appears", async () => {
  add("good/1");
  const source = open();
  source.set([model("bad"), model("good")]);
  await source.look(ctx, "new");
  await source.look(ctx, "all");
  assert.deepEqual(new Set(news()), new Set(["good: 1 at good/1"]));
  const why = `Could not find base path ${join(base, "bad")} for servable bad with error NOT_FOUND: ${join(base, "bad")} not found`;
  assert.deepEqual([source.trouble("bad")?.code, source.trouble("bad")?.message, source.trouble("good")], [Code.InvalidArgument, why, undefined]);
  assert.equal(said.filter((line) => line.includes("FileSystemStoragePathSource encountered a filesystem access error")).length, 1);
  add("bad/7");
  await source.look(ctx, "all");
  assert.ok(news().includes("bad: 7 at bad/7"));
  assert.equal(source.trouble("bad"), undefined);
});
test("a base path without versions is told, with what is expected there", async () => {
  add("m/non_numerical_child");
  const source = open();
  source.set([model("m")]);
  await source.look(ctx, "new");
  assert.deepEqual(news(), ["m: "]);
  assert.equal(source.trouble("m")?.code, Code.NotFound);
  assert.match(source.trouble("m")!.message, /^No versions of servable m found under base path .*\(eg\. '\/1\/'\)\?$/);
});
test("models that are configured no longer want nothing; another path or policy is looked at next, and what stayed is not", async () => {
  add("a/1", "a/2", "b/1", "c/1", "d/5");
  const source = open();
  source.set([model("a"), model("b"), model("c")]);
  await source.look(ctx, "new");
  news();
  source.set([model("a", { policy: { kind: "all" } }), model("b", { basePath: join(base, "d") }), model("x", { basePath: join(base, "c") })]);
  assert.deepEqual(news(), ["c: "]);
  await source.look(ctx, "new");
  assert.deepEqual(news().sort(), ["a: 2 at a/2, 1 at a/1", "b: 5 at d/5", "x: 1 at c/1"]); // side by side
  source.set([model("a", { policy: { kind: "all" }, labels: new Map([["l", 1n]]) })]);
  news();
  await source.look(ctx, "new");
  assert.deepEqual(news(), []);
});
test("a scheme without a storage is named, with those there are", async () => {
  const source = open();
  source.set([model("m", { basePath: "gs://bucket/m" })]);
  await source.look(ctx, "new");
  assert.match(
    source.trouble("m")!.message,
    /UNIMPLEMENTED: File system scheme 'gs' not implemented \(file: 'gs:\/\/bucket\/m'\); only paths of the local disk are read$/,
  );
});
test("file:// is the local disk", async () => {
  add("m/4");
  const source = open();
  source.set([model("m", { basePath: `file://${join(base, "m")}` })]);
  await source.look(ctx, "new");
  assert.deepEqual(news(), ["m: 4 at m/4"]);
});
test("a file:// of another host is told as what it is", async () => {
  const source = open();
  source.set([model("m", { basePath: "file://elsewhere/m" })]);
  await source.look(ctx, "new");
  assert.match(source.trouble("m")!.message, /INVALID_ARGUMENT: file:\/\/elsewhere\/m: File URL host/);
});
test("what signs a URL is in no text", async () => {
  const source = open();
  source.set([model("m", { basePath: "https://host/m.tar.gz?sig=SECRET" })]);
  await source.look(ctx, "new");
  assert.doesNotMatch([source.trouble("m")!.message, ...said].join(), /SECRET/);
});
test("an answer that comes after the model was configured anew counts no more", async () => {
  let answer = (_: readonly string[]): void => {};
  const slow: Storage = {
    list: () => new Promise((resolve) => (answer = resolve)),
    join: (path, child) => `${path}/${child}`,
    bring: () => Promise.reject(newError(Code.Internal, "nobody loads here")),
  };
  const source = open({ storages: { slow } });
  source.set([model("m", { basePath: "slow://a" })]);
  const first = source.look(ctx, "new");
  const answerFirst = answer;
  source.set([]);
  answerFirst(["1"]);
  await first;
  assert.deepEqual(news(), ["m: "]);
});
test("it looks every poll period until it is told to stop, and goes on after what fails", async () => {
  let looks = 0;
  const counting: Storage = {
    list: async () => {
      looks++;
      throw newError(Code.Unavailable, "away");
    },
    join: (path, child) => `${path}/${child}`,
    bring: () => Promise.reject(newError(Code.Internal, "nobody loads here")),
  };
  const own = fakeClock();
  const source = open({ storages: { far: counting }, clock: own, pollMs: 500 });
  source.set([model("m", { basePath: "far://a" })]);
  using life = withCancel(ctx);
  const running = source.run(life);
  for (const want of [1, 2, 3]) {
    own.advance(500);
    for (let i = 0; i < 10; i++) await new Promise(setImmediate);
    assert.equal(looks, want);
  }
  life.cancel();
  await running;
});
test("with a poll period of 0 it looks only when the configuration changes", async () => {
  const source = open({ pollMs: 0 });
  await source.run(ctx);
});
test("a base path that does not answer is not asked again before it has, and holds up no other", async () => {
  add("good/1", "good/2");
  let asked = 0;
  let answer = (_: readonly string[]): void => {};
  const hung: Storage = {
    list: () => {
      asked++;
      return new Promise((resolve) => (answer = resolve));
    },
    join: (path, child) => `${path}/${child}`,
    bring: () => Promise.reject(newError(Code.Internal, "nobody loads here")),
  };
  const source = open({ storages: { file: newLocalStorage(clock), hung } });
  source.set([model("hung", { basePath: "hung://a" }), model("good")]);
  const first = source.look(ctx, "new");
  while (heard.length === 0) await new Promise(setImmediate);
  assert.deepEqual(news(), ["good: 2 at good/2"]);
  rmSync(join(base, "good/2"), { recursive: true });
  await source.look(ctx, "all");
  assert.deepEqual([news(), asked], [["good: 1 at good/1"], 1]);
  answer(["7"]);
  await first;
  assert.match(news().join(), /^hung: 7 at /);
});
test("a base path that does not answer holds up many others for a second at most", async () => {
  const lists: string[] = [];
  const far: Storage = {
    list: (_, path) => {
      lists.push(path);
      return path === "far://0" ? new Promise(() => {}) : Promise.resolve(["1"]);
    },
    join: (path, child) => `${path}/${child}`,
    bring: () => Promise.reject(newError(Code.Internal, "nobody loads here")),
  };
  const own = fakeClock();
  const source = open({ storages: { far }, clock: own });
  source.set(Array.from({ length: 100 }, (_, i) => model(`m${i}`, { basePath: `far://${i}` })));
  using life = withCancel(ctx);
  const looked = source.look(life, "new").catch(() => {});
  await own.advance(999);
  await new Promise(setImmediate);
  assert.deepEqual([lists.length, heard.length], [64, 63]);
  await own.advance(1);
  while (lists.length < 100) await new Promise(setImmediate);
  await new Promise(setImmediate);
  assert.equal(heard.length, 99);
  life.cancel();
  await looked;
  assert.equal(own.pending, 0);
});
test("a specific version is found under another way to write its number, by its real path", async () => {
  add("m/00001", "m/3");
  const source = open();
  source.set([model("m", { policy: { kind: "specific", versions: [1n] } })]);
  await source.look(ctx, "new");
  assert.deepEqual(news(), ["m: 1 at m/00001"]);
});
test("an empty list of specific versions wants nothing, which is told", async () => {
  add("m/1");
  const source = open();
  source.set([model("m", { policy: { kind: "specific", versions: [] } })]);
  await source.look(ctx, "new");
  assert.deepEqual([news(), said.filter((line) => line.includes("No specific versions requested for servable m.")).length], [["m: "], 1]);
});
test("with a poll period of 0 each configuration is looked at exactly once", async () => {
  add("m/1");
  const source = open({ pollMs: 0 });
  source.set([model("m")]);
  await source.look(ctx, "new");
  add("m/2");
  await source.run(ctx);
  await source.look(ctx, "new");
  assert.deepEqual(news(), ["m: 1 at m/1"]);
  source.set([model("m", { policy: { kind: "all" } })]);
  await source.look(ctx, "new");
  assert.deepEqual(news(), ["m: 2 at m/2, 1 at m/1"]);
});
const below = "that is named like the model has: that is served";
const standIns: readonly { readonly name: string; readonly steps: readonly (readonly [folders: readonly string[], want: string])[]; readonly told: number }[] =
  [
    { name: "a base path with versions is the model's, whatever lies beside them", steps: [[["1", "m/2"], "m: 1 at 1"]], told: 0 },
    {
      name: "a base path without versions, whose folder of the model's name has some, means that folder",
      steps: [[["m/1", "other/2"], "m: 1 at m/1"]],
      told: 1,
    },
    { name: "a base path where nothing is stays as it was given", steps: [[["other/1"], "m: "]], told: 0 },
    {
      name: "which it is shows with the first version, and stays so",
      steps: [
        [[], "m: "],
        [["m"], "m: "],
        [["m/1"], "m: 1 at m/1"],
        [["5", "m/2"], "m: 2 at m/2"],
      ],
      told: 1,
    },
    {
      name: "where the first version is the base path's own, the folder is none for ever",
      steps: [
        [[], "m: "],
        [["3"], "m: 3 at 3"],
        [["m/4"], "m: 3 at 3"],
      ],
      told: 0,
    },
  ];
for (const { name, steps, told } of standIns) {
  test(`one model: ${name}`, async () => {
    const source = open();
    source.set([{ name: "m", basePath: base, standIn: join(base, "m") }]);
    for (const [folders, want] of steps) {
      add(...folders);
      await source.look(ctx, "all");
      assert.equal(news().at(-1) ?? want, want);
      assert.equal(source.trouble("m") === undefined, want !== "m: ");
    }
    assert.equal(said.filter((line) => line.includes(below)).length, told, said.join("\n"));
  });
}
