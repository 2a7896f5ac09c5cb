/**
 * Package testing finds OpenVINO's libraries for tests: those of the Python package in the tools' environment.
 *
 * @module
 */
import { globSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** findLibraries gives the folder, or the reason to skip what needs it. */
export function findLibraries(): { readonly dir: string; readonly skip: string | false } {
  const [dir] = globSync(fileURLToPath(new URL("../../../../../.tools/venv/lib/python3.*/site-packages/openvino/libs", import.meta.url)));
  return dir === undefined ? { dir: "", skip: "needs openvino, run npm run tools" } : { dir, skip: false };
}
