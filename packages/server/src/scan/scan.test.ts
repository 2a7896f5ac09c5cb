import assert from "node:assert/strict";
import { join } from "node:path";
import { Writable } from "node:stream";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { background } from "@tfs/std";
import { scanCommand } from "./index.ts";

const models = fileURLToPath(new URL("../../../../testdata/models/", import.meta.url));

async function run(...argv: string[]): Promise<{ readonly status: number; readonly out: string; readonly err: string }> {
  const said = { out: "", err: "" };
  const to = (name: "out" | "err") =>
    new Writable({
      write(chunk, _, done) {
        said[name] += String(chunk);
        done();
      },
    });
  const status = await scanCommand(background(), argv, { stdout: to("out"), stderr: to("err") });
  return { status, ...said };
}

test("scan tells people what a model needs", async () => {
  const { status, out, err } = await run(join(models, "mlp/1"));
  assert.deepEqual([status, err], [0, ""]);
  assert.match(out, /^signatures {2}serving_default\nembedded {4}yes\nopenvino {4}yes\ntensorflow {2}yes\n/);
  assert.match(out, /serving_default: about 17\d\.\d thousand operations, values of 2\.0 KiB at a time\n/);
  assert.match(out, /\nops {9}\d+: .*MatMul/);
});

test("scan tells people what it assumed", async () => {
  const { out } = await run(join(models, "loops_v1/1"));
  assert.match(out, /\nassumed {5}limit is 16: as many rounds, where a loop counts to it\n/);
});

test("scan tells programs the same as JSON", async () => {
  const { status, out } = await run("--json", "--costs=false", join(models, "half_plus_two/1"));
  const found = JSON.parse(out) as { readonly signatures: readonly string[]; readonly missing: readonly string[]; readonly costs: readonly unknown[] };
  assert.deepEqual([status, found.signatures.length, found.missing, found.costs], [0, 6, [], []]);
});

test("scan fails where there is no model", async () => {
  const { status, out, err } = await run(join(models, "nothing"));
  assert.deepEqual([status, out], [1, ""]);
  assert.match(err, /^tfs-server scan: /);
});

test("scan explains itself to who does not name a folder, or names an unknown flag", async () => {
  for (const argv of [[], ["a", "b"], ["a", "--nope"]]) {
    const { status, err } = await run(...argv);
    assert.equal(status, 2);
    assert.match(err, /usage: tfs-server scan DIR/);
  }
  const helped = await run("--help");
  assert.equal(helped.status, 0);
  assert.match(helped.out, /^usage: tfs-server scan DIR/);
});
