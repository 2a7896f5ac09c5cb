import { existsSync, globSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../../../../", import.meta.url));

/** models are the test models with TensorFlow's answers. */
export const models: string = `${root}testdata/models/`;

/** tfjsFolder is where `npm run tools` puts tfjs-node-gpu. Throws where it is missing: these tests are about nothing else. */
export function tfjsFolder(): string {
  const folder = join(root, ".tools/tfjs-gpu");
  if (!existsSync(join(folder, ".tfs-stamp"))) throw new Error("these tests need tfjs-node with an addon of our own in .tools/tfjs-gpu: run npm run tools");
  return folder;
}

/** tensorflowDir is the TensorFlow of the repository's own Python, which tfjs-node was built with. */
export function tensorflowDir(): string {
  const [found] = globSync(".tools/venv/lib/python*/site-packages/tensorflow", { cwd: root });
  if (found === undefined) throw new Error("these tests need TensorFlow in .tools/venv: run npm run tools");
  return root + found;
}
