// What pack_openvino.mjs runs in an empty project: a model, on the libraries of an installed package.
// usage: node openvino.mjs MODEL PACKAGE
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { newGate, newOpenVinoEngine } from "@tfs/engine/all";
import { background } from "@tfs/std";
import { DType, newTensor } from "@tfs/tensor";

const [dir, name] = process.argv.slice(2);
const libraries = join(dirname(createRequire(import.meta.url).resolve(`${name}/package.json`)), "lib");
let by = "nothing";
const engine = newOpenVinoEngine({ dir: libraries, gate: newGate({ places: 2 }), onRun: (who) => (by = who) });
const ctx = background();
const probe = await engine.probe(ctx);
const model = await engine.load(ctx, dir);
const { inputs, outputs } = model.metaGraph.signatureDef.serving_default;
const x = newTensor(DType.Float, [2, 64], new Float32Array(128).fill(0.5));
const [y] = await model.run(ctx, new Map([[Object.values(inputs)[0].encoding.value, x]]), [Object.values(outputs)[0].encoding.value]);
await model.close();
console.log(`OpenVINO ${probe.version} in ${libraries}: answered by ${by}, shape ${y.shape}`);
process.exitCode = by === "openvino" ? 0 : 1;
