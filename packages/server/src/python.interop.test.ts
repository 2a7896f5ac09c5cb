import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { type CertificateName, certificateFile } from "@tfs/rpc/testing";
import { systemClock } from "@tfs/std";
import { models, scratch, serve, silent } from "./testing/index.ts";
import { openCredentials } from "./tls/index.ts";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const venv = `${root}.tools/venv/bin/python`;
const python = process.env["TFS_PYTHON"] ?? (existsSync(venv) ? venv : "python3");
const scripts = `${root}scripts/interop/`;
const ready = spawnSync(python, ["-c", "import grpc, numpy, tensorflow, tensorflow_serving.apis"], { stdio: "ignore" }).status === 0;
/** TensorFlow takes seconds to import, and the machine may be busy. */
const timeoutMs = 240_000;

interface Line {
  readonly name: string;
  readonly error?: string;
}

const skip = ready ? false : "needs tensorflow-serving-api, run npm run tools";

/** call runs a script, each of whose lines is one case, and gives how many there were. */
async function call(t: TestContext, script: string, ...args: readonly string[]): Promise<number> {
  const child: ChildProcess = spawn(python, [scripts + script, ...args], { stdio: ["ignore", "pipe", "pipe"] });
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
    return count;
  } finally {
    child.kill("SIGKILL");
  }
}

test("TensorFlow Serving's published Python client", { skip, timeout: timeoutMs }, async (t) => {
  await using served = await serve(
    readdirSync(models, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name),
  );
  const count = await call(t, "client.py", served.grpc.replace("http://", ""), models);
  assert.ok(count > 100, `only ${count} cases were called`);
});

test("the server's own services, by Python's gRPC", { skip, timeout: timeoutMs }, async (t) => {
  await using served = await serve(["half_plus_two"], { sessionRun: true });
  assert.equal(await call(t, "services.py", served.grpc.replace("http://", "")), 2);
});

test("TLS and clients' certificates, by Python's gRPC, on a port and on a unix socket", { skip, timeout: timeoutMs }, async (t) => {
  using dir = scratch();
  const [config, path] = [join(dir.path, "ssl.config"), join(dir.path, "grpc.sock")];
  const file = (name: CertificateName, part?: "key"): string => JSON.stringify(certificateFile(name, part));
  writeFileSync(config, `server_key: ${file("server", "key")} server_cert: ${file("server")} custom_ca: ${file("ca")} client_verify: true`);
  const { tls } = await openCredentials(config, { flag: "ssl_config_file", clock: systemClock(), logger: silent });
  await using served = await serve(["half_plus_two"], { grpc: [{ port: 0, host: "127.0.0.1" }, { path }], grpcTls: tls });
  const client = [certificateFile("client"), certificateFile("client", "key")];
  assert.equal(await call(t, "tls.py", certificateFile("ca"), ...client, served.started.grpc[0]!, `unix:${path}`), 4);
});
