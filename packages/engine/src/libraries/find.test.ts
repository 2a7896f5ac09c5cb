import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, extname, join } from "node:path";
import { after, test } from "node:test";
import { background, Code, withCancel } from "@tfs/std";
import { type FindOptions, findLibrary, libraries, libraryCache, type LibraryName } from "./index.ts";

const ctx = background();
const scratch = mkdtempSync(join(tmpdir(), "tfs-libraries-"));
after(() => rmSync(scratch, { recursive: true, force: true }));

const files: Readonly<Record<LibraryName, readonly string[]>> = {
  openvino: [
    "libopenvino_c.so.2641",
    "libopenvino.so.2641",
    "libopenvino_tensorflow_frontend.so.2641",
    "libopenvino_tensorflow_lite_frontend.so.2641",
    "libopenvino_intel_cpu_plugin.so",
    "libtbb.so.12",
  ],
  tensorflow: ["libtensorflow_cc.so.2", "libtensorflow_framework.so.2"],
  litert: ["libLiteRt.so"],
};

let made = 0;
/** folder makes a folder from paths; each file has 10 bytes, unless they are given. */
function folder(...paths: readonly (string | readonly [path: string, bytes: string])[]): string {
  const root = join(scratch, String(++made));
  mkdirSync(root);
  for (const entry of paths) {
    const [path, bytes] = typeof entry === "string" ? [entry, "0123456789"] : entry;
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), bytes);
  }
  return root;
}
const all = (name: LibraryName, below = ""): string[] => files[name].map((file) => join(below, file));

const real = execFileSync("python3", ["-c", "import sys; print(sys.executable)"], { encoding: "utf8" }).trim();
function script(body: string): string {
  const path = join(folder(), "python3");
  writeFileSync(path, `#!/bin/sh\n${body}\n`);
  chmodSync(path, 0o755);
  return path;
}
/** python is a real one that finds packages in a folder, and none that are installed on this machine. */
const python = (site: string): string => script(`PYTHONPATH='${site}' exec '${real}' -S "$@"`);

const none: FindOptions = { pythons: [], packageDir: () => undefined };
const find = (name: LibraryName, options: Partial<FindOptions>) => findLibrary(ctx, libraries[name], { ...none, ...options });

for (const [name, paths, at] of [
  ["tensorflow", all("tensorflow"), ""],
  ["openvino", all("openvino"), ""],
  ["openvino", all("openvino", "libs"), "libs"],
  ["openvino", all("openvino", "lib"), "lib"],
] as const)
  test(`a folder that is named and holds ${name}${at === "" ? "" : ` in ${at}`} is taken`, async () => {
    const dir = folder(...paths);
    const { found, passed } = await find(name, { explicit: { dir, by: `--${name}_dir` } });
    assert.deepEqual([found, passed], [{ place: "explicit", dir: join(dir, at), files: files[name], sizeBytes: 10 * files[name].length }, []]);
  });

const faults: readonly { readonly name: string; readonly dir: () => string; readonly why: string }[] = [
  { name: "is not there", dir: () => join(scratch, "nowhere"), why: "there is no such folder" },
  { name: "is a file", dir: () => join(folder("file"), "file"), why: "it is no folder" },
  { name: "is empty", dir: () => folder(), why: "libtensorflow_cc.so and libtensorflow_framework.so are not there" },
  { name: "lacks one", dir: () => folder("libtensorflow_cc.so.2"), why: "libtensorflow_framework.so is not there" },
  {
    name: "has near names only",
    dir: () => folder("libtensorflow_cc.so.2.old", "xlibtensorflow_framework.so.2", "libtensorflow_framework.so.2"),
    why: "libtensorflow_cc.so is not there",
  },
  {
    name: "has an empty file",
    dir: () => folder(["libtensorflow_cc.so.2", ""], "libtensorflow_framework.so.2"),
    why: "libtensorflow_cc.so.2 is no file, or an empty one",
  },
  {
    name: "has a folder for a file",
    dir: () => folder("libtensorflow_cc.so.2/x", "libtensorflow_framework.so.2"),
    why: "libtensorflow_cc.so.2 is no file, or an empty one",
  },
  {
    name: "has a link to nothing",
    dir: () => {
      const dir = folder("libtensorflow_framework.so.2");
      symlinkSync(join(dir, "gone"), join(dir, "libtensorflow_cc.so.2"));
      return dir;
    },
    why: "libtensorflow_cc.so.2 is no file, or an empty one",
  },
];
for (const { name, dir, why } of faults)
  test(`a folder that is named and ${name} is an error, though other places hold the library`, async () => {
    const explicit = { dir: dir(), by: "TFS_TENSORFLOW_DIR" };
    await assert.rejects(find("tensorflow", { explicit, cacheDir: folder(...all("tensorflow", "tensorflow/2.21.0")) }), {
      code: Code.InvalidArgument,
      message: `TFS_TENSORFLOW_DIR=${explicit.dir} does not hold the libraries of TensorFlow: ${why}`,
    });
  });

