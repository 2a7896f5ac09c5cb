import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { background, Code } from "@tfs/std";
import { newGate } from "../native/index.ts";
import { newTensorFlowEngine } from "./index.ts";
import { checkVersion } from "./library.ts";

const ctx = background();
const scratch = mkdtempSync(join(tmpdir(), "tfs-library-"));
after(() => rmSync(scratch, { recursive: true, force: true }));
const engine = (dir: string) => newTensorFlowEngine({ dir, gate: newGate({ places: 1 }) });

test("a folder without the libraries is Unavailable and named, by probe and by load", async () => {
  const why = `there is no library ${join(scratch, "libtensorflow_framework.so.2")}`;
  assert.deepEqual(await engine(scratch).probe(ctx), { ok: false, why });
  await assert.rejects(engine(scratch).load(ctx, "/nowhere"), { code: Code.Unavailable, message: why });
});
test("a file that is no library is Unavailable and named", async () => {
  const file = join(scratch, "libtensorflow_framework.so.2");
  writeFileSync(file, "no library");
  assert.deepEqual(await engine(scratch).probe(ctx), { ok: false, why: `the library ${file} does not load` });
});

for (const { version, ok } of [
  { version: "2.21.0", ok: true },
  { version: "2.4.0", ok: true },
  { version: "3.0.0-rc1", ok: true },
  { version: "2.3.4", ok: false },
  { version: "1.15.5", ok: false },
  { version: "unknown", ok: false },
])
  test(`version ${version} is ${ok ? "taken" : "refused, with the file"}`, () => {
    const check = (): void => checkVersion("/lib/libtensorflow_cc.so.2", version);
    if (ok) check();
    else assert.throws(check, { code: Code.Unavailable, message: `the library /lib/libtensorflow_cc.so.2 is TensorFlow ${version}; it takes 2.4 or later` });
  });
