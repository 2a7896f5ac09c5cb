// npm run test:fresh: what a stranger does. Clones HEAD into an empty folder and runs both commands there, with Node 20 first on PATH.
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const dir = mkdtempSync(join(tmpdir(), "tfs-fresh-"));
/** A step that has not ended by then hangs: the tests alone may take ten minutes. */
const stepMs = 15 * 60_000;
const total = { passed: 0, failed: 0, skipped: 0 };

/** PATH without this repository's own Node, and with a Node 20 in front if there is one to be had. */
function path() {
  const outside = (process.env.PATH ?? "").split(delimiter).filter((d) => !d.replace(/\\/g, "/").includes("node_modules/.bin"));
  const twenty = join(root, ".tools/node-20/node_modules/.bin");
  const host = spawnSync("node", ["--version"], { encoding: "utf8", env: { ...process.env, PATH: outside.join(delimiter) } }).stdout ?? "";
  if (host.startsWith("v20.")) return outside.join(delimiter);
  if (existsSync(join(twenty, "node"))) {
    // Only the binary: npm comes from the host.
    return [dirname(realpathSync(join(twenty, "node"))), ...outside].join(delimiter);
  }
  return undefined;
}

try {
  const PATH = path();
  if (PATH === undefined) {
    console.log("skipped: needs Node 20, run npm run tools");
    total.skipped++;
  } else {
    // npm_* variables of this run would point the clone's npm at this repository.
    const env = Object.fromEntries(Object.entries({ ...process.env, PATH }).filter(([name]) => !name.startsWith("npm_")));
    execFileSync("git", ["clone", "--quiet", "--no-hardlinks", root, dir], { stdio: ["ignore", "ignore", "inherit"] });
    const step = (name, args) => {
      const started = performance.now();
      const { status, stdout, stderr } = spawnSync("npm", args, {
        cwd: dir,
        env,
        encoding: "utf8",
        maxBuffer: 1 << 28,
        timeout: stepMs,
        killSignal: "SIGTERM",
      });
      const seconds = ((performance.now() - started) / 1000).toFixed(0);
      const ok = status === 0;
      total[ok ? "passed" : "failed"]++;
      console.log(
        `${ok ? "✔" : "✖"} ${name} in a fresh clone, Node ${spawnSync("node", ["--version"], { encoding: "utf8", env }).stdout.trim()} (${seconds} s)`,
      );
      if (!ok) console.log(`${stdout}\n${stderr}`.slice(-6_000));
    };
    step("npm start -- --once", ["start", "--", "--once"]);
    step("npm test", ["test"]);
  }
} finally {
  rmSync(dir, { recursive: true, force: true });
}
if (process.env.CI === "true") total.failed += total.skipped;
console.log(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
process.exitCode = total.failed > 0 || total.passed === 0 ? 1 : 0;
