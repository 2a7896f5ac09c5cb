// Requests and models as nobody should send them, in processes of their own: each is answered, and what the library dies of is known by name.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { attempt } from "../testing/index.ts";
import { libraryDir } from "./testing/index.ts";

const dir = libraryDir();
const main = new URL("testing/main.js", import.meta.url);
const short = process.env["TFS_SHORT"] === "1";
/** A short run makes the same attempts each time; a full one says where it begins. */
const seed = short ? 0 : Date.now() % 2 ** 30;

const rows = [
  { what: "requests", count: short ? 1000 : 10_000 },
  { what: "models", count: short ? 100 : 1000 },
] as const;
for (const { what, count } of rows)
  test(`${count} mutated ${what} are answered (seed ${seed})`, async (t) => {
    const scratch = mkdtempSync(join(tmpdir(), "tfs-fuzz-"));
    try {
      const { outcomes, ended } = await attempt({ main, kind: what, dir, scratch, first: seed, count });
      t.diagnostic(`measured: ${[...outcomes].map(([outcome, n]) => `${n} ${outcome}`).join(", ")}`);
      assert.deepEqual(ended, []);
      assert.ok((outcomes.get("ran") ?? 0) > count / 20, "hardly any ran: the mutations are too many");
    } finally {
      rmSync(scratch, { recursive: true, force: true });
    }
  });
