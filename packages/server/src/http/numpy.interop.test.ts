import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync } from "node:fs";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { models, serve } from "../testing/index.ts";

const root = fileURLToPath(new URL("../../../../", import.meta.url));
const venv = `${root}.tools/venv/bin/python`;
const python = process.env["TFS_PYTHON"] ?? (existsSync(venv) ? venv : "python3");
const script = `${root}scripts/interop/arrays.py`;
const ready = spawnSync(python, ["-c", "import numpy, ml_dtypes"], { stdio: "ignore" }).status === 0;

interface Line {
  readonly name: string;
  readonly error?: string;
}

test("numpy reads and writes the arrays of the REST API", { skip: ready ? false : "needs numpy, run npm run tools", timeout: 240_000 }, async (t) => {
  await using served = await serve(
    readdirSync(models, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name),
  );
  const child: ChildProcess = spawn(python, [script, served.rest, models], { stdio: ["ignore", "pipe", "pipe"] });
  try {
    const ended = once(child, "close") as Promise<[number | null]>;
    let noise = "";
    child.stderr!.on("data", (chunk: Buffer) => {
      noise = `${noise}${chunk}`.slice(-4000);
    });
    let count = 0;
    for await (const line of createInterface({ input: child.stdout! })) {
      const { name, error } = JSON.parse(line) as Line;
      count++;
      await t.test(name, () => assert.equal(error, undefined, error));
    }
    const [code] = await ended;
    assert.equal(code, 0, noise);
    assert.ok(count > 100, `only ${count} cases were called`);
  } finally {
    child.kill("SIGKILL");
  }
});
