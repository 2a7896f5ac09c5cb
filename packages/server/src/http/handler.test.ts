import assert from "node:assert/strict";
import { after, test } from "node:test";
import { newEmbeddedEngine } from "@tfs/engine";
import { newBudget, newListener } from "@tfs/rpc";
import { background, systemClock } from "@tfs/std";
import { newRegistry } from "@tfs/std/metrics";
import { type Models, newRuns } from "../infer/index.ts";
import { newMeter } from "../meter/index.ts";
import { newLoads } from "../servable/index.ts";
import { newCore } from "../core/index.ts";
import { newLocalStorage } from "../storage/index.ts";
import { admitting, models, silent } from "../testing/index.ts";
import { newFleet, newHttpHandler, newScratches } from "./index.ts";

const clock = systemClock();
const registry = newRegistry();
const core = newCore({
  engines: () => newEmbeddedEngine(),
  tags: ["serve"],
  loads: newLoads(registry),
  storages: { file: newLocalStorage(clock) },
  clock,
  logger: silent,
});
await core.start(background(), [{ name: "m", basePath: `${models}half_plus_two` }]);
const { manager } = core;
const taken: string[] = [];
let held = 0;
const counting: Models = {
  acquire: (spec) => {
    taken.push(spec?.name ?? "");
    held++;
    const handle = manager.acquire(spec);
    return {
      servable: handle.servable,
      [Symbol.dispose]: () => {
        held--;
        handle[Symbol.dispose]();
      },
    };
  },
  status: (name, version) => manager.status(name, version),
};
const scratches = newScratches();
let lent = 0;
const infer = { manager: counting, checkMethodName: false, runs: newRuns(registry) };
const listener = newListener({
  onExchange: newHttpHandler({
    floats: undefined,
    scratches: {
      take() {
        lent++;
        return scratches.take();
      },
      give(scratch) {
        lent--;
        scratches.give(scratch);
      },
    },
    infer,
    admission: admitting,
    fleet: newFleet({ models: [], manager, trouble: () => undefined }, () => false),
    timeoutMs: 0,
    cors: false,
    compress: false,
    listModels: true,
    maxBodyBytes: 1 << 20,
    bodies: newBudget(2 ** 30),
    numbers: "tensorflow",
    pages: () => undefined,
    meter: newMeter({ registry, models: manager }),
    logger: silent,
    life: background(),
  }),
  clock,
  logger: silent,
});
const address = await listener.listen(background(), { host: "127.0.0.1", port: 0 });
after(async () => {
  await listener.drain(0);
  await core.close();
});

for (const [name, body, status, left, accept] of [
  ["an answer", '{"instances":[1.0]}', 200, 0],
  ["an answer of arrays, which may view what was read", '{"instances":[1.0]}', 200, 1, "application/x-npy"],
  ["a body that does not fit", '{"instances":["x"]}', 400, 1],
  ["a signature that is not there", '{"signature_name":"nope","instances":[1.0]}', 400, 1],
] as const) {
  test(`REST predict holds its version once from signature to run, and lets go, of the memory for its tensors too if nothing can refer to it: ${name}`, async () => {
    taken.length = lent = 0;
    const headers = accept === undefined ? {} : { accept };
    const got = await fetch(`http://127.0.0.1:${"port" in address ? address.port : 0}/v1/models/m:predict`, { method: "POST", body, headers });
    await got.arrayBuffer();
    assert.deepEqual([got.status, taken, held, lent], [status, ["m"], 0, left]);
  });
}
