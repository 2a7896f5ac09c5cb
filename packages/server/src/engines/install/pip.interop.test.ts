// Installing with a real pip: from indexes and folders of small wheels on this machine, and once from Python's own index.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { libraries } from "@tfs/engine";
import { background, Code, codeOf, systemClock, withCancel } from "@tfs/std";
import {
  type IndexOptions,
  libraryParts,
  openvinoWheel,
  pipEnv,
  pipMissing,
  pipPython,
  type PythonIndex,
  scratch,
  startIndex,
  type WheelFile,
} from "../../testing/index.ts";
import { bytes, install, type InstallOptions, type Installed, type Plan, thisMachine } from "./index.ts";
import { planByReport, planWheel } from "./pip.ts";

const skip = pipMissing;
const ctx = background();
const dir = scratch();
after(() => dir[Symbol.dispose]());
let made = 0;
const folder = (): string => {
  const path = join(dir.path, String(++made));
  mkdirSync(path);
  return path;
};
const silent: InstallOptions["progress"] = { say: () => {}, at: () => {} };
const licences = ["LICENSE", "openvino-2026.4.1.dist-info_licenses_other_LICENSE", "onetbb_third-party-programs.txt"];

/** bring installs OpenVINO from an index, or from none. */
function bring(index: PythonIndex | undefined, options: Partial<InstallOptions>, given = ctx): Promise<Installed> {
  return install(given, libraries.openvino, {
    cacheDir: folder(),
    pythons: [pipPython],
    env: pipEnv(dir.path, index === undefined ? { PIP_NO_INDEX: "1" } : { PIP_INDEX_URL: index.url }),
    machine: thisMachine(),
    agree: async () => true,
    progress: silent,
    clock: systemClock(),
    ...options,
  });
}

/** shelf writes wheels into a folder, as PIP_FIND_LINKS takes it. */
function shelf(...wheels: readonly WheelFile[]): string {
  const path = folder();
  for (const { name, bytes } of wheels) writeFileSync(join(path, name), bytes);
  return path;
}

/** home is what lies in the cache, hidden names too. */
const home = (cacheDir: string): string[] => (existsSync(join(cacheDir, "openvino")) ? readdirSync(join(cacheDir, "openvino")).sort() : []);

test("what is needed and the licences are unpacked, and the sizes are told first", { skip }, async () => {
  const wheel = await openvinoWheel("2026.4.1");
  await using index = await startIndex([wheel]);
  const cacheDir = folder();
  const plans: Plan[] = [];
  const agree = async (plan: Plan) => {
    plans.push(plan);
    return plans.length > 0 && index.downloads.size === 0;
  };
  const installed = await bring(index, { cacheDir, agree });
  assert.deepEqual(
    plans.map(({ wheel, dir, diskBytes }) => [wheel.file, wheel.version, wheel.sizeBytes, wheel.host, dir, diskBytes]),
    [[wheel.name, "2026.4.1", wheel.bytes.byteLength, "127.0.0.1", join(cacheDir, "openvino/2026.4.1"), 92_000_000]],
  );
  assert.deepEqual([installed.did, installed.dir, installed.licences], ["installed", plans[0]!.dir, licences]);
  assert.deepEqual(readdirSync(installed.dir).sort(), [...libraryParts, ...licences, "installed.json"].sort());
  assert.deepEqual(
    licences.map((file) => readFileSync(join(installed.dir, file), "utf8")),
    ["a licence", "another licence", "notices"],
  );
  for (const [file, size] of Object.entries(installed.files)) assert.equal(statSync(join(installed.dir, file)).size, size);
  assert.deepEqual(home(cacheDir), ["2026.4.1"]);
});

test("what is there already is left, and nobody is asked", { skip }, async () => {
  const cacheDir = folder();
  const env = pipEnv(dir.path, { PIP_NO_INDEX: "1", PIP_FIND_LINKS: shelf(await openvinoWheel("2026.4.1")) });
  await bring(undefined, { cacheDir, env });
  for (const version of [undefined, "2026.4.1", "2026.*"]) {
    const installed = await bring(undefined, { cacheDir, version, pythons: [], agree: async () => assert.fail("asked") });
    assert.deepEqual([installed.did, installed.version], ["nothing", "2026.4.1"]);
  }
});

for (const [version, want] of [
  [undefined, "2026.4.10"],
  ["2026.4.2", "2026.4.2"],
  ["2026.*", "2026.5.0"],
  ["2026.6.0rc1", "2026.6.0rc1"],
] as const)
  test(`of the index's versions ${version ?? "the default"} is ${want}`, { skip }, async () => {
    const wheels = await Promise.all(["2026.4.2", "2026.4.10", "2026.5.0", "2026.6.0rc1"].map((v) => openvinoWheel(v)));
    const env = pipEnv(dir.path, { PIP_NO_INDEX: "1", PIP_FIND_LINKS: shelf(...wheels) });
    assert.equal((await bring(undefined, { env, version })).version, want);
  });

