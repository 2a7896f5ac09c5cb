// The committed code is what the compiler makes of the committed source.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

test("npm run wasm makes code.ts as it is", () => {
  const script = fileURLToPath(new URL("../../../../../scripts/wasm.mjs", import.meta.url));
  const { status, stderr } = spawnSync(process.execPath, [script, "--check"], { encoding: "utf8" });
  assert.equal(status, 0, stderr);
});
