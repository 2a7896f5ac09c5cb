// The native engines whose libraries the tools' Python environment has.
import { globSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { newGate, newOpenVinoEngine, newTensorFlowEngine } from "@tfs/engine/all";

const inTools = (path) => globSync(fileURLToPath(new URL(`../../../../.tools/venv/lib/python3.*/site-packages/${path}`, import.meta.url)))[0];

/** nativeEngines gives those that are there, over one gate, with so many threads for an inference. */
export function nativeEngines(threads) {
  const gate = newGate({ places: 2 * threads });
  const [openvino, tensorflow] = [inTools("openvino/libs"), inTools("tensorflow")];
  return [
    ...(openvino === undefined ? [] : [newOpenVinoEngine({ dir: openvino, gate, threads })]),
    ...(tensorflow === undefined ? [] : [newTensorFlowEngine({ dir: tensorflow, gate, config: { intraOpThreads: threads, interOpThreads: threads } })]),
  ];
}