interface Fault {
  readonly name: string;
  readonly wheels?: () => Promise<readonly WheelFile[]>;
  readonly index?: IndexOptions;
  readonly options?: () => Partial<InstallOptions>;
  readonly code: Code;
  readonly message: RegExp;
}
const machine = { platform: "linux", arch: "x64", glibc: "2.36" };
const script = (body: string): string => {
  const path = join(folder(), "python3");
  writeFileSync(path, `#!/bin/sh\n${body}\n`);
  chmodSync(path, 0o755);
  return path;
};
const faults: readonly Fault[] = [
  {
    name: "no python3",
    options: () => ({ pythons: ["/nowhere/python3"] }),
    code: Code.FailedPrecondition,
    message: /^there is no \/nowhere\/python3: libraries are installed by Python's pip$/,
  },
  {
    name: "no pip, in one nor the other",
    options: () => ({ pythons: [script(`exec ${pipPython} -I -S "$@"`), "/nowhere/python3"] }),
    code: Code.FailedPrecondition,
    message: /^\S+ has no pip: install it .*; there is no \/nowhere\/python3/,
  },
  {
    name: "an index that nobody serves",
    options: () => ({ env: pipEnv(dir.path, { PIP_INDEX_URL: "http://127.0.0.1:1/simple" }) }),
    code: Code.Unavailable,
    message: /^the package index cannot be reached: .*pip says: Could not fetch URL http:\/\/127\.0\.0\.1:1\/simple\/openvino\//,
  },
  { name: "an index that fails", index: { status: 500 }, code: Code.Unavailable, message: /^the package index cannot be reached: .*500/ },
  {
    name: "an index without the package",
    index: { status: 404 },
    code: Code.NotFound,
    message: /has no wheel of openvino 2026\.4\.\* for this machine .*: it has none of this package$/,
  },
  {
    name: "an index without that version",
    options: () => ({ version: "2025.1.0" }),
    code: Code.NotFound,
    message: /^the package index has no wheel of openvino 2025\.1\.0 for this machine \(manylinux_2_\d+_\w+ and older\): it has 2026\.4\.1$/,
  },
  {
    name: "wheels for other platforms only",
    wheels: async () => [await openvinoWheel("2026.4.1", { platform: "win_amd64" })],
    code: Code.NotFound,
    message: /it has none/,
  },
  {
    name: "a newer glibc asked for",
    wheels: async () => [await openvinoWheel("2026.4.1", { platform: "manylinux_2_99_x86_64" })],
    code: Code.NotFound,
    message: /it has none/,
  },
  {
    name: "a wrong checksum",
    index: { sha256: () => "0".repeat(64) },
    code: Code.DataLoss,
    message: /^openvino-2026.*\.whl could not be downloaded: its checksum is wrong: pip says: /,
  },
  {
    name: "a wheel that lacks a library",
    wheels: async () => [await openvinoWheel("2026.4.1", { parts: libraryParts.slice(1) })],
    code: Code.FailedPrecondition,
    message: /^openvino-.*\.whl does not hold libopenvino_c\.so: another version may$/,
  },
  {
    name: "a wheel with a byte turned, and no checksum in the index",
    wheels: async () => {
      const { name, bytes } = await openvinoWheel("2026.4.1");
      const at = Buffer.from(bytes).indexOf("openvino/libs/libopenvino_c.so.2641") + 200;
      return [{ name, bytes: bytes.map((byte, i) => (i === at ? byte ^ 1 : byte)) }];
    },
    index: { sha256: () => undefined },
    code: Code.DataLoss,
    message: /^libopenvino_c\.so\.2641 in openvino-.*\.whl is damaged/,
  },
  {
    name: "no space",
    options: () => ({ freeBytes: async () => 90_000_000 }),
    code: Code.ResourceExhausted,
    message: /openvino: 92\.0 MB are needed there for a while, and 90\.0 MB are left; --cache_dir names another folder$/,
  },
  {
    name: "a cache where nothing can be made",
    options: () => ({ cacheDir: "/proc/tfs" }),
    code: Code.FailedPrecondition,
    message: /^\/proc\/tfs\/openvino cannot be written to: \w+; --cache_dir names another folder$/,
  },
  {
    name: "a cache below a file",
    options: () => {
      const file = join(folder(), "file");
      writeFileSync(file, "");
      return { cacheDir: join(file, "cache") };
    },
    code: Code.FailedPrecondition,
    message: /cannot be written to: ENOTDIR/,
  },
  { name: "not agreed to", options: () => ({ agree: async () => false }), code: Code.Canceled, message: /^nothing was installed$/ },
  { name: "macOS", options: () => ({ machine: { ...machine, platform: "darwin" } }), code: Code.Unimplemented, message: /on Linux only, not on darwin$/ },
  { name: "musl", options: () => ({ machine: { ...machine, glibc: undefined } }), code: Code.Unimplemented, message: /made for glibc/ },
  {
    name: "a processor of 32 bits",
    options: () => ({ machine: { ...machine, arch: "ia32" } }),
    code: Code.Unimplemented,
    message: /of kind ia32: only for x64 and arm64$/,
  },
];
for (const { name, wheels = async () => [await openvinoWheel("2026.4.1")], index: how, options, code, message } of faults)
  test(`a clear error, and nothing left: ${name}`, { skip }, async () => {
    await using index = await startIndex(await wheels(), how);
    const cacheDir = folder();
    await assert.rejects(bring(index, { cacheDir, ...options?.() }), { code, message });
    assert.deepEqual(home(cacheDir), []);
  });

