import assert from "node:assert/strict";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

const entry = fileURLToPath(new URL("../dist/index.js", import.meta.url));

test("a browser bundle holds no Node module, and stays within its budget", async () => {
  const result = await build({
    entryPoints: [entry],
    bundle: true,
    platform: "browser",
    format: "esm",
    minify: true,
    write: false,
    metafile: true,
    conditions: ["browser"],
  });
  assert.deepEqual(result.errors, []);
  const inputs = Object.keys(result.metafile.inputs);
  assert.deepEqual(
    inputs.filter((name) => /packages\/(rpc|server|gateway)\/|connect-node|^node:/.test(name)),
    [],
  );
  const bytes = gzipSync(result.outputFiles[0]!.contents).length;
  // Connect's own part is about 45 kB (both services, gzip); ours adds the REST codec and tensors.
  assert.ok(bytes < 70_000, `${bytes} bytes gzipped`);
});
