import { globSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../../../../", import.meta.url));

/** models are .tflite files by TensorFlow's converter, with its answers. */
export const models: string = `${root}packages/engine/testdata/tflite/`;

/** unserved are some that are refused: `operator` and `type` say what for. */
export const unserved: string = `${root}packages/engine/testdata/tflite_unserved/`;

export function fileOf(model: string, among: string = models): Uint8Array {
  return new Uint8Array(readFileSync(`${among}${model}/1/model.tflite`));
}

const libraries = { litert: "ai_edge_litert/libLiteRt.so", openvino: "openvino/libs/libopenvino_c.so*" } as const;

/** libraryDir is the folder of a library that the repository's tools have. Throws where it is missing: these tests are about nothing else. */
export function libraryDir(name: keyof typeof libraries): string {
  const [found] = globSync(`.tools/*/lib/python*/site-packages/${libraries[name]}`, { cwd: root });
  if (found === undefined) throw new Error(`these tests need ${libraries[name]} in .tools: run npm run tools`);
  return root + found.slice(0, found.lastIndexOf("/"));
}
