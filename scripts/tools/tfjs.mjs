// tfjs-node, with an addon built against the TensorFlow of the Python environment: `engine build-tfjs` itself at work.
import { globSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { node, setUp } from "../setup.mjs";

/** The peer's version in packages/engine/package.json; scripts/packages.test.ts holds the two together. */
const tfjsVersion = "4.22.0";

const packages = { gpu: "@tensorflow/tfjs-node-gpu", cpu: "@tensorflow/tfjs-node" };

/** tfjsTools are the two packages, 300 MB each, without their install scripts: those would download a TensorFlow of 2022. The arguments are as in newGo. */
export function tfjsTools({ root, dir, run, once }) {
  const install = (kind) => () =>
    once(`tfjs-${kind}`, tfjsVersion, () => {
      const [library] = globSync(join(dir, "venv/lib/python*/site-packages/tensorflow/libtensorflow_cc.so.2"));
      if (library === undefined) throw new Error("it is built against TensorFlow in .tools/venv: run npm run tools -- venv");
      const prefix = join(dir, `tfjs-${kind}`);
      rmSync(prefix, { recursive: true, force: true });
      mkdirSync(prefix, { recursive: true });
      writeFileSync(join(prefix, "package.json"), JSON.stringify({ private: true }));
      const quiet = ["--ignore-scripts", "--loglevel=error", "--no-audit", "--no-fund", "--no-package-lock"];
      run("npm", ["install", "--prefix", prefix, ...quiet, `${packages[kind]}@${tfjsVersion}`], { cwd: prefix });
      setUp();
      run(node, [join(root, "scripts/tools/build_tfjs.mjs"), prefix, kind, join(library, "..")], { cwd: root });
    });
  return {
    "tfjs-gpu": { what: "@tensorflow/tfjs-node-gpu, built against the Python environment's TensorFlow; needs g++", install: install("gpu") },
    "tfjs-cpu": { what: "@tensorflow/tfjs-node, likewise", install: install("cpu") },
  };
}
