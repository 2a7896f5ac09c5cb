// TensorFlow Serving's published Python client, through the gateway in front of two model servers.
import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { background, discard, systemClock } from "@tfs/std";
import { defaults, newGateway } from "./index.ts";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const models = join(root, "testdata/models");
const venv = join(root, ".tools/venv/bin/python");
const python = process.env["TFS_PYTHON"] ?? (existsSync(venv) ? venv : "python3");
const ready = spawnSync(python, ["-c", "import grpc, numpy, tensorflow, tensorflow_serving.apis"], { stdio: "ignore" }).status === 0;
/** TensorFlow takes seconds to import, and the machine may be busy. */
const timeoutMs = 240_000;

/** startServer runs the real command on a unix socket and resolves when it listens. */
async function startServer(config: string, socket: string): Promise<ChildProcess> {
  const bin = join(root, "packages/server/bin/tfs-server.js");
  const child = spawn(
    process.execPath,
    [bin, `--model_config_file=${config}`, "--port=0", "--rest_api_port=0", `--grpc_socket_path=${socket}`, "--log_format=json"],
    { stdio: ["ignore", "ignore", "pipe"] },
  );
  let log = "";
  for await (const line of createInterface({ input: child.stderr! })) {
    log += `${line}\n`;
    if (line.includes('"event":"listening"')) {
      child.stderr!.resume();
      return child;
    }
  }
  throw new Error(`the server ended: ${log}`);
}

test("TensorFlow Serving's published Python client, through the gateway", {
  skip: ready ? false : "needs tensorflow-serving-api, run npm run tools",
  timeout: timeoutMs,
}, async (t) => {
  const scratch = mkdtempSync(join(tmpdir(), "tfs-gateway-"));
  const names = readdirSync(models, { withFileTypes: true })
    .filter((e) => e.isDirectory())
    .map((e) => e.name);
  const config = join(scratch, "models.config");
  writeFileSync(
    config,
    `model_config_list {\n${names.map((name) => `config { name: "${name}" base_path: "${join(models, name)}" model_platform: "tensorflow" }\n`).join("")}}\n`,
  );
  // The counter keeps its state in one process: this leg has one server, and a second address that nobody answers.
  const server = await startServer(config, join(scratch, "server.sock"));
  const gateway = newGateway(
    { ...defaults, host: "127.0.0.1", port: 0, backends: [`unix:${join(scratch, "server.sock")}`, "127.0.0.1:1"] },
    { clock: systemClock(), logger: discard(), random: Math.random },
  );
  let child: ChildProcess | undefined;
  try {
    const address = await gateway.listen(background());
    child = spawn(python, [join(root, "scripts/interop/client.py"), address, models], { stdio: ["ignore", "pipe", "pipe"] });
    const ended = once(child, "close") as Promise<[number | null]>;
    let noise = "";
    child.stderr!.on("data", (chunk: Buffer) => {
      noise = `${noise}${chunk}`.slice(-4000);
    });
    let count = 0;
    for await (const line of createInterface({ input: child.stdout! })) {
      const { name, error } = JSON.parse(line) as { name: string; error?: string };
      count++;
      await t.test(name, () => assert.equal(error, undefined, error));
    }
    const [code] = await ended;
    assert.equal(code, 0, noise);
    assert.ok(count > 100, `only ${count} cases were called`);
  } finally {
    child?.kill("SIGKILL");
    await gateway.drain(1_000);
    server.kill("SIGTERM");
    await once(server, "exit");
    rmSync(scratch, { recursive: true, force: true });
  }
});
