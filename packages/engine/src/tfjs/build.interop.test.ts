import assert from "node:assert/strict";
import { chmodSync, cpSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { background, Code, newError, withCancel } from "@tfs/std";
import { type BuildOptions, buildTfjs } from "./build.ts";
import { readStamp } from "./place.ts";
import { tensorflowDir, tfjsFolder } from "./testing/index.ts";

const ctx = background();
const scratch = mkdtempSync(join(tmpdir(), "tfs-build-"));
after(() => rmSync(scratch, { recursive: true, force: true }));

const name = "node_modules/@tensorflow/tfjs-node-gpu";
/** A package with what building reads of it. */
const from = mkdtempSync(join(scratch, "from-"));
for (const part of ["package.json", "binding"]) cpSync(join(tfjsFolder(), name, part), join(from, name, part), { recursive: true });
const lib = join(from, name, "lib/napi-v8");
const addon = join(lib, "tfjs_binding.node");

async function build(options: Partial<BuildOptions> = {}): Promise<string[]> {
  const said: string[] = [];
  await buildTfjs(ctx, { from: [from], tensorflowDir: tensorflowDir(), say: (line) => void said.push(line), ...options });
  return said;
}
/** compiler writes a stand-in for one. */
function compiler(body: string): string {
  const file = join(mkdtempSync(join(scratch, "compiler-")), "g++");
  writeFileSync(file, `#!/bin/sh\n[ "$1" = --version ] && echo stand-in && exit 0\n${body}\n`);
  chmodSync(file, 0o755);
  return file;
}

test("build-tfjs: what the compiler complains of is told, and nothing is left", async () => {
  await assert.rejects(build({ compiler: compiler("echo 'a.cc:1: no' >&2; exit 1") }), { code: Code.Internal, message: /g\+\+ failed: a\.cc:1: no$/ });
  assert.deepEqual(readdirSync(lib), []);
});

test("build-tfjs: an addon that does not load is told, and not put there", async () => {
  const file = compiler('for last; do :; done; echo nonsense > "$last"');
  await assert.rejects(build({ compiler: file }), {
    code: Code.Internal,
    message: /^the addon was built and does not load: Error: .*(invalid ELF header|file too short)/,
  });
  assert.deepEqual(readdirSync(lib), []);
});

test("build-tfjs: a context that ends ends the compiler", async () => {
  const given = withCancel(ctx);
  const reason = newError(Code.Canceled, "enough");
  const said = (line: string): void => void (line === "compiling …" && given.cancel(reason));
  const options = { from: [from], tensorflowDir: tensorflowDir(), compiler: compiler("exec sleep 600"), say: said };
  await assert.rejects(buildTfjs(given, options), (err) => err === reason);
  assert.deepEqual(readdirSync(lib), []);
});

test("build-tfjs builds once, says each step, and builds again when what is there is another's", async () => {
  // The compiler itself is at work in npm run tools; here it is quicker, and gives what it gave there.
  const file = compiler(`for last; do :; done; cp '${join(tfjsFolder(), name, "lib/napi-v8/tfjs_binding.node")}' "$last"`);
  const first = await build({ compiler: file });
  assert.match(first.join("\n"), /^package {5}.*\nTensorFlow .*\nheaders .*\ncompiler .*\ncompiling …\nloading it …\nbuilt with TensorFlow 2\.21\.0: /);
  assert.deepEqual(readdirSync(lib).sort(), ["tfjs_binding.node", "tfs.json"]);
  assert.equal(readStamp(addon)?.tensorflow, "2.21.0");
  const { mtimeMs } = statSync(addon);
  assert.match((await build({ compiler: file })).at(-1)!, /^the addon is there, of TensorFlow 2\.21\.0: /);
  assert.equal(statSync(addon).mtimeMs, mtimeMs);
  writeFileSync(addon, "another's");
  assert.equal(readStamp(addon), undefined);
  assert.match((await build({ compiler: file })).at(-1)!, /^built with TensorFlow 2\.21\.0: /);
  assert.deepEqual(readdirSync(join(from, name)).sort(), ["binding", "lib", "package.json"]);
});
