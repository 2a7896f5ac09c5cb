// npm run bench -- engine [--rounds=N]: how long the embedded engine takes for a call, by test model and batch size; and beside it, where the model is one
// that is written down in a few lines, the same arithmetic as tfjs-core runs it eagerly on its WebAssembly backend, values in and values out. Rounds
// take turns, after a collection, so that nobody pays for another's garbage. What is timed has first been held to TensorFlow's golden outputs.
// Then, where the tools are installed, the embedded engine beside Python's TensorFlow with one thread, and what memory a process with it takes (with --single only
// that); then native engines, and what auto takes, beside TensorFlow with all threads (with --native only that).
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { cpus, loadavg } from "node:os";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { setWasmPaths } from "@tensorflow/tfjs-backend-wasm";
import * as tf from "@tensorflow/tfjs-core";
import { newEmbeddedEngine } from "@tfs/engine";
import { newAutoEngine } from "@tfs/engine/all";
import { openSavedModel } from "@tfs/savedmodel";
import { background, systemClock } from "@tfs/std";
import { concat, slice } from "@tfs/tensor";
import { assertClose, goldenTensor } from "@tfs/tensor/testing";
import { compareWithTensorFlow } from "./native/compare.mjs";
import { nativeEngines } from "./native/engines.mjs";

const ctx = background();
setWasmPaths(join(dirname(createRequire(import.meta.url).resolve("@tensorflow/tfjs-backend-wasm")), "/"));
await tf.setBackend("wasm");
const models = fileURLToPath(new URL("../../../testdata/models/", import.meta.url));
const batches = [1, 32];

/** Layers of the two models that tfjs-core can run without a graph; weights in the order in which the models track them. */
const dense = (x, w, b) => tf.add(tf.matMul(x, w), b);
const eager = {
  mlp: (x, [w0, b0, w1, b1, w2, b2]) => ({ y: dense(tf.relu(dense(tf.relu(dense(x, w0, b0)), w1, b1)), w2, b2) }),
  digits: (x, [k0, b0, gamma, beta, mean, variance, k1, b1, w, b]) => {
    const first = tf.batchNorm(tf.relu(tf.add(tf.conv2d(x, k0, 1, "same"), b0)), mean, variance, beta, gamma, 1e-3);
    const second = tf.relu(tf.add(tf.conv2d(tf.maxPool(first, 2, 2, "valid"), k1, 1, "valid"), b1));
    const scores = tf.softmax(dense(tf.reshape(second, [x.shape[0], -1]), w, b));
    return { scores, digit: tf.argMax(scores, 1) };
  },
};

async function weights(dir) {
  await using model = await openSavedModel(ctx, dir);
  const found = [];
  for (let i = 0; ; i++) {
    const key = `tracked/${i}/.ATTRIBUTES/VARIABLE_VALUE`;
    if (model.variables.entry(key) === undefined) break;
    const { data, shape } = await model.variables.read(ctx, key);
    found.push(tf.tensor(data, [...shape], "float32"));
  }
  return found;
}

/** rows repeats a golden case's rows until there are n. */
function rows(tensor, n) {
  const whole = Array.from({ length: Math.ceil(n / tensor.shape[0]) }, () => tensor);
  return slice(concat(whole), 0, n);
}

async function contenders(name, engine) {
  const dir = `${models}${name}/1`;
  const golden = JSON.parse(readFileSync(`${models}${name}/golden.json`, "utf8")).versions[1].signatures.serving_default.cases[0];
  const model = await engine.load(ctx, dir);
  const signature = model.metaGraph.signatureDef.serving_default;
  const graphName = (info) => info.encoding.value;
  const aliases = Object.keys(golden.outputs);
  const fetches = aliases.map((alias) => graphName(signature.outputs[alias]));
  const held = eager[name] === undefined ? [] : await weights(dir);
  const found = [];
  for (const batch of batches) {
    const inputs = new Map(Object.entries(golden.inputs).map(([alias, t]) => [alias, rows(goldenTensor(t), batch)]));
    const feeds = new Map([...inputs].map(([alias, t]) => [graphName(signature.inputs[alias]), t]));
    const want = aliases.map((alias) => rows(goldenTensor(golden.outputs[alias]), batch));
    const run = () => model.run(ctx, feeds, fetches);
    for (const [i, got] of (await run()).entries()) assertClose(got, want[i], golden.tolerance, `${name}.${aliases[i]}`);
    found.push({ name, batch, who: "embedded", run, times: [] });
    if (eager[name] === undefined) continue;
    const [input] = inputs.values();
    const by = () =>
      tf.tidy(() => {
        const out = eager[name](tf.tensor(input.data, [...input.shape], "float32"), held);
        return aliases.map((alias) => out[alias].dataSync());
      });
    by().forEach((values, i) => {
      const { dtype, shape, data } = want[i];
      assertClose(
        { dtype, shape, data: data.constructor.from(values, data instanceof BigInt64Array ? BigInt : undefined) },
        want[i],
        golden.tolerance,
        `tfjs ${name}`,
      );
    });
    found.push({ name, batch, who: "tfjs eager", run: by, times: [] });
  }
  return found;
}

