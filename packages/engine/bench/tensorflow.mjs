// npm run bench -- tensorflow [--rounds=N] [MODEL …]: how long a call of the tensorflow engine takes, beside Python's fastest way over the same library, a
// callable of a session, in a process that takes turns with this one; then how many calls a second there are with so many in flight. What is timed has
// first been held to TensorFlow's golden outputs. Needs TensorFlow in .tools/venv: npm run tools.
import { spawn } from "node:child_process";
import { globSync, readFileSync } from "node:fs";
import { cpus, loadavg } from "node:os";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { newGate, newTensorFlowEngine } from "@tfs/engine/all";
import { background } from "@tfs/std";
import { assertClose, goldenTensor } from "@tfs/tensor/testing";

const ctx = background();
const root = fileURLToPath(new URL("../../../", import.meta.url));
const models = `${root}testdata/models/`;
const rounds = Number(process.argv.find((a) => a.startsWith("--rounds="))?.slice(9) ?? 30);
const named = process.argv.slice(2).filter((a) => !a.startsWith("--"));
const names = named.length > 0 ? named : ["half_plus_two", "half_plus_two_tf2", "mlp", "digits", "attention_tiny", "lstm_tiny", "text", "pixel_mean"];
const calls = 20;
process.env.TF_CPP_MIN_LOG_LEVEL ??= "2";

const [library] = globSync(`${root}.tools/venv/lib/python*/site-packages/tensorflow`);
if (library === undefined) throw new Error("needs TensorFlow in .tools/venv, run npm run tools");
const engine = newTensorFlowEngine({ dir: library, gate: newGate({ places: 2 * cpus().length }) });

/** newPython starts the other side. */
function newPython() {
  const child = spawn(`${root}.tools/venv/bin/python`, [fileURLToPath(new URL("callables.py", import.meta.url))], { stdio: ["pipe", "pipe", "inherit"] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    async ask(request) {
      child.stdin.write(`${JSON.stringify(request)}\n`);
      const { value, done } = await lines.next();
      if (done) throw new Error("Python has ended");
      return JSON.parse(value);
    },
    close: () => child.stdin.end(),
  };
}

async function contenders(name, python) {
  const dir = `${models}${name}/1`;
  const { signatures } = JSON.parse(readFileSync(`${models}${name}/golden.json`, "utf8")).versions[1];
  const [signatureName, found] = Object.entries(signatures).find(([, s]) => s.method === "predict");
  const golden = found.cases.find((c) => c.outputs !== undefined);
  const model = await engine.load(ctx, dir);
  const signature = model.metaGraph.signatureDef[signatureName];
  const graphName = (info) => info.encoding.value;
  const aliases = Object.keys(golden.outputs);
  const fetches = aliases.map((alias) => graphName(signature.outputs[alias]));
  const inputs = Object.entries(golden.inputs).map(([alias, t]) => [graphName(signature.inputs[alias]), t]);
  const feeds = new Map(inputs.map(([tensor, t]) => [tensor, goldenTensor(t)]));
  const run = () => model.run(ctx, feeds, fetches);
  for (const [i, got] of (await run()).entries()) assertClose(got, goldenTensor(golden.outputs[aliases[i]]), golden.tolerance, `${name}.${aliases[i]}`);
  const theirs = await python.ask({ load: dir, feeds: Object.fromEntries(inputs), fetches });
  const own = async (n) => {
    const times = [];
    for (let i = 0; i < n; i++) {
      const start = performance.now();
      await run();
      times.push((performance.now() - start) * 1000);
    }
    return times;
  };
  return { name, run, sides: [own, (n) => python.ask({ run: theirs, calls: n })], times: [[], []] };
}

const python = newPython();
const all = [];
for (const name of names) all.push(await contenders(name, python));
for (const { sides } of all) for (const side of sides) await side(200);
for (let round = 0; round < rounds; round++)
  for (const { sides, times } of all)
    for (const i of round % 2 === 0 ? [0, 1] : [1, 0]) {
      globalThis.gc?.();
      times[i].push(...(await sides[i](calls)));
    }
python.close();

const median = (times) => times.sort((a, b) => a - b)[times.length >> 1];
const text = (n) => n.toFixed(n < 100 ? 1 : 0).padStart(10);
const loads = loadavg().map((n) => n.toFixed(2));
console.log(`one call, ${rounds * calls} each, microseconds; Node ${process.version}, ${cpus()[0]?.model ?? "?"} x${cpus().length}, load ${loads.join(" ")}\n`);
console.log(`${"model".padEnd(20)}${["min", "median", "Python min", "median", "of median", "of min"].map((s) => s.padStart(11)).join("")}`);
for (const { name, times } of all) {
  const [own, theirs] = times.map((t) => ({ median: median(t), min: Math.min(...t) }));
  const ratios = [own.median / theirs.median, own.min / theirs.min].map((n) => n.toFixed(2).padStart(11));
  console.log(`${name.padEnd(20)}${[own.min, own.median, theirs.min, theirs.median].map((n) => ` ${text(n)}`).join("")}${ratios.join("")}`);
}

console.log(`\ncalls a second, by calls in flight\n\n${"model".padEnd(20)}${[1, 2, 4, 8].map((n) => String(n).padStart(10)).join("")}`);
for (const { name, run } of all) {
  const figures = [];
  for (const inFlight of [1, 2, 4, 8]) {
    const until = performance.now() + 500;
    let count = 0;
    const start = performance.now();
    await Promise.all(
      Array.from({ length: inFlight }, async () => {
        for (; performance.now() < until; count++) await run();
      }),
    );
    figures.push(((count / (performance.now() - start)) * 1000).toFixed(0).padStart(10));
  }
  console.log(name.padEnd(20) + figures.join(""));
}
