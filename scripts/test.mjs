// Runs the tests: node:test, one process per package (isolation costs 0.4 s a file), apart from files that need a process of their own.
// usage: test.mjs [--package NAME] [--suite interop [--short]] [--node PATH] [--verbose]
import { spawn } from "node:child_process";
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { isSetUp, setUp } from "./setup.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const { values: options } = parseArgs({
  options: { package: { type: "string" }, suite: { type: "string" }, short: { type: "boolean" }, node: { type: "string" }, verbose: { type: "boolean" } },
});
/** A child that has not ended by then hangs. */
const killMs = 4 * 60_000;
const inFlight = 2;
/** Suffixes of test files that run in a process of their own. */
const alone = /\.(nock|alone)\.test\.ts$/;
/** Suffixes of slower suites, which run only when asked for by name. */
const slower = /\.(interop|fuzz|soak|zoo|conformance)\.test\.ts$/;

if (!isSetUp()) setUp(); // `--ignore-scripts` skips pretest silently

/** jobs groups test files by process. Sources are listed, not dist: tsc never deletes the output of a removed test. */
function jobs() {
  const wanted = options.suite === undefined ? (file) => !slower.test(file) : (file) => file.endsWith(`.${options.suite}.test.ts`);
  const files = globSync("{packages/*/src,scripts}/**/*.test.ts", { cwd: root }).filter(wanted).sort();
  const groups = new Map();
  for (const file of files) {
    const own = file.startsWith("scripts") ? "scripts" : file.split(/[\\/]/)[1];
    if (options.package !== undefined && own !== options.package) continue;
    const key = alone.test(file) || slower.test(file) ? file : own;
    groups.set(key, [...(groups.get(key) ?? []), file]);
  }
  return [...groups].map(([name, list]) => ({ name, files: list.map(compiled) }));
}

/** Scripts run as they are on the repository's own Node; packages run from dist on any. */
function compiled(file) {
  return file.startsWith("scripts") ? file : file.replace(/([\\/])src([\\/])/, "$1dist$2").replace(/\.ts$/, ".js");
}

async function run(job) {
  const dir = mkdtempSync(join(tmpdir(), "tfs-test-"));
  const tally = join(dir, "tally.json");
  // Scripts are written for the repository's own Node; only packages run on others.
  const own = join(root, "node_modules/.bin/node");
  const node = job.files[0].startsWith("scripts") ? own : (options.node ?? own);
  const args = ["--enable-source-maps", "--disable-warning=ExperimentalWarning", "--test", "--experimental-test-isolation=none"];
  args.push(
    "--test-reporter=spec",
    "--test-reporter-destination=stdout",
    `--test-reporter=${join(root, "scripts/tally.mjs")}`,
    `--test-reporter-destination=${tally}`,
  );
  const env = { ...process.env, NO_COLOR: "1", ...(options.short === true ? { TFS_SHORT: "1" } : {}) };
  const started = performance.now();
  const child = spawn(node, [...args, ...job.files], { cwd: root, env, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk) => {
      output += chunk;
      if (options.verbose === true) process.stdout.write(chunk);
    });
  }
  const timer = setTimeout(() => child.kill("SIGKILL"), killMs);
  const code = await new Promise((resolve) => child.on("close", (c, signal) => resolve(c ?? signal)));
  clearTimeout(timer);
  const count =
    existsSync(tally) && readFileSync(tally, "utf8") !== "" ? JSON.parse(readFileSync(tally, "utf8")) : { passed: 0, failed: 0, skipped: 0, reasons: [] };
  rmSync(dir, { recursive: true, force: true });
  if (code !== 0 && count.failed === 0) count.failed = 1; // it died, or never ended
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  if (count.failed > 0 && options.verbose !== true) console.log(failures(output));
  if (code !== 0 && typeof code === "string") console.log(`${job.name}: ended by ${code}`);
  console.log(`${count.failed > 0 ? "✖" : "✔"} ${job.name}: ${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped (${seconds} s)`);
  for (const reason of count.reasons) console.log(`  skipped: ${reason}`);
  return count;
}

/** failures keeps what a reader of a red run needs: from node:test's own list of failures on, else the end. */
function failures(output) {
  const at = output.indexOf("✖ failing tests:");
  return at >= 0 ? output.slice(at) : output.slice(-8_000);
}

const todo = jobs();
if (todo.length === 0) {
  console.error(
    `no tests${options.package === undefined ? "" : ` in package ${options.package}`}${options.suite === undefined ? "" : ` in suite ${options.suite}`}`,
  );
  process.exit(1);
}
const total = { passed: 0, failed: 0, skipped: 0 };
const queue = [...todo];
const workers = Array.from({ length: options.suite === undefined ? inFlight : 1 }, async () => {
  for (let job = queue.shift(); job !== undefined; job = queue.shift()) {
    const count = await run(job);
    for (const key of Object.keys(total)) total[key] += count[key];
  }
});
await Promise.all(workers);
if (process.env.CI === "true") total.failed += total.skipped; // CI installs everything: a skip there hides something
console.log(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
process.exitCode = total.failed > 0 || total.passed === 0 ? 1 : 0;