test("a download that breaks off leaves nothing", { skip }, async () => {
  await using index = await startIndex([await openvinoWheel("2026.4.1", { size: 200_000 })], { stalls: true });
  const cacheDir = folder();
  using given = withCancel(ctx);
  const installing = bring(index, { cacheDir }, given);
  await index.stalled;
  given.cancel();
  await assert.rejects(installing, { code: Code.Canceled });
  assert.deepEqual(home(cacheDir), []);
  index.flow();
  assert.equal((await bring(index, { cacheDir })).did, "installed");
});

/** broken installs until a member is unpacked, and gives what is left. */
async function broken(index: PythonIndex, cacheDir: string): Promise<string> {
  using given = withCancel(ctx);
  const at = (stage: string, done: number): void => void (stage === "unpacking" && done > 2500 && given.cancel());
  await assert.rejects(bring(index, { cacheDir, progress: { ...silent, at } }, given), { code: Code.Canceled });
  const [left, ...others] = home(cacheDir);
  assert.deepEqual([others, left?.startsWith(".part-2026.4.1-nobody-")], [[], true]);
  return join(cacheDir, "openvino", left!);
}

test("unpacking that breaks off goes on with the wheel and the members that are whole", { skip }, async () => {
  await using index = await startIndex([await openvinoWheel("2026.4.1")]);
  const cacheDir = folder();
  const left = await broken(index, cacheDir);
  assert.deepEqual(readdirSync(left).sort(), ["files", "wheel"]);
  const files = readdirSync(join(left, "files"));
  assert.ok(files.includes("libopenvino.so.2641") && files.length < libraryParts.length && files.every((name) => libraryParts.includes(name)), files.join(" "));
  const inode = statSync(join(left, "files/libopenvino.so.2641")).ino;
  const said: string[] = [];
  const installed = await bring(index, { cacheDir, progress: { ...silent, say: (line) => void said.push(line) } });
  assert.deepEqual(said, [`${installed.wheel} is there from a run before`]);
  assert.equal(statSync(join(installed.dir, "libopenvino.so.2641")).ino, inode);
  assert.deepEqual([...index.downloads.values(), home(cacheDir)], [1, ["2026.4.1"]]);
});

for (const [name, spoil, downloads] of [
  ["a wheel", (left: string) => truncateSync(join(left, "wheel", readdirSync(join(left, "wheel"))[0]!), 100), 2],
  ["a member", (left: string) => writeFileSync(join(left, "files/libopenvino.so.2641"), Buffer.alloc(1001)), 1],
] as const)
  test(`${name} that was kept and is not whole any more is brought anew`, { skip }, async () => {
    await using index = await startIndex([await openvinoWheel("2026.4.1")]);
    const cacheDir = folder();
    spoil(await broken(index, cacheDir));
    const installed = await bring(index, { cacheDir });
    assert.ok(readFileSync(join(installed.dir, "libopenvino.so.2641")).some((byte) => byte !== 0));
    assert.deepEqual([...index.downloads.values(), home(cacheDir)], [downloads, ["2026.4.1"]]);
  });

test("what a process has left that is no more is gone on with, what others do is left alone, and the rest goes", { skip }, async () => {
  const wheel = await openvinoWheel("2026.4.1");
  await using index = await startIndex([wheel]);
  const cacheDir = folder();
  const host = hostname().replace(/[^\w.-]+/g, "_");
  const left = [`.part-2026.4.1-${host}-4194399-1-abcdef`, `.part-2026.3.0-${host}-4194399-1-abcdef`, ".part-2026.4.1-elsewhere-1-1-abcdef"];
  for (const name of left) {
    mkdirSync(join(cacheDir, "openvino", name, "wheel"), { recursive: true });
    writeFileSync(join(cacheDir, "openvino", name, "wheel", wheel.name), wheel.bytes);
  }
  await bring(index, { cacheDir });
  assert.deepEqual([index.downloads.size, home(cacheDir)], [0, [left[2], "2026.4.1"]]);
});

