/**
 * Package testing finds OpenVINO's libraries for tests: those of the Python package in the tools' environment.
 *
 * @module
 */
import { globSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** libraryDir is the folder of OpenVINO's libraries in the repository's own Python. Throws where it is missing: these tests are about nothing else. */
export function libraryDir(): string {
  const [dir] = globSync(fileURLToPath(new URL("../../../../../.tools/venv/lib/python3.*/site-packages/openvino/libs", import.meta.url)));
  if (dir === undefined) throw new Error("these tests need OpenVINO in .tools/venv: run npm run tools");
  return dir;
}
