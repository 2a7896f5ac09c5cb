// The guide's Python client, with TensorFlow Serving's published package, against the server's process.
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { available, models, newGuide, serve } from "./server.ts";

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const venv = here("../../.tools/venv/bin/python");
const python = process.env["TFS_PYTHON"] ?? (existsSync(venv) ? venv : "python3");
const ready = spawnSync(python, ["-c", "import grpc, numpy, tensorflow, tensorflow_serving.apis"], { stdio: "ignore" }).status === 0;

test("the guide's Python client", { skip: ready ? false : "needs tensorflow-serving-api, run npm run tools", timeout: 240_000 }, async (t) => {
  using guide = newGuide();
  await using served = await serve([`--model_config_file=${guide.file("labels.config")}`, "--allow_version_labels_for_unavailable_models=true"]);
  await available(served, "first_model/versions/0");
  const child = spawn(python, [here("client.py"), served.grpc, models.replace(/[/\\]$/, ""), here("config")], { stdio: ["ignore", "pipe", "pipe"] });
  const ended = once(child, "close") as Promise<[number | null]>;
  let noise = "";
  child.stderr.on("data", (chunk: Buffer) => {
    noise = `${noise}${chunk}`.slice(-4000);
  });
  try {
    let count = 0;
    for await (const line of createInterface({ input: child.stdout })) {
      const { name, error } = JSON.parse(line) as { readonly name: string; readonly error?: string };
      count++;
      await t.test(name, () => assert.equal(error, undefined, error));
    }
    assert.equal((await ended)[0], 0, noise);
    assert.equal(count, 10);
  } finally {
    child.kill("SIGKILL");
  }
});
