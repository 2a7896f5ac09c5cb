// npm run tools: what some suites need beyond npm, into .tools (ignored). Pinned, idempotent; arguments install only the named ones, --list tells what there is.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { benchTools } from "./tools/bench.mjs";
import { conformanceTools } from "./tools/conformance.mjs";
import { debianTools } from "./tools/debian.mjs";
import { newGo } from "./tools/go.mjs";
import { storageTools } from "./tools/storage.mjs";
import { tfjsTools } from "./tools/tfjs.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const dir = join(root, ".tools");
const windows = process.platform === "win32";

function run(command, args, options = {}) {
  const result = spawnSync(command, args, { stdio: ["ignore", "ignore", "inherit"], shell: windows, ...options });
  if (result.error !== undefined) throw new Error(`${command} could not be started: ${result.error.message}`);
  if (result.status !== 0) throw new Error(`${command} ${args.join(" ")} failed`);
}

/** once skips a tool whose stamp says that this version is there. The stamp lies in the tool's own folder: both go together. */
function once(name, version, install) {
  const stamp = join(dir, name, ".tfs-stamp");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === version) {
    console.log(`tools: ${name} ${version} is there`);
    return;
  }
  console.log(`tools: installing ${name} ${version} …`);
  install();
  writeFileSync(stamp, version);
}

/** A Node of another version, from the npm package `node`; its binary comes by an install script, so that is allowed here by name. */
function nodeTool(major, version) {
  return () =>
    once(`node-${major}`, version, () => {
      const prefix = join(dir, `node-${major}`);
      rmSync(prefix, { recursive: true, force: true });
      mkdirSync(prefix, { recursive: true });
      writeFileSync(join(prefix, "package.json"), JSON.stringify({ private: true, allowScripts: { node: true } }));
      run(
        "npm",
        ["install", "--prefix", prefix, "--loglevel=error", "--no-audit", "--no-fund", "--no-package-lock", "--engine-strict=false", `node@${version}`],
        { cwd: prefix },
      );
    });
}

const pythons = "Python 3.11, 3.12 or 3.13";
const servingApi = "tensorflow-serving-api==2.21.0";
const venvVersion = `${createHash("sha256")
  .update(readFileSync(join(root, "scripts/requirements.txt")))
  .update(servingApi)
  .digest("hex")
  .slice(0, 12)}`;

/** makeVenv makes a Python environment and returns its pip. */
function makeVenv(venv) {
  const made = spawnSync("python3", ["-m", "venv", venv], { stdio: "ignore" });
  if (made.status !== 0) {
    if (process.env.CI !== "true" || process.getuid?.() !== 0) throw new Error("python3 has no venv module: install it (Debian: apt-get install python3-venv)");
    run("apt-get", ["update", "-qq"]);
    run("apt-get", ["install", "-y", "-qq", "python3-venv"]);
    rmSync(venv, { recursive: true, force: true });
    run("python3", ["-m", "venv", venv]);
  }
  return join(venv, windows ? "Scripts/pip.exe" : "bin/pip");
}

function pythonTool() {
  const requirements = join(root, "scripts/requirements.txt");
  once("venv", venvVersion, () => {
    const venv = join(dir, "venv");
    rmSync(venv, { recursive: true, force: true });
    const python = spawnSync("python3", ["-c", "import sys; print(sys.version_info[1])"], { encoding: "utf8" });
    if (python.error !== undefined || python.status !== 0) throw new Error(`python3 is needed for TensorFlow's own client: install ${pythons}`);
    const minor = Number(python.stdout);
    if (minor < 11 || minor > 13) throw new Error(`python3 is 3.${minor}, and TensorFlow's packages are pinned for ${pythons}`);
    const pip = makeVenv(venv);
    run(pip, ["install", "--quiet", "--disable-pip-version-check", "-r", requirements]);
    run(pip, ["install", "--quiet", "--disable-pip-version-check", "--no-deps", servingApi]);
  });
}

/** venvTool makes a Python environment of a program's own, with what a file of pinned requirements lists: all of it, so pip need not look for more. */
function venvTool(name, requirements) {
  const version = createHash("sha256").update(readFileSync(requirements)).digest("hex").slice(0, 12);
  return () =>
    once(name, version, () => {
      const venv = join(dir, name);
      rmSync(venv, { recursive: true, force: true });
      run(makeVenv(venv), ["install", "--quiet", "--disable-pip-version-check", "--no-deps", "-r", requirements]);
    });
}

const go = newGo({ dir, run, once, makeVenv });

const tools = {
  venv: { what: "Python with TensorFlow, TensorFlow Serving's client stubs, OpenVINO and scikit-learn", install: pythonTool },
  schemathesis: {
    what: "a client that calls an API by its OpenAPI document, and a validator of such documents",
    install: venvTool("schemathesis", join(root, "scripts/tools/schemathesis.txt")),
  },
  litert: { what: "LiteRT's library, which runs .tflite files", install: venvTool("litert", join(root, "scripts/tools/litert.txt")) },
  "node-20": { what: "the oldest Node that may start the set-up", install: nodeTool(20, "20.20.2") },
  "node-22": { what: "Node 22 for the matrix", install: nodeTool(22, "22.23.3") },
  "node-26": { what: "Node 26 for the matrix", install: nodeTool(26, "26.10.0") },
  go: { what: "the Go toolchain that the following are built with", install: () => void go.toolchain() },
  ...conformanceTools(go),
  ...storageTools({ dir, run, once, makeVenv, go }),
  ...debianTools({ dir, run, once }),
  ...tfjsTools({ root, dir, run, once }),
};

/** Groups are installed by their name only: no suite needs them. */
const groups = { bench: benchTools({ root, dir, run, once, makeVenv, venvTool, go }) };
const all = Object.assign({}, tools, ...Object.values(groups));

/** chosen gives the names to install: those asked for, a group as all that is in it; without any, what is in no group. */
function chosen(names) {
  if (names.length === 0) return Object.keys(tools);
  return names.flatMap((name) => (groups[name] === undefined ? [name] : Object.keys(groups[name])));
}

const names = process.argv.slice(2);
if (names.includes("--list") || names.includes("--help")) {
  const list = (some) => {
    for (const [name, { what }] of Object.entries(some)) console.log(`${name.padEnd(20)} ${what}`);
  };
  list(tools);
  for (const [group, some] of Object.entries(groups)) {
    console.log(`\nonly with npm run tools -- ${group}:`);
    list(some);
  }
} else {
  mkdirSync(dir, { recursive: true });
  for (const name of chosen(names)) {
    const tool = all[name];
    if (tool === undefined) {
      console.error(`tools: there is no tool ${name}; there are ${[...Object.keys(all), ...Object.keys(groups)].join(", ")}`);
      process.exitCode = 1;
      continue;
    }
    try {
      tool.install();
    } catch (err) {
      console.error(`tools: ${name}: ${err.message}`);
      process.exitCode = 1;
    }
  }
}
