import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { background, Code } from "@tfs/std";
import { buildTfjs } from "./build.ts";
import { newTfjsEngine } from "./index.ts";
import { findPlace, type TfjsPackage } from "./place.ts";

const ctx = background();
const scratch = mkdtempSync(join(tmpdir(), "tfs-place-"));
after(() => rmSync(scratch, { recursive: true, force: true }));

let made = 0;
/** folder makes one with these files below its node_modules. */
function folder(files: Readonly<Record<string, string>>): string {
  const root = join(scratch, String(++made));
  mkdirSync(root);
  for (const [path, text] of Object.entries(files)) {
    const file = join(root, "node_modules", path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }
  return root;
}
const gpu = "@tensorflow/tfjs-node-gpu";
const cpu = "@tensorflow/tfjs-node";
const manifest = '{"version":"4.22.0","main":"index.js"}';
const installed = (name: string) => ({ [`${name}/package.json`]: manifest, [`${name}/index.js`]: "" });
const sum = createHash("sha256").update("addon").digest("hex");
/** TensorFlow's folder has a library, for all that is looked at. */
const tensorflow = join(scratch, "tensorflow");
mkdirSync(tensorflow);
writeFileSync(join(tensorflow, "libtensorflow_cc.so.2"), "");
const built = (name: string, tensorflowDir = tensorflow, sha256 = sum, api = "napi-v8") => ({
  ...installed(name),
  [`${name}/lib/${api}/tfjs_binding.node`]: "addon",
  [`${name}/lib/${api}/tfs.json`]: JSON.stringify({ key: "", sha256, tensorflowDir, tensorflow: "2.21.0" }),
});
const notBuilt = (name: string): string => `the addon of ${name} is not built: run tfs-server engine build-tfjs`;

const rows: readonly { readonly name: string; readonly files: Readonly<Record<string, string>>; readonly package?: TfjsPackage; readonly want: string }[] = [
  {
    name: "no package is told, with what would bring one",
    files: {},
    want: `there is neither ${gpu} nor ${cpu}: run npm install --ignore-scripts ${gpu}@4.22.0, then tfs-server engine build-tfjs`,
  },
  {
    name: "the other package does not do, where one is asked for",
    files: built(gpu),
    package: "cpu",
    want: `there is no ${cpu}: run npm install --ignore-scripts ${cpu}@4.22.0, then tfs-server engine build-tfjs`,
  },
  { name: "a package without its addon is told", files: installed(gpu), want: notBuilt(gpu) },
  { name: "both without are told", files: { ...installed(gpu), ...installed(cpu) }, want: `${notBuilt(gpu)}; ${notBuilt(cpu)}` },
  { name: "gpu goes first", files: { ...built(cpu), ...built(gpu) }, want: `/${gpu}` },
  { name: "cpu is taken, where gpu has no addon", files: { ...built(cpu), ...installed(gpu) }, want: `/${cpu}` },
  { name: "the newest Node-API is taken", files: { ...built(gpu), ...built(gpu, tensorflow, sum, "napi-v10") }, want: "/napi-v10/" },
  {
    name: "a TensorFlow that is gone is told",
    files: built(gpu, "/nowhere"),
    want: `the TensorFlow that the addon of ${gpu} was built with is gone from /nowhere: run tfs-server engine build-tfjs`,
  },
  {
    name: "an addon from elsewhere is not taken, whatever note is beside it",
    files: built(gpu, tensorflow, "another"),
    want: `the addon of ${gpu} is not one that build-tfjs has made, with what is wrong in it put right: run tfs-server engine build-tfjs`,
  },
];
for (const { name, files, package: wanted, want } of rows)
  test(`tfjs: ${name}`, () => {
    const place = findPlace({ from: [folder(files)], ...(wanted === undefined ? {} : { package: wanted }) });
    if (typeof place === "string") assert.equal(place, want);
    else assert.ok(`${place.dir} ${place.addon}`.includes(want) || place.dir.endsWith(want), `${place.dir} ${place.addon}`);
  });

test("tfjs: the first folder that has the package is taken", () => {
  const [first, second] = [folder(built(gpu)), folder(built(gpu))];
  const place = findPlace({ from: [folder({}), first, second] });
  assert.ok(typeof place !== "string" && place.dir.startsWith(first));
});

test("tfjs: without a package probe says why, and load is Unavailable", async () => {
  const engine = newTfjsEngine({ from: [folder({})] });
  const probed = await engine.probe(ctx);
  assert.match(probed.ok ? "" : probed.why, /^there is neither/);
  await assert.rejects(engine.load(ctx, scratch), { code: Code.Unavailable, message: /^the tfjs engine cannot run: there is neither/ });
});

test("tfjs: an addon that is none is told by probe", async () => {
  const probed = await newTfjsEngine({ from: [folder({ ...built(gpu), [`${gpu}/index.js`]: "throw new Error('no such library')" })] }).probe(ctx);
  assert.deepEqual(probed, { ok: false, why: "tfjs-node does not load: no such library" });
  const other = await newTfjsEngine({ from: [folder(built(gpu))] }).probe(ctx);
  assert.deepEqual(other, { ok: false, why: "the tfjs-node that is installed has no backend: version 4.22 is known to work" });
});

test("tfjs: all that building lacks is told at once", async () => {
  const options = { from: [folder({})], tensorflowDir: "/nowhere/tf", compiler: "/nowhere/g++", nodeDir: "/nowhere/node", say: assert.fail };
  await assert.rejects(buildTfjs(ctx, options), (err) => {
    const { code, message } = err as Error & { readonly code: Code };
    assert.equal(code, Code.FailedPrecondition);
    for (const what of [
      /^the addon cannot be built: there is neither .*: run npm install --ignore-scripts @tensorflow\/tfjs-node-gpu@4\.22\.0; /,
      /\/nowhere\/tf lacks libtensorflow_cc\.so\.2, libtensorflow_framework\.so\.2: /,
      /the compiler \/nowhere\/g\+\+ does not run: install it/,
      /there is no include\/node\/node_api\.h in \/nowhere\/node: /,
    ])
      assert.match(message, what);
    return true;
  });
});

test("tfjs: libraries without headers are told as such", async () => {
  const dir = folder({});
  for (const name of ["libtensorflow_cc.so.2", "libtensorflow_framework.so.2"]) writeFileSync(join(dir, name), "");
  await assert.rejects(buildTfjs(ctx, { from: [dir], tensorflowDir: dir, say: assert.fail }), /libraries alone are not enough/);
});
