// The command with base paths of other machines: what it leaves when it ends, what the next one finds, and what it says when a package is missing.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import {
  bin,
  downloads,
  entriesOf,
  freePort,
  launch,
  modelFiles,
  models,
  type Running,
  type Scratch,
  scratch,
  startShelf,
  startSite,
  tarGzOf,
} from "./testing/index.ts";

const root = fileURLToPath(new URL("../../../", import.meta.url));

/** start runs the command with one model, `model`. */
function start(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Running> {
  return launch(["--strict_startup", "--model_name=model", ...args], { ...process.env, ...env });
}

async function predict({ rest }: Running): Promise<unknown> {
  return await (await fetch(`${rest}/v1/models/model:predict`, { method: "POST", body: '{"instances":[1.0]}' })).json();
}

test("a server that is killed leaves what it had downloaded, and the next one removes it", async () => {
  using dir: Scratch = scratch();
  await using shelf = await startShelf();
  for (const [name, bytes] of modelFiles("half_plus_two/1")) shelf.put(`m/1/${name}`, bytes);
  const cache = `--model_cache_dir=${dir.path}`;
  await using first = await start([cache, "--model_base_path=gs://models/m"], { STORAGE_EMULATOR_HOST: shelf.url });
  assert.deepEqual(await predict(first), { predictions: [2.5] });
  await first[Symbol.asyncDispose](); // by SIGKILL
  assert.deepEqual(downloads(dir.path), ["1-gs_models_m_1"]);
  await using second = await start([cache, `--model_base_path=${join(models, "half_plus_two")}`]);
  assert.deepEqual(readdirSync(dir.path), []);
  assert.ok(second.lines.some((line) => line.includes("removed what a server that is no more had downloaded")));
  assert.equal(await second.stop(), 0);
});

test("a server that is told to stop leaves nothing", async () => {
  using dir = scratch();
  await using site = await startSite();
  site.put("/m.tar.gz", await tarGzOf(entriesOf(modelFiles("half_plus_two/1"), "1/")));
  const ca = join(root, "packages/rpc/testdata/tls/ca.pem");
  await using server = await start([`--model_cache_dir=${dir.path}`, `--model_base_path=${site.url}/m.tar.gz`], { NODE_EXTRA_CA_CERTS: ca });
  assert.deepEqual(await predict(server), { predictions: [2.5] });
  assert.equal(downloads(dir.path).length, 1);
  assert.equal(await server.stop(), 0);
  assert.deepEqual(readdirSync(dir.path), []);
});

/** installed lays the server as npm would, but without what is optional; and gives the command. */
function installed(dir: string): string {
  const modules = join(dir, "node_modules");
  const own = join(modules, "@tfs/server");
  mkdirSync(own, { recursive: true });
  for (const part of ["package.json", "bin", "dist"]) cpSync(join(root, "packages/server", part), join(own, part), { recursive: true });
  const place = (from: string, name: string): void => {
    mkdirSync(dirname(join(modules, name)), { recursive: true });
    symlinkSync(from, join(modules, name), "junction");
  };
  const needed = new Set<string>();
  for (const name of readdirSync(join(root, "packages"))) {
    const { dependencies = {} } = JSON.parse(readFileSync(join(root, "packages", name, "package.json"), "utf8")) as { dependencies?: Record<string, string> };
    for (const other of Object.keys(dependencies)) if (!other.startsWith("@tfs/")) needed.add(other);
    if (name !== "server") place(join(root, "packages", name), `@tfs/${name}`);
  }
  for (const name of needed) place(join(root, "node_modules", name), name);
  return join(own, "bin/tfs-server.js");
}

for (const [scheme, name] of [
  ["s3", "@aws-sdk/client-s3"],
  ["gs", "google-auth-library"],
] as const) {
  test(`${scheme}:// without ${name} says what to install`, async () => {
    using dir = scratch();
    const args = [installed(dir.path), `--port=${await freePort()}`, "--rest_api_port=0", "--strict_startup", `--model_base_path=${scheme}://models/m`];
    const { status, stdout, stderr } = spawnSync(process.execPath, args, {
      encoding: "utf8",
      timeout: 60_000,
      env: { ...process.env, STORAGE_EMULATOR_HOST: "" },
    });
    assert.equal(status, 255, `${stdout}${stderr}`);
    assert.ok(stdout.includes(`${scheme}:// base paths need the package ${name}, which is not installed: npm install ${name}`), stdout);
  });
}

for (const [arg, text] of [
  ["--model_download_limit_bytes=0", "a version may have 0 bytes: nothing could be downloaded"],
  ["--model_download_parallelism=0", "0 objects are to be downloaded at a time: nothing could be downloaded"],
] as const) {
  test(`${arg} is refused`, () => {
    const { status, stdout } = spawnSync(process.execPath, [bin, arg], { encoding: "utf8", timeout: 60_000 });
    assert.equal(status, 255);
    assert.equal(stdout, `Failed to start server. Error: INVALID_ARGUMENT: ${text}\n`);
  });
}
