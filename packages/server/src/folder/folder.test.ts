import assert from "node:assert/strict";
import { existsSync, mkdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { scratch } from "../testing/index.ts";
import { makeFolder } from "./index.ts";

const dir = scratch();
after(() => dir[Symbol.dispose]());
mkdirSync(join(dir.path, "there"));
writeFileSync(join(dir.path, "file"), "");

for (const path of ["there", "there/one", "two/three/four", "five/../six/./seven/"])
  test(`a folder is made with what is missing above it: ${path}`, async () => {
    await makeFolder(join(dir.path, path), 0o700);
    await makeFolder(join(dir.path, path), 0o700);
    assert.ok(statSync(join(dir.path, path)).isDirectory());
  });
test("the mode is for all that are made", async () => {
  await makeFolder(join(dir.path, "shut/in"), 0o700);
  if (process.platform !== "win32")
    assert.deepEqual([statSync(join(dir.path, "shut")).mode & 0o777, statSync(join(dir.path, "shut/in")).mode & 0o777], [0o700, 0o700]);
});
test("a file in its place is an error", () => assert.rejects(makeFolder(join(dir.path, "file")), { code: "EEXIST" }));
test("a folder below a file is an error", () => assert.rejects(makeFolder(join(dir.path, "file/below/it")), { code: "ENOTDIR" }));
for (const path of ["/proc/tfs", "/proc/tfs/deep/er", "/dev/fd/tfs"])
  test(`a folder where none can be made is an error at once: ${path}`, { skip: !existsSync("/proc/self/fd") && "needs Linux's /proc" }, () =>
    assert.rejects(makeFolder(path), { code: "ENOENT" }),
  );
