import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { type Engine, newEmbeddedEngine } from "@tfs/engine";
import { background, Code, deadlineExceeded } from "@tfs/std";
import { newRegistry } from "@tfs/std/metrics";
import { DType, newTensor } from "@tfs/tensor";
import { models } from "../testing/index.ts";
import { newLoads } from "./loads.ts";
import { loadServable } from "./servable.ts";

const ctx = background();
const feeds = new Map([["x:0", newTensor(DType.Float, [1], Float32Array.of(2))]]);

test("a run's time is what the engine says that it took, in parts or not, and not what it waited for", async () => {
  const registry = newRegistry();
  const embedded = newEmbeddedEngine();
  let fails = false;
  const engine: Engine = {
    ...embedded,
    async load(...given) {
      const model = await embedded.load(...given);
      return {
        metaGraph: model.metaGraph,
        estimateBytes: () => 0,
        close: () => model.close(),
        async run(run, fed, fetches, took) {
          if (fails) throw deadlineExceeded;
          const outputs = await model.run(run, fed, fetches);
          for (const ms of [1.5, 0.25]) took?.(ms);
          return outputs;
        },
      };
    },
  };
  const path = join(models, "half_plus_two/1");
  const servable = await loadServable(ctx, { engines: () => engine, tags: ["serve"], loads: newLoads(registry) }, { name: "m", version: 1n, path }, path);
  await servable.run(ctx, feeds, ["y:0"]);
  await servable.run(ctx, feeds, ["y:0"]);
  fails = true;
  await assert.rejects(servable.run(ctx, feeds, ["y:0"]), { code: Code.DeadlineExceeded });
  const count = (name: string): unknown => registry.collect().find((family) => family.name === `/tensorflow/core/${name}`)?.cells[0]?.value;
  assert.deepEqual(["direct_session_runs", "graph_runs", "graph_run_time_usecs"].map(count), [3, 2, 3500]);
  await servable.close();
});
