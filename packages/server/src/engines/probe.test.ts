import assert from "node:assert/strict";
import { test } from "node:test";
import { type Engine, type Found, newEmbeddedEngine, type Probe } from "@tfs/engine";
import { background, Code, newError, withCancel } from "@tfs/std";
import { rowsText } from "./print.ts";
import { type Candidate, probe, type Row } from "./probe.ts";

const ctx = background();
const found: Found = { dir: "/libs", place: "cache", version: "1.0", files: ["lib.so"], sizeBytes: 2000 };
const passed = [{ place: "npm", where: "package", why: "is not installed" }] as const;
const missing = async () => ({ passed });
const there = async () => ({ found, passed });
const asked = (answer: () => Promise<Probe>): Engine => ({ ...newEmbeddedEngine(), probe: answer });

const cases: readonly { readonly name: string; readonly candidate: Omit<Candidate, "name">; readonly row: Omit<Row, "engine"> }[] = [
  { name: "needs nothing", candidate: { open: () => asked(async () => ({ ok: true, version: "3" })) }, row: { ok: true, version: "3", passed: [] } },
  {
    name: "is found, and knows its version better",
    candidate: { find: there, open: () => asked(async () => ({ ok: true, version: "1.0.7" })) },
    row: { ok: true, version: "1.0.7", found, passed },
  },
  { name: "is found nowhere", candidate: { find: missing, open: () => assert.fail("opened") }, row: { ok: false, why: "found nowhere", passed } },
  {
    name: "is found and does not load",
    candidate: { find: there, open: () => asked(async () => ({ ok: false, why: "too old" })) },
    row: { ok: false, version: "1.0", why: "too old", found, passed },
  },
  {
    name: "is found and throws",
    candidate: { find: there, open: () => asked(() => Promise.reject(newError(Code.Unavailable, "does not load"))) },
    row: { ok: false, version: "1.0", why: "does not load", found, passed },
  },
  {
    name: "is found, and there is no engine",
    candidate: { find: there },
    row: { ok: false, version: "1.0", why: "this version of tfs-server has no engine for it", found, passed },
  },
  {
    name: "was named wrongly",
    candidate: { find: () => Promise.reject(newError(Code.InvalidArgument, "--x_dir=/x is empty")) },
    row: { ok: false, why: "--x_dir=/x is empty", passed: [] },
  },
];
for (const { name, candidate, row } of cases)
  test(`an engine that ${name}`, async () => {
    assert.deepEqual(await probe(ctx, [{ name: "openvino", ...candidate }]), [{ engine: "openvino", ...row }]);
  });

test("an engine is opened over the folder that was found", async () => {
  const dirs: unknown[] = [];
  const open: Candidate["open"] = (dir) => {
    dirs.push(dir);
    return newEmbeddedEngine();
  };
  await probe(ctx, [{ name: "openvino", find: there, open }]);
  assert.deepEqual(dirs, ["/libs"]);
});

test("a context that ends ends the probe", async () => {
  using given = withCancel(ctx);
  const find = async () => {
    given.cancel();
    throw newError(Code.Canceled, "stopped");
  };
  await assert.rejects(probe(given, [{ name: "openvino", find }]), { code: Code.Canceled });
});

test("as text each row says what was found, why not, and where else", () => {
  assert.equal(
    rowsText([
      { engine: "embedded", ok: true, version: "3", passed: [] },
      { engine: "openvino", ok: false, version: "1.0", why: "too old", found, passed },
    ]),
    "embedded    can run  3\nopenvino    cannot run  1.0\n    /libs (the cache; 2.0 kB)\n    too old\n    not from npm: package: is not installed\n",
  );
});
