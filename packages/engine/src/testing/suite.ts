import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

/** LivesOptions are how an engine's processes are started and what they may keep. */
export interface LivesOptions {
  /** main is the program that the processes run: see attempt. */
  readonly main: URL;
  /** dir is the libraries' folder. */
  readonly dir: string;
  /** calls is how many are made of each kind. */
  readonly calls: number;
  /** slackBytes are what a process may have grown by in the end, by kind of call: what the collector and malloc keep for themselves. A leak of one call in fifty is more. */
  readonly slackBytes: Readonly<Record<string, number>>;
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

/** describeLives registers tests of how processes with an engine end, and of what many calls leave behind. */
export function describeLives({ main, dir, calls, slackBytes }: LivesOptions): void {
  function run(what: string, ...args: readonly string[]): { readonly how: number | NodeJS.Signals | null; readonly stdout: string; readonly stderr: string } {
    // The young generation has its size from the start: it would grow in the middle.
    const command = ["--expose-gc", "--min-semi-space-size=16", "--max-semi-space-size=16", fileURLToPath(main), what, dir, ...args];
    const { status, signal, stdout, stderr } = spawnSync(process.execPath, command, { encoding: "utf8", timeout: 240_000 });
    return { how: signal ?? status, stdout, stderr };
  }
  for (const { name, way, code } of ways)
    test(`a process ends with its exit code: ${name}`, () => {
      const { how, stderr } = run("end", way);
      assert.equal(how, code, stderr);
    });
  for (const [what, slack] of Object.entries(slackBytes))
    test(`${calls} calls of 400 KB keep nothing: ${what}`, (t) => {
      const { how, stdout, stderr } = run("growth", what, String(calls));
      assert.equal(how, 0, stderr);
      t.diagnostic(`measured: ${(Number(stdout) / 2 ** 20).toFixed(1)} MiB more after ${calls} calls of ${what}`);
      assert.ok(Number(stdout) < slack, `${stdout.trim()} bytes more`);
    });
}
