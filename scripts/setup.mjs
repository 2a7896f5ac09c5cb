// Sets the checkout up: dependencies from the lockfile, then the build. Plain JavaScript without dependencies, for any Node from 20: it runs before
// anything is installed. Quiet and quick when there is nothing to do.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const stampFile = join(root, "node_modules/.tfs-setup");
const windows = process.platform === "win32";
/** The repository's own Node: whatever the host has, everything after this script runs on it. */
export const node = join(root, "node_modules/.bin", windows ? "node.cmd" : "node");

/** stamp says what an installation depends on: platform, lockfile, every package.json. */
function stamp() {
  const hash = createHash("sha256").update(`${process.platform} ${process.arch}\n`);
  const packages = readdirSync(join(root, "packages"), { withFileTypes: true })
    .filter((e) => e.isDirectory())
    .map((e) => `packages/${e.name}/package.json`)
    .filter((file) => existsSync(join(root, file)));
  for (const file of ["package-lock.json", "package.json", ...packages.sort()]) hash.update(`${file}\n`).update(readFileSync(join(root, file)));
  return hash.digest("hex");
}

/** isSetUp tells whether the installation is of this lockfile. */
export function isSetUp() {
  return existsSync(node) && existsSync(stampFile) && readFileSync(stampFile, "utf8") === stamp();
}

function fail(text) {
  console.error(`setup: ${text}`);
  process.exit(1);
}

function install() {
  console.log("setup: installing dependencies from package-lock.json …");
  // On a second install the current Node lives in the folder that npm ci deletes: start npm without it.
  const path = (process.env.PATH ?? "").split(delimiter).filter((dir) => !dir.replace(/\\/g, "/").includes("node_modules/.bin"));
  const env = { ...process.env, PATH: path.join(delimiter) };
  const args = ["ci", "--loglevel=error", "--no-audit", "--no-fund", "--engine-strict=false"];
  const inRepository = process.execPath.startsWith(join(root, "node_modules"));
  const npm = process.env.npm_execpath;
  const direct = npm !== undefined && /npm-cli\.c?js$/.test(npm) && !inRepository;
  const result = direct
    ? spawnSync(process.execPath, [npm, ...args], { cwd: root, stdio: "inherit", env })
    : spawnSync("npm", args, { cwd: root, stdio: "inherit", env, shell: windows });
  if (result.error !== undefined) fail(`npm could not be started: ${result.error.message}`);
  if (result.status !== 0) fail("npm ci failed; its own words are above. It needs the npm registry and an unchanged package-lock.json.");
  if (!existsSync(node)) fail("the npm package `node` has no binary: its install script did not run. Try: npm rebuild node");
  mkdirSync(join(root, "node_modules"), { recursive: true });
  writeFileSync(stampFile, stamp());
}

function build() {
  const result = spawnSync(node, [join(root, "node_modules/typescript/bin/tsc"), "-b"], { cwd: root, stdio: "inherit", shell: windows });
  if (result.status !== 0) fail("the build failed");
  const bundled = spawnSync(node, [join(root, "scripts/bundle.mjs")], { cwd: root, stdio: "inherit", shell: windows });
  if (bundled.status !== 0) fail("the commands could not be bundled");
}

/** setUp does what is missing. */
export function setUp() {
  if (Number(process.versions.node.split(".")[0]) < 20) fail(`Node 20 or newer is needed to start; this is ${process.versions.node}`);
  if (!isSetUp()) install();
  build();
}

if (process.argv[1] === fileURLToPath(import.meta.url)) setUp();
