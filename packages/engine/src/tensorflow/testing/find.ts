import { globSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../../../../", import.meta.url));

/** libraryDir is the folder of TensorFlow's libraries in the repository's own Python. Throws where it is missing: these tests are about nothing else. */
export function libraryDir(): string {
  const [found] = globSync(".tools/venv/lib/python*/site-packages/tensorflow/libtensorflow_cc.so.2", { cwd: root });
  if (found === undefined) throw new Error("these tests need TensorFlow in .tools/venv: run npm run tools");
  return root + found.slice(0, found.lastIndexOf("/"));
}
