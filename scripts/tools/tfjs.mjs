// tfjs-node, with an addon built against the TensorFlow of the Python environment: `engine build-tfjs` itself at work.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { node, setUp } from "../setup.mjs";

/** The peer's version in packages/engine/package.json; scripts/packages.test.ts holds the two together. */
const tfjsVersion = "4.22.0";

/** tfjsTools is the package for GPUs, which runs without one too: 300 MB, without its install script, which would download a TensorFlow of 2022. The arguments are as in newGo. */
export function tfjsTools({ root, dir, run, once }) {
  const install = () =>
    once("tfjs-gpu", tfjsVersion, () => {
      const pythons = join(dir, "venv/lib");
      const tensorflow = (existsSync(pythons) ? readdirSync(pythons) : []).map((python) => join(pythons, python, "site-packages/tensorflow")).find(existsSync);
      if (tensorflow === undefined) throw new Error("it is built against TensorFlow in .tools/venv: run npm run tools -- venv");
      needCompiler(run);
      const prefix = join(dir, "tfjs-gpu");
      rmSync(prefix, { recursive: true, force: true });
      mkdirSync(prefix, { recursive: true });
      writeFileSync(join(prefix, "package.json"), JSON.stringify({ private: true }));
      const quiet = ["--ignore-scripts", "--loglevel=error", "--no-audit", "--no-fund", "--no-package-lock"];
      run("npm", ["install", "--prefix", prefix, ...quiet, `@tensorflow/tfjs-node-gpu@${tfjsVersion}`], { cwd: prefix });
      setUp();
      run(node, [join(root, "scripts/tools/build_tfjs.mjs"), prefix, "gpu", tensorflow], { cwd: root });
    });
  return {
    "tfjs-gpu": { what: "@tensorflow/tfjs-node-gpu, built against the Python environment's TensorFlow; needs g++", install },
  };
}

/** needCompiler holds that there is a g++; a fresh machine of CI gets one. */
function needCompiler(run) {
  if (spawnSync("g++", ["--version"], { stdio: "ignore" }).status === 0) return;
  if (process.env.CI !== "true" || process.getuid?.() !== 0) throw new Error("there is no g++: install it (Debian: apt-get install g++)");
  run("apt-get", ["update", "-qq"]);
  run("apt-get", ["install", "-y", "-qq", "--no-install-recommends", "g++"]);
}
