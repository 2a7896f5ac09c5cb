import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { Code, type Failure } from "@tfs/std";
import { newHeard, scratch, silent } from "../testing/index.ts";
import { openCache } from "./cache.ts";

const posix = process.platform !== "win32";

test("a room is the user's alone, has its own name once sealed, and goes when it is disposed", async () => {
  using dir = scratch();
  await using cache = await openCache({ dir: join(dir.path, "deep/cache"), logger: silent });
  const room = await cache.room("s3://bucket/m/7");
  const [run = ""] = readdirSync(join(dir.path, "deep/cache"));
  assert.match(run, new RegExp(`^run-.+-${process.pid}-\\d+-`));
  if (posix) for (const path of [join(dir.path, "deep/cache", run), room.dir]) assert.equal(statSync(path).mode & 0o777, 0o700);
  assert.ok(room.dir.endsWith("1-s3_bucket_m_7.part"));
  writeFileSync(join(room.dir, "file"), "x");
  const sealed = await room.seal();
  assert.ok(sealed.endsWith("1-s3_bucket_m_7") && existsSync(join(sealed, "file")) && !existsSync(room.dir));
  await room[Symbol.asyncDispose]();
  assert.deepEqual(readdirSync(join(dir.path, "deep/cache", run)), []);
});

test("a cache takes all its rooms with it, and leaves nothing where nothing was asked for", async () => {
  using dir = scratch();
  const cache = await openCache({ dir: dir.path, logger: silent });
  assert.deepEqual(readdirSync(dir.path), []);
  await cache.room("a");
  await (await cache.room("b")).seal();
  await cache[Symbol.asyncDispose]();
  assert.deepEqual(readdirSync(dir.path), []);
  await assert.rejects(cache.room("late"), (err: Failure) => err.code === Code.Canceled);
  assert.deepEqual(readdirSync(dir.path), []);
});

/** The start of a process that is no more; and a process number that none has. */
const [before, nobody] = ["1", "4194999"];
const left: { readonly name: string; readonly run: (own: string) => string; readonly stays: boolean }[] = [
  { name: "of a process that is no more is removed", run: () => `run-${hostname()}-${nobody}-${before}-abcdef`, stays: false },
  {
    name: "of another process that had this one's number before is removed",
    run: () => `run-${hostname()}-${process.pid}-${before}-abcdef`,
    stays: process.platform !== "linux",
  },
  { name: "of this very process stays", run: (own) => own.replace(/......$/, "abcdef"), stays: true },
  { name: "of another host stays", run: () => `run-not-${hostname()}-${nobody}-${before}-abcdef`, stays: true },
  { name: "of somebody else stays", run: () => "data", stays: true },
  { name: "with almost such a name stays", run: () => `run-${hostname()}-${nobody}-${before}-abcdef.bak`, stays: true },
];
for (const { name, run, stays } of left) {
  test(`a folder ${name} when a server starts`, async () => {
    using dir = scratch();
    await using own = await openCache({ dir: dir.path, logger: silent });
    await own.room("a");
    const path = join(dir.path, run(readdirSync(dir.path)[0]!));
    mkdirSync(join(path, "1-m/variables"), { recursive: true });
    writeFileSync(join(path, "1-m/variables/data"), "x");
    const heard = newHeard();
    await using _ = await openCache({ dir: dir.path, logger: heard.logger });
    assert.equal(existsSync(path), stays);
    assert.equal(heard.lines.length, stays ? 0 : 1);
  });
}

const foreign: { readonly name: string; readonly make: (dir: string) => void }[] = [
  { name: "is open to others", make: (dir) => void mkdirSync(dir, { mode: 0o755 }) },
  { name: "is a link", make: (dir) => symlinkSync(mkdirSync(`${dir}-elsewhere`, { mode: 0o700, recursive: true })!, dir) },
  { name: "is a file", make: (dir) => writeFileSync(dir, "", { mode: 0o600 }) },
];
for (const { name, make } of foreign) {
  test(`the default folder is not used if it ${name}`, { skip: posix ? false : "needs POSIX modes" }, async () => {
    using dir = scratch();
    const temporary = process.env["TMPDIR"];
    process.env["TMPDIR"] = dir.path;
    try {
      make(join(tmpdir(), `tfs-models-${process.getuid!()}`));
      await using cache = await openCache({ logger: silent });
      await assert.rejects(cache.room("a"), (err: Failure) => {
        assert.equal(err.code, Code.FailedPrecondition);
        assert.match(err.message, /--model_cache_dir/);
        return true;
      });
    } finally {
      if (temporary === undefined) Reflect.deleteProperty(process.env, "TMPDIR");
      else process.env["TMPDIR"] = temporary;
    }
  });
}

test("the default folder is the user's own, below the temporary directory", { skip: posix ? false : "needs POSIX modes" }, async () => {
  using dir = scratch();
  const temporary = process.env["TMPDIR"];
  process.env["TMPDIR"] = dir.path;
  try {
    await using cache = await openCache({ logger: silent });
    await cache.room("a");
    assert.equal(statSync(join(dir.path, `tfs-models-${process.getuid!()}`)).mode & 0o777, 0o700);
  } finally {
    if (temporary === undefined) Reflect.deleteProperty(process.env, "TMPDIR");
    else process.env["TMPDIR"] = temporary;
  }
});
