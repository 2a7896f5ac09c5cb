import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { bin, launch, libraryParts, models, openvinoWheel, pipEnv, pipMissing, pipPython, scratch, startIndex } from "../testing/index.ts";
import type { Row } from "./probe.ts";

const dir = scratch();
after(() => dir[Symbol.dispose]());
let made = 0;
function folder(...files: readonly string[]): string {
  const path = join(dir.path, String(++made));
  mkdirSync(path);
  for (const file of files) writeFileSync(join(path, file), "bytes");
  return path;
}

const bare = { PATH: "/nowhere", HOME: dir.path };
function run(args: readonly string[], env: Readonly<Record<string, string>> = bare) {
  return spawnSync(process.execPath, [bin, "engine", ...args], { encoding: "utf8", env, timeout: 120_000 });
}

const lines: readonly { readonly args: readonly string[]; readonly status: number; readonly out?: RegExp; readonly err?: RegExp }[] = [
  { args: [], status: 2, err: /^ {2}tfs-server engine probe /m },
  { args: ["--help"], status: 0, out: /^ {2}tfs-server engine install openvino /m },
  { args: ["probe", "--help"], status: 0, out: /--tensorflow_dir=STRING/ },
  { args: ["install", "--help"], status: 0, out: /--yes/ },
  { args: ["install", "openvino", "--help"], status: 0, out: /--version=STRING/ },
  { args: ["prob"], status: 2, err: /unknown word prob; did you mean probe\?/ },
  { args: ["constructor"], status: 2, err: /unknown word constructor; there is probe, install, build-tfjs/ },
  { args: ["install"], status: 2, err: /of openvino or tensorflow or litert\?/ },
  { args: ["install", "tensorflw"], status: 2, err: /there is no tensorflw to install; did you mean tensorflow\?/ },
  { args: ["install", "openvino", "--verson=2"], status: 2, err: /unknown flag --verson; did you mean --version\?/ },
  { args: ["install", "openvino", "--version=new; rm"], status: 2, err: /expected a version or a range/ },
  { args: ["probe", "openvino"], status: 2, err: /unknown argument: openvino/ },
  { args: ["build-tfjs", "--help"], status: 0, out: /--tensorflow_dir=STRING/ },
  { args: ["build-tfjs", "--package=tpu"], status: 2, err: /--package=tpu: expected gpu or cpu/ },
  {
    args: ["build-tfjs", "--nodedir=/nowhere"],
    status: 1,
    err: /^tfs-server engine build-tfjs: the addon cannot be built: there is neither .*npm install .*; TensorFlow, which python3 has not \(there is no python3\), lacks .*; the compiler g\+\+ does not run.*; there is no include\/node\/node_api\.h in \/nowhere/,
  },
  { args: ["install", "openvino"], status: 1, err: /^tfs-server engine install: there is no python3: libraries are installed by Python's pip$/m },
];
for (const { args, status, out = /^$/, err = /^$/ } of lines)
  test(`engine ${args.join(" ")}: ends with ${status}`, { skip: status === 1 && process.platform !== "linux" && "is for Linux" }, () => {
    const ended = run(args);
    assert.equal(ended.status, status, ended.stderr);
    assert.match(ended.stdout, out);
    assert.match(ended.stderr, err);
    for (const line of ended.stdout.split("\n")) assert.ok(line.length <= 80, line);
  });

test("what is nearly spelled engine leads to it", () => {
  const { status, stderr } = spawnSync(process.execPath, [bin, "engin", "probe"], { encoding: "utf8", env: bare });
  assert.deepEqual([status, stderr.split("\n")[0]], [255, "tfs-server: unknown argument: engin; did you mean engine?"]);
});

test("probe tells of every engine what was found where, and of each place why not", () => {
  const [named, empty] = [folder(...libraryParts), folder()];
  const env = { ...bare, TFS_OPENVINO_DIR: named, TFS_TENSORFLOW_DIR: empty, XDG_CACHE_HOME: folder(), VIRTUAL_ENV: "/nowhere/venv" };
  const rows = JSON.parse(run(["probe", "--json"], env).stdout) as Row[];
  assert.deepEqual(
    rows.map(({ engine, ok }) => [engine, ok]),
    [
      ["embedded", true],
      ["openvino", false],
      ["tensorflow", false],
      ["tflite", false],
      ["tfjs", false],
    ],
  );
  assert.deepEqual(rows[1]?.found, { dir: named, files: libraryParts, place: "explicit", sizeBytes: 5 * libraryParts.length });
  assert.match(rows[2]!.why!, new RegExp(`^TFS_TENSORFLOW_DIR=${empty} does not hold the libraries of TensorFlow: libtensorflow_cc.so and `));
  const searched = JSON.parse(run(["probe", "--json", `--openvino_dir=${empty}`], { ...env, TFS_TENSORFLOW_DIR: "" }).stdout) as Row[];
  assert.match(searched[1]!.why!, /^--openvino_dir=/);
  assert.deepEqual(
    searched[2]!.passed.map(({ where, why }) => [where, why]),
    [
      [join(env.XDG_CACHE_HOME, "tfs/engines/tensorflow"), "nothing is installed there; tfs-server engine install tensorflow does that"],
      ["/nowhere/venv/bin/python3", "there is no /nowhere/venv/bin/python3"],
      ["python3", "there is no python3"],
    ],
  );
  const text = run(["probe"], env).stdout;
  assert.match(text, /^embedded {4}can run {2}\S/m);
  assert.ok(text.includes(`${named} (the folder that was named; 30 B)`), text);
});

/** pipEnvOf has pip's python first in the path, and its index. */
function pipEnvOf(index: string): Record<string, string> {
  const path = folder();
  writeFileSync(join(path, "python3"), `#!/bin/sh\nexec '${pipPython}' "$@"\n`, { mode: 0o755 });
  return pipEnv(dir.path, { PIP_INDEX_URL: index, PATH: `${path}:/usr/bin:/bin` });
}

test("install tells the sizes and how far it is on stderr, and on stdout what lies where; probe finds it then", { skip: pipMissing }, async () => {
  const wheel = await openvinoWheel("2026.4.1");
  await using index = await startIndex([wheel]);
  const [cache, env] = [folder(), pipEnvOf(index.url)];
  const child = spawn(process.execPath, [bin, "engine", "install", "openvino", `--cache_dir=${cache}`, "--json"], { env, stdio: ["ignore", "pipe", "pipe"] });
  const [out, err, [status]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "close")]);
  assert.equal(status, 0, err);
  const installed = JSON.parse(out) as { dir: string };
  assert.equal(installed.dir, join(cache, "openvino/2026.4.1"));
  assert.match(err, /^OpenVINO 2026\.4\.1\n {2}to download {2}\S+ kB, from 127\.0\.0\.1: openvino-.*\.whl\n {2}to keep {6}about 92\.0 MB, in /);
  assert.match(err, /downloading: 100 %.*\nunpacking: /);
  const rows = JSON.parse(run(["probe", "--json", `--cache_dir=${cache}`]).stdout) as Row[];
  assert.deepEqual([rows[1]?.version, rows[1]?.found?.place, rows[1]?.found?.dir], ["2026.4.1", "cache", installed.dir]);
});

