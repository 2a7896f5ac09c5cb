import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { libraryDir } from "./testing/index.ts";

const main = fileURLToPath(new URL("testing/main.js", import.meta.url));
const dir = libraryDir();
const short = process.env["TFS_SHORT"] === "1";

function run(...args: readonly string[]): { readonly how: number | NodeJS.Signals | null; readonly stdout: string; readonly stderr: string } {
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, ["--expose-gc", main, args[0]!, dir, ...args.slice(1)], {
    encoding: "utf8",
    timeout: 240_000,
  });
  return { how: signal ?? status, stdout, stderr };
}

const ways = [
  { name: "a model that is open", way: "open", code: 0 },
  { name: "a model that is closed", way: "closed", code: 0 },
  { name: "process.exit", way: "exit", code: 0 },
  { name: "process.exit while a model loads and another runs", way: "under way", code: 0 },
  { name: "a signal that is handled", way: "SIGTERM", code: 0 },
  { name: "an error that nobody catches", way: "thrown", code: 1 },
  { name: "a worker thread that has used it and ended", way: "worker", code: 0 },
  { name: "a worker thread that is terminated with a model open", way: "terminated", code: 0 },
];
for (const { name, way, code } of ways)
  test(`a process ends with its exit code: ${name}`, () => {
    const { how, stderr } = run("end", way);
    assert.equal(how, code, stderr);
  });

const calls = short ? 1000 : 10_000;
/** What the collector and malloc may keep for themselves: twenty calls' worth. */
const slackBytes = 8 * 2 ** 20;
for (const what of ["numbers", "failures"])
  test(`${calls} calls of 400 KB keep nothing: ${what}`, (t) => {
    const { how, stdout, stderr } = run("growth", what, String(calls));
    assert.equal(how, 0, stderr);
    t.diagnostic(`measured: ${(Number(stdout) / 2 ** 20).toFixed(1)} MiB more after ${calls} calls of ${what}`);
    assert.ok(Number(stdout) < slackBytes, `${stdout.trim()} bytes more`);
  });
