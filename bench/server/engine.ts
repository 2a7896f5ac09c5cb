// What the model itself takes: the same run, in this process, with no server around it.
import { type LoadedModel, newEmbeddedEngine } from "@tfs/engine";
import { background } from "@tfs/std";
import { DType, newTensor, type Tensor } from "@tfs/tensor";
import { smallValues } from "../gateway/payload.ts";
import { model } from "./serve.ts";

/** engineMicros gives the processor time of one run of half-plus-two on ten floats, in µs. */
export async function engineMicros(): Promise<number> {
  return (await aloneIn(`${model}/1`, newTensor(DType.Float, [1, 10], smallValues), 10_000)).micros;
}

/** Alone is what a model takes and gives without a server. */
export interface Alone {
  /** micros is the processor time of one run, in µs: the least of several rounds. */
  readonly micros: number;
  readonly outputs: ReadonlyMap<string, Tensor>;
}

/** aloneIn runs the default signature of a version directory, which has one input. */
export async function aloneIn(version: string, x: Tensor, runs: number): Promise<Alone> {
  const ctx = background();
  const loaded = await newEmbeddedEngine().load(ctx, version, { tags: ["serve"] });
  try {
    const { inputs, outputs } = loaded.metaGraph.signatureDef["serving_default"]!;
    const nameOf = (info: (typeof inputs)[string] | undefined): string => (info?.encoding.case === "name" ? info.encoding.value : "");
    const feeds = new Map([[nameOf(Object.values(inputs)[0]), x]]);
    const fetches = Object.values(outputs).map(nameOf);
    const once = (): ReturnType<LoadedModel["run"]> => loaded.run(ctx, feeds, fetches);
    const values = await once();
    let least = Number.POSITIVE_INFINITY;
    for (let round = 0; round < 10; round++) {
      const before = process.cpuUsage();
      for (let i = 0; i < runs; i++) await once();
      const { user, system } = process.cpuUsage(before);
      least = Math.min(least, (user + system) / runs);
    }
    return { micros: least, outputs: new Map(Object.keys(outputs).map((alias, i) => [alias, values[i]!])) };
  } finally {
    await loaded.close();
  }
}
