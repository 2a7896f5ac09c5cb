// What the model itself takes: the same run, in this process, with no server around it.
import { newEmbeddedEngine } from "@tfs/engine";
import { background } from "@tfs/std";
import { DType, newTensor } from "@tfs/tensor";
import { smallValues } from "../gateway/payload.ts";
import { model } from "./serve.ts";

/** engineMicros gives the processor time of one run of half-plus-two on ten floats, in µs: the least of several rounds. */
export async function engineMicros(): Promise<number> {
  const ctx = background();
  const loaded = await newEmbeddedEngine().load(ctx, `${model}/1`, { tags: ["serve"] });
  try {
    const { inputs, outputs } = loaded.metaGraph.signatureDef["serving_default"]!;
    const nameOf = (info: (typeof inputs)[string] | undefined): string => (info?.encoding.case === "name" ? info.encoding.value : "");
    const feeds = new Map([[nameOf(inputs["x"]), newTensor(DType.Float, [1, 10], smallValues)]]);
    const fetches = Object.values(outputs).map(nameOf);
    let least = Number.POSITIVE_INFINITY;
    for (let round = 0; round < 10; round++) {
      const runs = 10_000;
      const before = process.cpuUsage();
      for (let i = 0; i < runs; i++) await loaded.run(ctx, feeds, fetches);
      const { user, system } = process.cpuUsage(before);
      least = Math.min(least, (user + system) / runs);
    }
    return least;
  } finally {
    await loaded.close();
  }
}
