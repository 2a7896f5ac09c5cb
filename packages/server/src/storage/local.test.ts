import assert from "node:assert/strict";
import { mkdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { background, systemClock } from "@tfs/std";
import { scratch } from "../testing/index.ts";
import { newLocalStorage } from "./local.ts";

const dir = scratch();
after(() => dir[Symbol.dispose]());
/** By this clock a folder that was made just now has not changed for long. */
const later = { ...systemClock(), wallMs: () => Date.now() + 60_000 };

const changes: readonly { readonly name: string; readonly change: (path: string) => void; readonly want: boolean }[] = [
  { name: "nothing", change: () => {}, want: true },
  { name: "what lies in a child", change: (path) => mkdirSync(join(path, "1/variables")), want: true },
  { name: "a child that is new", change: (path) => mkdirSync(join(path, "2")), want: false },
  { name: "a child that is gone", change: (path) => rmSync(join(path, "1"), { recursive: true }), want: false },
  { name: "the folder, which is gone", change: (path) => rmSync(path, { recursive: true }), want: false },
  {
    name: "the folder, in whose place is another",
    change(path) {
      renameSync(path, `${path}.old`);
      mkdirSync(join(path, "1"), { recursive: true });
    },
    want: false,
  },
];
for (const { name, change, want } of changes)
  test(`local: when ${name} has changed, a base path is ${want ? "unchanged" : "looked at"}`, async () => {
    const storage = newLocalStorage(later);
    const path = join(dir.path, name.replaceAll(/\W/g, ""));
    mkdirSync(join(path, "1"), { recursive: true });
    const names = await storage.list(background(), path);
    assert.deepEqual(names, ["1"]);
    assert.equal(storage.isUnchanged!(path, ["1"]), false, "another array");
    change(path);
    assert.equal(storage.isUnchanged!(path, names), want);
  });

test("local: a folder that has changed a moment ago may change again within one time stamp, and counts as changed", async () => {
  const storage = newLocalStorage(systemClock());
  const path = join(dir.path, "fresh");
  mkdirSync(path);
  assert.equal(storage.isUnchanged!(path, await storage.list(background(), path)), false);
});
