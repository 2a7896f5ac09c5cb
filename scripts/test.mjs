// Runs the tests: node:test, one process per package (isolation costs 0.4 s a file), apart from files that need a process of their own.
// usage: npm test -- [--package NAME] [--suite interop [--short]] [--node PATH] [--verbose] [PART OF A FILE'S PATH …]
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { node as own, setUp } from "./setup.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const { values: options, positionals: parts } = parseArgs({
  allowPositionals: true,
  options: { package: { type: "string" }, suite: { type: "string" }, short: { type: "boolean" }, node: { type: "string" }, verbose: { type: "boolean" } },
});
/** A child that has not ended by then hangs; a suite in its long form takes its time. */
const killMs = minutesOf(options.suite, options.short === true) * 60_000;
function minutesOf(suite, short) {
  if (suite === "soak") return short ? 20 : 90; // time is what they are about
  if (suite === "zoo") return short ? 20 : 150; // most of it goes into making the models, once
  return suite === undefined || short ? 4 : 20;
}
const inFlight = 2;
const windows = process.platform === "win32";
const running = new Set();
for (const [signal, code] of [
  ["SIGINT", 130],
  ["SIGTERM", 143],
])
  process.on(signal, () => {
    for (const child of running) end(child);
    process.exit(code);
  });
/** Suffixes of test files that run in a process of their own. */
const alone = /\.(nock|alone)\.test\.ts$/;
/** Folders whose sources are not compiled. */
const asTheyAre = /^(scripts|examples)\//;
/** Suffixes of slower suites, which run only when asked for by name. */
const slower = /\.(interop|fuzz|soak|zoo|conformance)\.test\.ts$/;

setUp(); // pretest has done it, unless a user's `ignore-scripts` skipped that silently: then dist would be stale

/** jobs groups test files by process. Sources are listed, not dist: tsc never deletes the output of a removed test. */
function jobs() {
  const wanted = options.suite === undefined ? (file) => !slower.test(file) : (file) => file.endsWith(`.${options.suite}.test.ts`);
  const folders = ["scripts", "examples", ...readdirSync(join(root, "packages")).map((name) => `packages/${name}/src`)];
  const files = folders.filter((folder) => existsSync(join(root, folder))).flatMap(testsIn);
  const groups = new Map();
  for (const file of files.filter(wanted).sort()) {
    const owner = asTheyAre.test(file) ? file.split("/")[0] : file.split("/")[1];
    if (options.package !== undefined && owner !== options.package) continue;
    if (parts.length > 0 && !parts.some((part) => file.includes(part))) continue;
    const key = alone.test(file) || slower.test(file) ? file : owner;
    groups.set(key, [...(groups.get(key) ?? []), file]);
  }
  return [...groups].map(([name, list]) => ({ name, files: list.map(compiled) }));
}

/** testsIn lists a folder's test files, by path from the root. */
function testsIn(folder) {
  const entries = readdirSync(join(root, folder), { recursive: true }).map((entry) => `${folder}/${entry.replaceAll("\\", "/")}`);
  return entries.filter((file) => file.endsWith(".test.ts"));
}

/** Scripts and examples run as they are on the repository's own Node; packages run from dist on any. */
function compiled(file) {
  return asTheyAre.test(file) ? file : file.replace("/src/", "/dist/").replace(/\.ts$/, ".js");
}

async function run(job) {
  const dir = mkdtempSync(join(tmpdir(), "tfs-test-"));
  const tally = join(dir, "tally.json");
  const node = asTheyAre.test(job.files[0]) ? own : (options.node ?? own);
  const args = ["--enable-source-maps", "--disable-warning=ExperimentalWarning", "--test", "--experimental-test-isolation=none"];
  args.push(
    "--test-reporter=spec",
    "--test-reporter-destination=stdout",
    `--test-reporter=${join(root, "scripts/tally.mjs")}`,
    `--test-reporter-destination=${tally}`,
  );
  const env = { ...process.env, NO_COLOR: "1", ...(options.short === true ? { TFS_SHORT: "1" } : {}) };
  const started = performance.now();
  // A group of its own, so that what a hanging test has started ends with it.
  const child = spawn(node, [...args, ...job.files], { cwd: root, env, stdio: ["ignore", "pipe", "pipe"], detached: !windows, shell: windows });
  running.add(child);
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk) => {
      output += chunk;
      if (options.verbose === true) process.stdout.write(chunk);
    });
  }
  const timer = setTimeout(() => end(child), killMs);
  const code = await new Promise((resolve) => child.on("close", (c, signal) => resolve(c ?? signal)));
  clearTimeout(timer);
  running.delete(child);
  const count =
    existsSync(tally) && readFileSync(tally, "utf8") !== ""
      ? JSON.parse(readFileSync(tally, "utf8"))
      : { passed: 0, failed: 0, skipped: 0, reasons: [], measured: [] };
  rmSync(dir, { recursive: true, force: true });
  if (code !== 0 && count.failed === 0) count.failed = 1; // it died, or never ended
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  if (count.failed > 0 && options.verbose !== true) console.log(failures(output));
  if (typeof code === "string") console.log(`${job.name}: ended by ${code} after ${seconds} s`);
  console.log(`${count.failed > 0 ? "✖" : "✔"} ${job.name}: ${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped (${seconds} s)`);
  for (const note of count.measured) console.log(`  measured: ${note}`);
  for (const reason of count.reasons) console.log(`  skipped: ${reason}`);
  return count;
}

/** end stops a child and all that it has started. */
function end(child) {
  try {
    if (windows) child.kill();
    else process.kill(-child.pid, "SIGKILL");
  } catch (err) {
    if (err.code !== "ESRCH") throw err; // it ended by itself meanwhile
  }
}

/** failures keeps what a reader of a red run needs: from node:test's own list of failures on, else the end. */
function failures(output) {
  const at = output.indexOf("✖ failing tests:");
  return at >= 0 ? output.slice(at) : output.slice(-8_000);
}

const todo = jobs();
if (todo.length === 0) {
  const where = [
    options.package && `in package ${options.package}`,
    options.suite && `in suite ${options.suite}`,
    parts.length > 0 && `under ${parts.join(", ")}`,
  ];
  console.error(["no tests", ...where.filter(Boolean)].join(" "));
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