test("the order is cache, npm package, Python package, and what was passed over says why", async () => {
  const site = folder("openvino/__init__.py", ...all("openvino", "openvino/libs"));
  const npm = folder(["package.json", '{"version":"2026.4.1"}'], ...all("openvino", "lib"));
  const cacheDir = folder(...all("openvino", "openvino/2026.4.0"));
  const asked: string[] = [];
  const packageDir = (name: string): string => {
    asked.push(name);
    return npm;
  };
  const pythons = [python(site)];
  const first = await find("openvino", { cacheDir, packageDir, pythons });
  assert.deepEqual([first.found?.place, first.found?.dir, first.found?.version], ["cache", join(cacheDir, "openvino/2026.4.0"), "2026.4.0"]);
  const empty = folder();
  const second = await find("openvino", { cacheDir: empty, packageDir, pythons });
  assert.deepEqual([second.found?.place, second.found?.dir, second.found?.version], ["npm", join(npm, "lib"), "2026.4.1"]);
  assert.deepEqual(asked, [`@tfs/openvino-${process.platform}-${process.arch}`]);
  const third = await find("openvino", { cacheDir: empty, pythons });
  assert.deepEqual([third.found?.place, third.found?.dir], ["python", join(site, "openvino/libs")]);
  assert.deepEqual(third.passed, [
    { place: "cache", where: join(empty, "openvino"), why: "nothing is installed there; tfs-server engine install openvino does that" },
    { place: "npm", where: asked[0], why: "is not installed" },
  ]);
});

test("of the cache the highest version that is whole is taken; work that goes on there is not", async () => {
  const cacheDir = folder(
    ...all("tensorflow", "tensorflow/2.9.3"),
    ...all("tensorflow", "tensorflow/2.21.0"),
    "tensorflow/2.22.0/libtensorflow_cc.so.2",
    ...all("tensorflow", "tensorflow/.2.23.0-part"),
  );
  const { found, passed } = await find("tensorflow", { cacheDir });
  assert.equal(found?.version, "2.21.0");
  assert.deepEqual(passed, [{ place: "cache", where: join(cacheDir, "tensorflow/2.22.0"), why: "libtensorflow_framework.so is not there" }]);
});

test("links beside a file do not matter: the most precise name is taken", async () => {
  const dir = folder(...all("openvino"), "libtbb.so", "libtbb.so.12.17");
  assert.equal((await find("openvino", { explicit: { dir, by: "--openvino_dir" } })).found?.files.at(-1), "libtbb.so.12.17");
});

test("an installed npm package is found as Node finds it", () => {
  const name = `@tfs/openvino-${process.platform}-${process.arch}`;
  const modules = folder([`${name}/package.json`, '{"version":"2026.4.1"}'], ...all("openvino", `${name}/lib`));
  const here = new URL(`index${extname(import.meta.url)}`, import.meta.url).href;
  const program = `const { findLibrary, libraries } = await import(${JSON.stringify(here)});
    const { background } = await import("@tfs/std");
    console.log(JSON.stringify((await findLibrary(background(), libraries.openvino, { pythons: [] })).found));`;
  const out = execFileSync(process.execPath, ["--input-type=module", "-e", program], {
    encoding: "utf8",
    cwd: import.meta.dirname,
    env: { NODE_PATH: modules },
  });
  assert.deepEqual(JSON.parse(out), {
    place: "npm",
    version: "2026.4.1",
    dir: join(modules, name, "lib"),
    files: files.openvino,
    sizeBytes: 60,
  });
});