const rounds = Number(process.argv.find((a) => a.startsWith("--rounds="))?.slice(9) ?? 30);
const only = (name) => process.argv.includes(name);
if (!only("--native") && !only("--single")) await embedded();
if (!only("--native")) await single();
if (!only("--single")) await native();

/** embedded measures the embedded engine on the test models. */
async function embedded() {
  const calls = 10;
  const engine = newEmbeddedEngine();
  await engine.probe(ctx); // starts the WebAssembly backend that both use
  const all = [];
  for (const name of ["digits", "mlp", "text", "lstm_tiny"]) all.push(...(await contenders(name, engine)));
  for (const { run } of all) for (let i = 0; i < 50; i++) await run();
  for (let round = 0; round < rounds; round++) {
    for (let i = 0; i < all.length; i++) {
      const { run, times } = all[(i + round) % all.length];
      globalThis.gc?.();
      for (let call = 0; call < calls; call++) {
        const start = performance.now();
        await run();
        times.push((performance.now() - start) * 1000);
      }
    }
  }

  const loads = loadavg().map((n) => n.toFixed(2));
  console.log(
    `one call, ${rounds * calls} each, microseconds; Node ${process.version}, tfjs ${tf.version_core}, ${cpus()[0]?.model ?? "?"} x${cpus().length}, load ${loads.join(" ")}\n`,
  );
  console.log(["model", "batch", "who", "min", "median", "max", "per row"].map((s, i) => (i < 3 ? s.padEnd(12) : s.padStart(9))).join(""));
  for (const { name, batch, who, times } of all) {
    times.sort((a, b) => a - b);
    const median = times[times.length >> 1];
    const figures = [times[0], median, times.at(-1), median / batch].map((n) => n.toFixed(n < 10 ? 1 : 0).padStart(9));
    console.log(name.padEnd(12) + String(batch).padEnd(12) + who.padEnd(12) + figures.join(""));
  }
}

/** single measures the embedded engine on the models that people export, each side with one thread. */
async function single() {
  const calls = { tiny: 200, mlp: 200, cnn: 100, mobilenetv2: 8, lstm: 40, bigru: 40, transformer: 40 };
  await compareWithTensorFlow({ engines: [newEmbeddedEngine()], threads: 1, rounds, calls });
  const program = fileURLToPath(new URL("native/rss.mjs", import.meta.url));
  for (const dir of [`${models}half_plus_two_tf2/1`, fileURLToPath(new URL("../../../.tools/bench-models/mobilenetv2/1", import.meta.url))]) {
    const { stdout } = spawnSync(process.execPath, [program, dir], { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });
    console.log(`a process that has run ${basename(dirname(dir))} a hundred times: ${stdout.trim()} MiB`);
  }
}

/** native measures the engines whose libraries are in the tools' Python environment, and which of them auto takes. */
async function native() {
  const threads = cpus().length;
  const engines = nativeEngines(threads);
  if (engines.length === 0) return console.log("\nno native engines: they need npm run tools");
  const candidates = [...engines, newEmbeddedEngine()];
  await compareWithTensorFlow({ engines: [...candidates, newAutoEngine({ candidates, clock: systemClock() })], threads, rounds });
  console.log(
    `\nload ${loadavg()
      .map((n) => n.toFixed(2))
      .join(" ")}`,
  );
}
