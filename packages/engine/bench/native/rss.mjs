// rss.mjs DIR: runs a model a hundred times on ones, by its first signature that takes floats, and prints the process's memory in MiB.
import { newEmbeddedEngine } from "@tfs/engine";
import { background } from "@tfs/std";
import { DType, elementCount, newTensor } from "@tfs/tensor";

const ctx = background();
const model = await newEmbeddedEngine().load(ctx, process.argv[2]);
const { inputs, outputs } = model.metaGraph.signatureDef.serving_default;
const feeds = new Map(
  Object.values(inputs).map((info) => {
    const shape = info.tensorShape.dim.map(({ size }) => Math.max(1, Number(size)));
    return [info.encoding.value, newTensor(DType.Float, shape, new Float32Array(elementCount(shape)).fill(1))];
  }),
);
for (let i = 0; i < 100; i++)
  await model.run(
    ctx,
    feeds,
    Object.values(outputs).map((info) => info.encoding.value),
  );
console.log((process.memoryUsage().rss / 2 ** 20).toFixed(0));