test("a Python package is found with its version, and not imported", async () => {
  const site = folder(
    ["tensorflow/__init__.py", "raise SystemExit(7)"],
    ["tensorflow_cpu-2.21.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: tensorflow-cpu\nVersion: 2.21.0\n"],
    ...all("tensorflow", "tensorflow"),
  );
  const { found } = await find("tensorflow", { pythons: [python(site)] });
  assert.deepEqual([found?.place, found?.dir, found?.version], ["python", join(site, "tensorflow"), "2.21.0"]);
});

test("Pythons are asked one after the other", async () => {
  const site = folder("tensorflow/__init__.py", ...all("tensorflow", "tensorflow"));
  const pythons = [join(scratch, "no/python3"), python(folder()), python(site)];
  const { found, passed } = await find("tensorflow", { pythons });
  assert.equal(found?.dir, join(site, "tensorflow"));
  assert.deepEqual(
    passed.slice(1).map(({ why }) => why),
    [`there is no ${pythons[0]}`, "it has no package tensorflow"],
  );
});

const pythons: readonly { readonly name: string; readonly python: () => string; readonly why: (python: string) => string }[] = [
  { name: "hangs", python: () => script("exec sleep 600"), why: (p) => `${p} gave no answer within 300 ms` },
  { name: "hangs in a child of its own", python: () => script("sleep 600\ntrue"), why: (p) => `${p} gave no answer within 300 ms` },
  { name: "fails", python: () => script("exit 3"), why: (p) => `${p} cannot be asked (exit status 3)` },
  { name: "speaks of something else", python: () => script("echo hello"), why: (p) => `${p} gave an answer that cannot be read` },
  { name: "speaks without end", python: () => script("exec yes"), why: (p) => `${p} cannot be asked (ERR_CHILD_PROCESS_STDIO_MAXBUFFER)` },
  { name: "may not be run", python: () => join(folder("python3"), "python3"), why: (p) => `${p} cannot be asked (EACCES)` },
  {
    name: "has a folder of that name and no package",
    python: () => python(folder("tensorflow/libtensorflow_cc.so.2")),
    why: () => "it has no package tensorflow",
  },
];
for (const { name, python, why } of pythons)
  test(`a Python that ${name} is passed over`, async () => {
    const command = python();
    const { found, passed } = await find("tensorflow", { pythons: [command], pythonMs: name.startsWith("hangs") ? 300 : 60_000 });
    assert.deepEqual([found, passed.at(-1)], [undefined, { place: "python", where: command, why: why(command) }]);
  });

test("a Python package without the libraries is passed over", async () => {
  const site = folder("tensorflow/__init__.py", "tensorflow/libtensorflow_framework.so.2");
  const { passed } = await find("tensorflow", { pythons: [python(site)] });
  assert.equal(passed.at(-1)?.why, `${join(site, "tensorflow")}: libtensorflow_cc.so is not there`);
});

test("a context that ends ends the search, and the Python that is being asked", async () => {
  using given = withCancel(ctx);
  const searching = findLibrary(given, libraries.tensorflow, { ...none, pythons: [script("exec sleep 600")] });
  given.cancel();
  await assert.rejects(searching, { code: Code.Canceled });
});

for (const [env, want] of [
  [{ XDG_CACHE_HOME: "/x", HOME: "/h" }, "/x/tfs/engines"],
  [{ XDG_CACHE_HOME: "x", HOME: "/h" }, "/h/.cache/tfs/engines"],
  [{ XDG_CACHE_HOME: "", HOME: "/h" }, "/h/.cache/tfs/engines"],
  [{ HOME: "/h" }, "/h/.cache/tfs/engines"],
  [{}, undefined],
] as const)
  test(`the cache with ${JSON.stringify(env)} is ${want}`, () => assert.equal(libraryCache(env), want));
