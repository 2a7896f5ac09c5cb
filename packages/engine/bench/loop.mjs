// npm run bench -- loop: how long engines hold up the event loop, which other calls wait for: while a model of 105 MB of variables is loaded, and while an
// inference of some 50 ms (MobileNetV2, four images; 2 in flight) goes on. Each turn of the loop is timed; an idle loop's turns stand first, for what the machine itself does. Last comes
// the most processor time that the loop's thread took from one tick to the next: that a busy machine does not add to.
import { spawnSync } from "node:child_process";
import { cpus, loadavg } from "node:os";
import { fileURLToPath } from "node:url";
import { newEmbeddedEngine } from "@tfs/engine";
import { background } from "@tfs/std";
import { DType, newTensor } from "@tfs/tensor";
import { nativeEngines } from "./native/engines.mjs";

process.env.TF_CPP_MIN_LOG_LEVEL ??= "2";
const ctx = background();
const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const models = here("../../../.tools/bench-models/");
if (spawnSync(here("../../../.tools/venv/bin/python"), [here("native/models.py"), models], { stdio: ["ignore", "ignore", "inherit"] }).status !== 0)
  throw new Error("the models cannot be made: run npm run tools");

const ownMs = () => {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
};

/** watched times the turns of the event loop while something goes on: every millisecond one is asked for, and counts for as long as it is late. */
async function watched(work) {
  const late = [];
  let [due, on, own, most] = [performance.now() + 1, true, ownMs(), 0];
  const ticking = new Promise((ended) => {
    (function tick() {
      const now = performance.now();
      late.push(Math.max(0, now - due));
      const used = ownMs();
      [own, most] = [used, Math.max(most, used - own)];
      due = now + 1;
      if (on) setTimeout(tick, 1);
      else ended();
    })();
  });
  const begun = performance.now();
  await work();
  const ms = performance.now() - begun;
  on = false;
  await ticking;
  late.sort((a, b) => a - b);
  const at = (share) => late[Math.min(late.length - 1, Math.floor(late.length * share))].toFixed(1).padStart(8);
  return `${ms.toFixed(0).padStart(8)}${at(0.5)}${at(0.99)}${at(0.999)}${late.at(-1).toFixed(1).padStart(8)}${most.toFixed(1).padStart(8)}`;
}

const say = (what, who, figures) => console.log(`${what.padEnd(34)}${who.padEnd(12)}${figures}`);
const x = newTensor(DType.Float, [4, 224, 224, 3], new Float32Array(4 * 224 * 224 * 3).fill(0.5));
const nameOf = (side) => Object.values(side)[0].encoding.value;

console.log(`Node ${process.version}, ${cpus()[0]?.model} x${cpus().length}, load ${loadavg()[0].toFixed(2)}; milliseconds\n`);
say("", "", ["in all", "p50", "p99", "p99.9", "max", "own"].map((s) => s.padStart(8)).join(""));
say("nothing", "", await watched(() => new Promise((done) => setTimeout(done, 2000))));
for (const engine of [newEmbeddedEngine(), ...nativeEngines(cpus().length)]) {
  await (await engine.load(ctx, `${models}mlp/1`)).close(); // opens the library, once in a process
  for (let round = 0; round < 3; round++) {
    let model;
    say("load of 105 MB", engine.name, await watched(async () => (model = await engine.load(ctx, `${models}large/1`))));
    await model.close();
  }
  if (engine.name === "embedded") continue; // it runs in the loop: stage F
  const model = await engine.load(ctx, `${models}mobilenetv2/1`);
  const { inputs, outputs } = model.metaGraph.signatureDef.serving_default;
  const run = () => model.run(ctx, new Map([[nameOf(inputs), x]]), [nameOf(outputs)]);
  for (let i = 0; i < 3; i++) await run();
  const caller = async () => {
    for (let i = 0; i < 30; i++) await run();
  };
  say("60 inferences, 2 in flight", engine.name, await watched(() => Promise.all([caller(), caller()])));
  await model.close();
}