for (const [answer, status] of [
  ["\\n", 0],
  ["n\\n", 1],
  ["\\x04", 1],
] as const)
  test(`on a terminal it asks, and ${answer} ends with ${status}`, { skip: pipMissing }, async () => {
    await using index = await startIndex([await openvinoWheel("2026.4.1")]);
    const cache = folder();
    // Python has what makes a terminal: it answers when it is asked.
    const program = `import os, pty, sys
answered = False
def read(fd):
    global answered
    data = os.read(fd, 4096)
    if not answered and b"[Y/n]" in data:
        answered = True
        os.write(fd, b"${answer}")
    return data
sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:], read)))`;
    const args = ["-c", program, process.execPath, bin, "engine", "install", "openvino", `--cache_dir=${cache}`];
    const child = spawn(pipPython, args, { env: { ...pipEnvOf(index.url), TERM: "xterm" }, stdio: ["ignore", "pipe", "pipe"] });
    const [out, err, [ended]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "close")]);
    assert.equal(ended, status, out + err);
    assert.ok(out.includes("Go on? [Y/n]"), out);
    assert.equal(out.includes("] 100 %"), status === 0, out);
    assert.deepEqual(readdirSync(cache), status === 0 ? ["openvino"] : []);
  });

for (const signal of ["SIGINT", "SIGTERM"] as const)
  test(`${signal} during a download leaves nothing, and pip has ended`, { skip: pipMissing }, async () => {
    await using index = await startIndex([await openvinoWheel("2026.4.1", { size: 200_000 })], { stalls: true });
    const cache = folder();
    const args = [bin, "engine", "install", "openvino", `--cache_dir=${cache}`];
    const child = spawn(process.execPath, args, { env: pipEnvOf(index.url), stdio: ["ignore", "pipe", "pipe"] });
    const ended = Promise.all([text(child.stderr), once(child, "close")]); // closes when pip has let its end go too
    await index.stalled;
    child.kill(signal);
    const [err, [status]] = await ended;
    assert.equal(status, 130, err);
    assert.match(err, /tfs-server engine: stopped\n$/);
    assert.deepEqual(readdirSync(join(cache, "openvino")), []);
  });

for (const [name, set, size] of [
  ["what native engines need", undefined, Math.max(16, 4 * availableParallelism())],
  ["what the user says", "7", 7],
] as const)
  test(`the server's thread pool has ${name}`, { skip: process.platform !== "linux" && "is told by Linux's /proc" }, async () => {
    const { UV_THREADPOOL_SIZE: _, ...env } = process.env;
    await using server = await launch([`--model_name=matrix`, `--model_base_path=${join(models, "matrix")}`], {
      ...env,
      ...(set === undefined ? {} : { UV_THREADPOOL_SIZE: set }),
    });
    const names = readdirSync(`/proc/${server.pid}/task`).map((task) => readFileSync(`/proc/${server.pid}/task/${task}/comm`, "utf8").trim());
    assert.equal(names.filter((name) => name === "libuv-worker").length, size, names.join(" "));
  });

async function text(stream: NodeJS.ReadableStream): Promise<string> {
  let all = "";
  for await (const chunk of stream.setEncoding("utf8")) all += chunk;
  return all;
}
