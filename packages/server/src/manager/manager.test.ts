import assert from "node:assert/strict";
import { join } from "node:path";
import { after, test } from "node:test";
import { create } from "@bufbuild/protobuf";
import type { Engine } from "@tfs/engine";
import { MetaGraphDefSchema, ModelSpecSchema } from "@tfs/proto";
import { background, Code, newError } from "@tfs/std";
import { fakeClock } from "@tfs/std/testing";
import { scratch, silent } from "../testing/index.ts";
import { type Manager, newManager, state } from "./index.ts";

const dir = scratch();
after(() => dir[Symbol.dispose]());
const ctx = background();
const m = { name: "m", basePath: dir.copy("matrix/1", "m/3") };
const older = { name: "older", basePath: dir.copy("matrix/1", "older/1") };
dir.copy("matrix/1", "older/2");
const empty = { name: "empty", basePath: join(dir.path, "m/3/assets.none") };

/** An engine that loads anything except version 2, and tells what was closed: what is on trial is who is loaded when. */
function setUp(): { readonly manager: Manager; readonly closed: string[] } {
  const closed: string[] = [];
  const engine: Engine = {
    name: "embedded",
    probe: async () => ({ ok: true, version: "1" }),
    load: async (_, path) => {
      if (path.endsWith("/2")) throw newError(Code.Unimplemented, "no op for this");
      return { metaGraph: create(MetaGraphDefSchema), estimateBytes: () => 0, run: async () => [], close: async () => void closed.push(path) };
    },
  };
  return { manager: newManager({ engine, tags: ["serve"], clock: fakeClock(), logger: silent }), closed };
}
const spec = (name: string, version?: bigint) =>
  create(ModelSpecSchema, version === undefined ? { name } : { name, versionChoice: { case: "version", value: { value: version } } });
const states = (manager: Manager, name: string) => manager.status(name, undefined).map((v) => [v.version, v.state, v.error?.message]);

test("a loaded version is available, and the manager ready", async () => {
  const { manager } = setUp();
  assert.deepEqual(await manager.load(ctx, [m]), []);
  assert.deepEqual(states(manager, "m"), [[3n, state.available, undefined]]);
  assert.equal(manager.ready, true);
  using handle = manager.acquire(spec("m"));
  assert.equal(handle.servable.version, 3n);
});
test("a version that fails to load ends with its error; the others are served", async () => {
  const { manager } = setUp();
  const failures = await manager.load(ctx, [older, m]);
  assert.deepEqual(
    failures.map((f) => [f.model, f.version, f.failure.code]),
    [["older", 2n, Code.Unimplemented]],
  );
  assert.deepEqual(states(manager, "older"), [[2n, state.end, "no op for this"]]);
  assert.throws(() => manager.acquire(spec("older")), { code: Code.NotFound, message: "Servable not found for request: Latest(older)" });
  assert.equal(manager.acquire(spec("m", 3n)).servable.name, "m");
  assert.equal(manager.ready, false);
});
test("a base path that is not there gives a failure without a version, and no status", async () => {
  const { manager } = setUp();
  const [failure] = await manager.load(ctx, [empty]);
  assert.deepEqual([failure?.version, failure?.failure.code], [undefined, Code.InvalidArgument]);
  assert.throws(() => manager.status("empty", undefined), { code: Code.NotFound, message: "Could not find any versions of model empty" });
});
test("unloading hides a version at once and closes it when its last handle is back", async () => {
  const { manager, closed } = setUp();
  await manager.load(ctx, [m]);
  const handles = [manager.acquire(spec("m")), manager.acquire(spec("m"))] as const;
  const unloaded = manager.unload();
  assert.deepEqual(states(manager, "m"), [[3n, state.unloading, undefined]]);
  assert.throws(() => manager.acquire(spec("m")), { code: Code.NotFound });
  handles[0][Symbol.dispose]();
  handles[0][Symbol.dispose](); // twice counts once
  await new Promise(setImmediate);
  assert.deepEqual(closed, []);
  handles[1][Symbol.dispose]();
  await unloaded;
  assert.deepEqual(closed, [join(m.basePath, "3")]);
  assert.deepEqual(states(manager, "m"), [[3n, state.end, undefined]]);
});
test("unloading twice closes once", async () => {
  const { manager, closed } = setUp();
  await manager.load(ctx, [m]);
  await Promise.all([manager.unload(), manager.unload()]);
  await manager.unload();
  assert.equal(closed.length, 1);
});
