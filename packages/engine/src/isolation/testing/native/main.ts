// The process of an engine as it is. usage: main.js ENGINE DIR, the folder of its library.
import { newEmbeddedEngine } from "../../../embedded/index.ts";
import type { Engine } from "../../../engine.ts";
import { newGate } from "../../../native/index.ts";
import { newOpenVinoEngine } from "../../../openvino/index.ts";
import { newTensorFlowEngine } from "../../../tensorflow/index.ts";
import { newTfLiteEngine } from "../../../tflite/index.ts";
import { serveEngine } from "../../serve.ts";

const [name = "", dir = ""] = process.argv.slice(2);
const gate = newGate({ places: 2 });
const engines: Readonly<Record<string, () => Engine>> = {
  embedded: newEmbeddedEngine,
  openvino: () => newOpenVinoEngine({ dir, gate }),
  tensorflow: () => newTensorFlowEngine({ dir, gate }),
  tflite: () => newTfLiteEngine({ litertDir: async () => dir, gate }),
};
await serveEngine(engines[name]!());
process.exit(0);