test("a disk that is full when the wheel is there leaves the wheel for when it is not", { skip }, async () => {
  await using index = await startIndex([await openvinoWheel("2026.4.1")]);
  const cacheDir = folder();
  const left = [1e9, 1000];
  await assert.rejects(bring(index, { cacheDir, freeBytes: async () => left.shift()! }), {
    code: Code.ResourceExhausted,
    message: /\d kB are needed .*, and 1\.0 kB are left/,
  });
  assert.equal((await bring(index, { cacheDir })).did, "installed");
  assert.deepEqual([...index.downloads.values(), home(cacheDir)], [1, ["2026.4.1"]]);
});

test("two at once do not disturb each other", { skip }, async () => {
  await using index = await startIndex([await openvinoWheel("2026.4.1")]);
  const cacheDir = folder();
  const [a, b] = await Promise.all([bring(index, { cacheDir }), bring(index, { cacheDir })]);
  assert.deepEqual([a.dir, a.files], [b.dir, b.files]);
  assert.deepEqual(home(cacheDir), ["2026.4.1"]);
  assert.equal((await bring(undefined, { cacheDir })).did, "nothing");
});

test("a version that lies there and is not whole is replaced", { skip }, async () => {
  await using index = await startIndex([await openvinoWheel("2026.4.1")]);
  const cacheDir = folder();
  const { dir } = await bring(index, { cacheDir });
  rmSync(join(dir, "libtbb.so.12"));
  assert.equal((await bring(index, { cacheDir })).did, "installed");
  assert.ok(existsSync(join(dir, "libtbb.so.12")));
  assert.deepEqual(home(cacheDir), ["2026.4.1"]);
});

test("pip's report tells of the same wheel, without its size", { skip }, async () => {
  await using index = await startIndex([await openvinoWheel("2026.4.1")]);
  const wanted = { distribution: "openvino", version: "2026.4.*", tags: ["manylinux_2_17_x86_64", "manylinux_2_17_aarch64"] };
  const pip = { python: pipPython, env: pipEnv(dir.path, { PIP_INDEX_URL: index.url }) };
  assert.deepEqual(await planByReport(ctx, pip, wanted), { ...(await planWheel(ctx, pip, wanted)), sizeBytes: undefined });
  const unreached = pipEnv(dir.path, { PIP_INDEX_URL: "http://127.0.0.1:1/", PIP_RETRIES: "1" });
  await assert.rejects(planByReport(ctx, { ...pip, env: unreached }, wanted), { code: Code.Unavailable });
});

test("OpenVINO comes from Python's own index, and its files load by themselves", { skip }, async (t) => {
  const plans: Plan[] = [];
  const agree = async (plan: Plan) => plans.push(plan) > 0;
  let installed: Installed;
  try {
    installed = await bring(undefined, { agree, env: { ...process.env, PIP_NO_INDEX: undefined } });
  } catch (err) {
    if (codeOf(err) !== Code.Unavailable) throw err;
    return t.skip("needs Python's package index");
  }
  const size = Object.values(installed.files).reduce((sum, n) => sum + n, 0);
  t.diagnostic(`measured: OpenVINO ${installed.version}: ${bytes(plans[0]!.wheel.sizeBytes!)} downloaded, ${bytes(size)} kept`);
  assert.ok(Math.abs(size / plans[0]!.diskBytes! - 1) < 0.1, `${size} bytes, told were ${plans[0]!.diskBytes}`);
  assert.ok(installed.licences.includes("LICENSE") && installed.licences.length > 1, installed.licences.join(" "));
  // Only these files, and an environment without anything: each finds the others beside it.
  const program = `import ctypes, sys
class Version(ctypes.Structure):
    _fields_ = [("build", ctypes.c_char_p), ("description", ctypes.c_char_p)]
version = Version()
assert ctypes.CDLL(sys.argv[1]).ov_get_openvino_version(ctypes.byref(version)) == 0
print(version.build.decode())`;
  const library = join(installed.dir, Object.keys(installed.files).find((name) => name.startsWith("libopenvino_c.so"))!);
  const { status, stdout, stderr } = spawnSync(pipPython, ["-c", program, library], { encoding: "utf8", env: {} });
  assert.equal(status, 0, stderr);
  assert.ok(stdout.startsWith(installed.version), stdout);
});
