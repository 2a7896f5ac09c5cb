import assert from "node:assert/strict";
import { test } from "node:test";
import { newOpened } from "./index.ts";

test("a folder is opened once, whoever asks meanwhile, and anew after it has failed", async () => {
  const asked: string[] = [];
  const open = newOpened(async (dir) => {
    asked.push(dir);
    if (asked.filter((one) => one === dir).length === 1 && dir === "bad") throw new Error("not now");
    return dir.length;
  });
  assert.deepEqual(await Promise.all([open("a"), open("a"), open("bb")]), [1, 1, 2]);
  await assert.rejects(open("bad"), /not now/);
  assert.equal(await open("bad"), 3);
  assert.deepEqual(asked, ["a", "bb", "bad", "bad"]);
});
