// Models with control flow of TensorFlow 1 as nobody should export them, in processes of their own: each is answered, none is gone round in for good, and nothing is left of them.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { attempt } from "../testing/index.ts";

const main = new URL("testing/main.js", import.meta.url);
const short = process.env["TFS_SHORT"] !== undefined;
const [count, closed] = short ? [300, 300] : [10_000, 1000];
/** A short run makes the same attempts each time; a full one says where it begins. */
const seed = short ? 0 : Date.now() % 2 ** 30;
const scratch = mkdtempSync(join(tmpdir(), "tfs-fuzz-"));
after(() => rmSync(scratch, { recursive: true, force: true }));

test(`${count} mutated models with loops of TensorFlow 1 are answered (seed ${seed})`, async (t) => {
  const { outcomes, ended } = await attempt({ main, kind: "models", dir: "-", scratch, first: seed, count });
  t.diagnostic(`measured: ${[...outcomes].map(([outcome, n]) => `${n} ${outcome}`).join(", ")}`);
  assert.deepEqual(ended, []);
  assert.ok((outcomes.get("ran") ?? 0) > count / 20, "hardly any ran: the mutations are too many");
});

test(`of ${closed} mutated models nothing is left when they are closed (seed ${seed})`, (t) => {
  const args = [fileURLToPath(main), "held", "-", join(scratch, "held"), String(seed), String(closed)];
  const lines = execFileSync(process.execPath, args, { cwd: scratch, encoding: "utf8", maxBuffer: 2 ** 26 })
    .trim()
    .split("\n");
  const bytes = Number(lines.at(-1)!.split(" ")[1]);
  t.diagnostic(`measured: ${bytes} bytes are left of all`);
  assert.ok(bytes < 2 ** 20, `${bytes} bytes are left`); // one graph of theirs is 100 KB
});
