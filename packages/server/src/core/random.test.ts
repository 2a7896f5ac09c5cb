// Random lives: reloads, versions that come and go on the disk, slow storages and requests that hold versions, in any order. When all is quiet, what is served is what is configured.
import assert from "node:assert/strict";
import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { ModelSpecSchema } from "@tfs/proto";
import { background } from "@tfs/std";
import { fakeClock } from "@tfs/std/testing";
import { DType, newTensor } from "@tfs/tensor";
import type { VersionPolicy } from "../config/index.ts";
import { type Handle, state, type Version } from "../manager/index.ts";
import { select, versionsIn } from "../source/versions.ts";
import type { Storage } from "../storage/index.ts";
import { addTo, disk, list, one, open, soon } from "../testing/cores.ts";
import { newRandom, scratch } from "../testing/index.ts";

const dir = scratch();
after(() => dir[Symbol.dispose]());
const ctx = background();
const x = new Map([["x:0", newTensor(DType.Float, [], Float32Array.of(2))]]);

/** One thing that was configured: the text of it, and what it wants. */
interface Wanted {
  readonly name: string;
  readonly path: string;
  readonly policy: VersionPolicy;
}
const policies: readonly { readonly text: string; readonly policy: VersionPolicy }[] = [
  { text: "", policy: { kind: "latest", count: 1 } },
  { text: "model_version_policy { latest { num_versions: 2 } }", policy: { kind: "latest", count: 2 } },
  { text: "model_version_policy { all { } }", policy: { kind: "all" } },
  { text: "model_version_policy { specific { versions: [1, 3] } }", policy: { kind: "specific", versions: [1n, 3n] } },
];

for (const seed of [1, 2, 3, 4, 5, 6]) {
  test(`a random life ends as it is configured: ${seed}`, async () => {
    const random = newRandom(seed * 7919);
    const pick = <T>(all: readonly T[]): T => all[Math.floor(random() * all.length)]!;
    const root = join(dir.path, String(seed));
    // Two base paths, whose versions are odd here and even there: a number tells where it came from.
    const paths = ["odd", "even"].map((name) => join(root, name));
    for (const [at, path] of paths.entries()) for (const version of [1 + at, 3 + at]) addTo(path, String(version));
    const slow: Storage = {
      ...disk,
      bring: async (c, path) => {
        for (let turns = Math.floor(random() * 30); turns > 0; turns--) await new Promise(setImmediate);
        return await disk.bring(c, path);
      },
    };
    const clock = fakeClock();
    const opened = open({
      clock,
      storages: { file: slow },
      pollMs: 1000,
      tuning: { loads: 1 + Math.floor(random() * 3), transition: pick(["availability", "resource"]) },
    });
    const { core } = opened;
    let wanted: Wanted[] = [];
    const held: Handle[] = [];
    let taken = 0;
    const reloads: Promise<unknown>[] = [];
    await core.start(ctx, []);

    const reload = (): void => {
      const configs = ["a", "b", "c"].flatMap((name) => (random() < 0.3 ? [] : [{ name, path: pick(paths), ...pick(policies) }]));
      wanted = configs;
      reloads.push(
        core
          .reload(ctx, list(...configs.map(({ name, path, text }) => one(name, path, text))))
          .catch((err: Error) => assert.match(err.message, /^\d model\(s\) did not become available/)),
      );
    };
    const change = (): void => {
      const at = Math.floor(random() * 2);
      const version = String(1 + at + 2 * Math.floor(random() * 3));
      if (random() < 0.7) addTo(paths[at]!, version);
      else rmSync(join(paths[at]!, version), { recursive: true, force: true });
    };
    const hold = (): void => {
      try {
        held.push(core.manager.acquire(create(ModelSpecSchema, { name: pick(["a", "b", "c"]) })));
        taken++;
      } catch (err) {
        assert.match((err as Error).message, /^Servable not found for request: Latest/);
      }
    };
    const release = async (): Promise<void> => {
      using handle = held.splice(Math.floor(random() * held.length), 1)[0];
      if (handle === undefined) return;
      const [y] = await handle.servable.run(ctx, x, ["y:0"]); // what is held still runs, whatever became of it
      assert.deepEqual(y?.data, Float32Array.of(3));
    };
    const loading = (): boolean => core.manager.names().some((name) => core.manager.versions(name).some((v) => v.state === state.loading));
    for (let i = 0; i < 300; i++) {
      const what = random();
      if (what < 0.1) reload();
      else if (what < 0.2) change();
      else if (what < 0.55) hold();
      else if (what < 0.7) await release();
      else if (what < 0.8) await clock.advance(1000);
      else await soon(core, () => !loading());
      if (random() < 0.5) await new Promise(setImmediate);
    }
    assert.ok(taken > 3, `only ${taken} requests held a version`);
    while (held.length > 0) await release();
    await Promise.all(reloads);
    await clock.advance(1000); // a last look at the disk
    /** A version whose folder went away while it was loaded has failed, and is not tried again as long as it is aspired. */
    const hasFailed = (v: Version): boolean =>
      v.aspired && v.state === state.end && v.error !== undefined && v.error.message !== "Loading of servable cancelled";
    const failed = (name: string): bigint[] =>
      core.manager
        .versions(name)
        .filter(hasFailed)
        .map((v) => v.version);
    const quiet = (): boolean =>
      core.manager.names().every((name) => core.manager.versions(name).every((v) => hasFailed(v) || v.state === (v.aspired ? state.available : state.end)));
    const served = (name: string): bigint[] =>
      core.manager
        .versions(name)
        .filter((v) => v.state === state.available)
        .map((v) => v.version);
    const expected = (name: string): bigint[] => {
      const found = wanted.find((w) => w.name === name);
      if (found === undefined) return [];
      const { versions } = select(name, found.path, found.policy, versionsIn(readdirSync(found.path)).versions);
      return versions.map((v) => v.version).filter((version) => !failed(name).includes(version));
    };
    const isAsWanted = (): boolean => quiet() && ["a", "b", "c"].every((name) => served(name).join() === expected(name).join());
    const tell = (): string => ["a", "b", "c"].map((name) => `${name}: serves ${served(name).join()}, wants ${expected(name).join()}`).join("; ");
    await soon(core, isAsWanted).catch(() => assert.fail(tell()));
    await opened[Symbol.asyncDispose]();
    assert.ok(core.manager.names().every((name) => served(name).length === 0));
    assert.equal(clock.pending, 0);
  });
}
