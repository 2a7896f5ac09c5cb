// Requests and models as nobody should send them, in processes of their own: each is answered. The attempts are the same each time; what the library died of
// in others, and why, is in docs/engines.md, and what of it is refused now in check.test.ts.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { attempt } from "../testing/index.ts";
import { libraryDir } from "./testing/index.ts";

const main = new URL("testing/main.js", import.meta.url);
const short = process.env["TFS_SHORT"] === "1";

const rows = [
  { what: "requests", count: short ? 1000 : 10_000 },
  { what: "models", count: short ? 100 : 1000 },
] as const;
for (const { what, count } of rows)
  test(`${count} mutated ${what} are answered`, async (t) => {
    const scratch = mkdtempSync(join(tmpdir(), "tfs-fuzz-"));
    try {
      const { outcomes, ended } = await attempt({ main, kind: what, dir: libraryDir(), scratch, first: 0, count });
      t.diagnostic(`measured: ${[...outcomes].map(([outcome, n]) => `${n} ${outcome}`).join(", ")}`);
      assert.deepEqual(ended, []);
      assert.ok((outcomes.get("ran") ?? 0) > count / 20, "hardly any ran: the mutations are too many");
    } finally {
      rmSync(scratch, { recursive: true, force: true });
    }
  });
