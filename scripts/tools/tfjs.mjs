// tfjs-node, with an addon built against the TensorFlow of the Python environment: `engine build-tfjs` itself at work.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { node, setUp } from "../setup.mjs";

/** The peer's version in packages/engine/package.json; scripts/packages.test.ts holds the two together. */
const tfjsVersion = "4.22.0";

const packages = { gpu: "@tensorflow/tfjs-node-gpu", cpu: "@tensorflow/tfjs-node" };

/** tfjsTools are the two packages, 300 MB each, without their install scripts: those would download a TensorFlow of 2022. The arguments are as in newGo. */
export function tfjsTools({ root, dir, run, once }) {
  const install = (kind) => () =>
    once(`tfjs-${kind}`, tfjsVersion, () => {
      const pythons = join(dir, "venv/lib");
      const tensorflow = (existsSync(pythons) ? readdirSync(pythons) : []).map((python) => join(pythons, python, "site-packages/tensorflow")).find(existsSync);
      if (tensorflow === undefined) throw new Error("it is built against TensorFlow in .tools/venv: run npm run tools -- venv");
      needCompiler(run);
      const prefix = join(dir, `tfjs-${kind}`);
      rmSync(prefix, { recursive: true, force: true });
      mkdirSync(prefix, { recursive: true });
      writeFileSync(join(prefix, "package.json"), JSON.stringify({ private: true }));
      const quiet = ["--ignore-scripts", "--loglevel=error", "--no-audit", "--no-fund", "--no-package-lock"];
      run("npm", ["install", "--prefix", prefix, ...quiet, `${packages[kind]}@${tfjsVersion}`], { cwd: prefix });
      setUp();
      run(node, [join(root, "scripts/tools/build_tfjs.mjs"), prefix, kind, tensorflow], { cwd: root });
    });
  return {
    "tfjs-gpu": { what: "@tensorflow/tfjs-node-gpu, built against the Python environment's TensorFlow; needs g++", install: install("gpu") },
    "tfjs-cpu": { what: "@tensorflow/tfjs-node, likewise", install: install("cpu") },
  };
}

/** needCompiler holds that there is a g++; a fresh machine of CI gets one. */
function needCompiler(run) {
  if (spawnSync("g++", ["--version"], { stdio: "ignore" }).status === 0) return;
  if (process.env.CI !== "true" || process.getuid?.() !== 0) throw new Error("there is no g++: install it (Debian: apt-get install g++)");
  run("apt-get", ["update", "-qq"]);
  run("apt-get", ["install", "-y", "-qq", "--no-install-recommends", "g++"]);
}
