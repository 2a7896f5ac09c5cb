import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { test } from "node:test";
import { background, Code, newError, withCancel } from "@tfs/std";
import { newEmbeddedEngine } from "../embedded/index.ts";
import type { Engine } from "../engine.ts";
import { rehearse } from "./rehearsal.ts";

test("a rehearsal looks for the engine's library, loads a model, runs and closes it, and leaves no files", async () => {
  const told: string[] = [];
  const embedded = newEmbeddedEngine();
  const engine: Engine = {
    name: "embedded",
    async probe(ctx) {
      told.push("probe");
      return await embedded.probe(ctx);
    },
    async load(ctx, dir) {
      told.push(dir);
      const model = await embedded.load(ctx, dir);
      return {
        metaGraph: model.metaGraph,
        estimateBytes: () => 0,
        async run(...call) {
          const outputs = await model.run(...call);
          told.push(`run ${outputs.map(({ shape }) => `[${shape}]`)}`);
          return outputs;
        },
        async close() {
          told.push("close");
          await model.close();
        },
      };
    },
  };
  await rehearse(background(), engine);
  const dir = told[1]!;
  assert.deepEqual(told, ["probe", dir, "run [1,4]", "close"]);
  assert.equal(existsSync(dir), false);
});
test("an engine that cannot load leaves no files either, and it is no failure", async () => {
  let loads = "";
  const none: Engine = {
    name: "tflite",
    probe: async () => ({ ok: false, why: "nowhere" }),
    async load(_, dir) {
      loads = dir;
      throw newError(Code.Unavailable, "nowhere");
    },
  };
  await rehearse(background(), none);
  assert.notEqual(loads, "");
  assert.equal(existsSync(loads), false);
});
test("a rehearsal that is no longer wanted leaves off", async () => {
  using life = withCancel(background());
  const engine: Engine = {
    name: "embedded",
    async probe() {
      life.cancel(newError(Code.Canceled, "a model comes"));
      return { ok: true, version: "1" };
    },
    load: () => assert.fail("it loads"),
  };
  await rehearse(life, engine);
});
