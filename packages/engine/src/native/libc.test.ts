import assert from "node:assert/strict";
import { test } from "node:test";
import { Code } from "@tfs/std";
import { openLibc } from "./index.ts";

test("bytes go to native memory and come back", async () => {
  const libc = await openLibc();
  const at = libc.malloc(5);
  libc.copyIn(at, Uint8Array.of(1, 2, 3, 4, 5));
  const got = new Uint8Array(3);
  libc.copyOut(got, at + 1n);
  libc.free(at);
  assert.deepEqual([...got], [2, 3, 4]);
});

test("views are copied from where they begin", async () => {
  const libc = await openLibc();
  const at = libc.malloc(8);
  libc.copyIn(at, Uint8Array.of(9, 1, 2, 9).subarray(1, 3));
  const whole = new Uint8Array(4);
  libc.copyOut(whole.subarray(1, 3), at);
  libc.free(at);
  assert.deepEqual([...whole], [0, 1, 2, 0]);
});

test("a library that is not there is Unavailable, with its path", async () => {
  const libc = await openLibc();
  assert.throws(() => libc.pin("/nowhere/libnone.so"), { code: Code.Unavailable, message: "the library /nowhere/libnone.so does not load" });
});
