// npm run check:packages: publint and arethetypeswrong on every package, and @tfs/sdk installed from tarballs in an empty project, type-checked and run.
import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const dir = mkdtempSync(join(tmpdir(), "tfs-pack-"));
const bin = (name) => join(root, "node_modules/.bin", name);
const total = { passed: 0, failed: 0, skipped: 0 };

function check(name, command, args, options = {}) {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd: root, encoding: "utf8", maxBuffer: 1 << 28, timeout: 5 * 60_000, ...options });
  const ok = status === 0;
  total[ok ? "passed" : "failed"]++;
  console.log(`${ok ? "✔" : "✖"} ${name}`);
  if (!ok) console.log(`${stdout}\n${stderr}`.slice(-4_000));
  return ok;
}

function assert(name, ok, detail) {
  total[ok ? "passed" : "failed"]++;
  console.log(`${ok ? "✔" : "✖"} ${name}${ok ? "" : `: ${detail}`}`);
}

try {
  const tarballs = new Map();
  for (const name of readdirSync(join(root, "packages"))) {
    const folder = join(root, "packages", name);
    const [packed] = JSON.parse(execFileSync("npm", ["pack", "--json", "--loglevel=error", "--pack-destination", dir], { cwd: folder, encoding: "utf8" }));
    const file = join(dir, packed.filename);
    tarballs.set(`@tfs/${name}`, file);
    const stray = packed.files.map((f) => f.path).filter((path) => /\.test\.|(^|\/)testdata\/|\.tsbuildinfo$/.test(path));
    assert(`@tfs/${name} packs no tests`, stray.length === 0, stray.slice(0, 5).join(", "));
    // tsc never deletes the output of a removed source, and npm would ship it.
    const stale = packed.files
      .map((f) => f.path)
      .filter((path) => path.startsWith("dist/") && path.endsWith(".js") && !existsSync(join(folder, path.replace("dist/", "src/").replace(/\.js$/, ".ts"))));
    assert(`@tfs/${name} packs nothing stale`, stale.length === 0, `delete packages/${name}/dist and build: ${stale.slice(0, 5).join(", ")}`);
    check(`@tfs/${name} passes publint`, bin("publint"), ["--strict", file]);
    check(`@tfs/${name} passes arethetypeswrong`, bin("attw"), ["--profile", "esm-only", file]);
  }
  const project = join(dir, "project");
  mkdirSync(project);
  const { typescript } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")).devDependencies;
  const needed = ["std", "proto", "tensor", "rest", "rpc", "sdk"].map((name) => `@tfs/${name}`);
  const overrides = Object.fromEntries(needed.map((name) => [name, `file:${tarballs.get(name)}`]));
  const types = JSON.parse(readFileSync(join(root, "package.json"), "utf8")).devDependencies["@types/node"];
  writeFileSync(
    join(project, "package.json"),
    JSON.stringify({ private: true, type: "module", dependencies: overrides, devDependencies: { typescript, "@types/node": types } }),
  );
  cpSync(join(root, "scripts/pack/program.ts"), join(project, "program.ts"));
  const installed = check("@tfs/sdk installs from tarballs", "npm", ["install", "--loglevel=error", "--no-audit", "--no-fund", "--engine-strict=false"], {
    cwd: project,
  });
  if (installed) {
    check(
      "a program that uses it type-checks",
      join(project, "node_modules/.bin/tsc"),
      ["--strict", "--module", "nodenext", "--target", "es2022", "--lib", "es2023,esnext.disposable", "--types", "node", "program.ts"],
      { cwd: project },
    );
    for (const major of [22, 24, 26]) {
      const node = major === 24 ? bin("node") : join(root, `.tools/node-${major}/node_modules/.bin/node`);
      if (!existsSync(node)) {
        console.log(`skipped: needs node-${major}, run npm run tools`);
        total.skipped++;
        continue;
      }
      check(`and runs on Node ${major}`, node, ["program.js"], { cwd: project });
      check(`and is required from CommonJS on Node ${major}`, node, ["-e", 'if (typeof require("@tfs/sdk").newClient !== "function") process.exit(1)'], {
        cwd: project,
      });
    }
  }
} finally {
  rmSync(dir, { recursive: true, force: true });
}
if (process.env.CI === "true") total.failed += total.skipped;
console.log(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
process.exitCode = total.failed > 0 || total.passed === 0 ? 1 : 0;
