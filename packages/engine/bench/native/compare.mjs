// Native engines beside Python's TensorFlow: the same models, inputs and number of threads, in turns within one run.
import { spawn, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { background } from "@tfs/std";
import { DType, newTensor } from "@tfs/tensor";

const ctx = background();
const tools = fileURLToPath(new URL("../../../../.tools/", import.meta.url));
const here = (file) => fileURLToPath(new URL(file, import.meta.url));
const python = `${tools}venv/bin/python`;
const models = `${tools}bench-models/`;
const dtypes = { float32: [DType.Float, Float32Array], int32: [DType.Int32, Int32Array] };

/** tensorOf reads what peer.py writes. */
function tensorOf({ shape, dtype, content }) {
  const [type, array] = dtypes[dtype];
  const bytes = new Uint8Array(Buffer.from(content, "base64"));
  return newTensor(type, shape, new array(bytes.buffer));
}

/** startPython gives a function that sends a command and waits for the answer. */
function startPython(threads) {
  const child = spawn(python, [here("peer.py"), String(threads)], { stdio: ["pipe", "pipe", "ignore"] });
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    async ask(command) {
      child.stdin.write(`${JSON.stringify(command)}\n`);
      const { value, done } = await answers.next();
      if (done) throw new Error("TensorFlow has ended");
      return JSON.parse(value);
    },
    end: () => child.stdin.end(),
  };
}

/** compareWithTensorFlow prints, for each model, the best and the median call of each engine and of TensorFlow. Throws if outputs differ by more than 1e-3 of the largest. */
export async function compareWithTensorFlow({ engines, threads, rounds, calls = { mlp: 200, cnn: 100, mobilenetv2: 8, transformer: 40 } }) {
  if (!existsSync(python)) return console.log("\nno comparison with TensorFlow: it needs npm run tools");
  if (spawnSync(python, [here("models.py"), models], { stdio: ["ignore", "ignore", "pipe"], encoding: "utf8" }).status !== 0)
    throw new Error("the models cannot be made");
  const tensorflow = startPython(threads);
  console.log(
    `\none call, microseconds, ${threads} threads each, ${rounds} rounds in turns; TensorFlow by Session.make_callable and by the signature's function\n`,
  );
  console.log(
    ["model", "who", "min", "median", "times faster than TensorFlow's better one: min", "median"]
      .map((s, i) => (i < 2 ? s.padEnd(i === 0 ? 14 : 18) : `${s}  `))
      .join(""),
  );
  for (const [name, each] of Object.entries(calls)) {
    const { input, output } = await tensorflow.ask({ load: models + name });
    const [x, want] = [tensorOf(input), tensorOf(output)];
    const bound = 1e-3 * want.data.reduce((max, v) => Math.max(max, Math.abs(v)), 0);
    const loaded = [];
    for (const engine of engines) {
      const model = await engine.load(ctx, `${models}${name}/1`);
      const { inputs, outputs } = model.metaGraph.signatureDef.serving_default;
      const feeds = new Map([[Object.values(inputs)[0].encoding.value, x]]);
      const fetches = [Object.values(outputs)[0].encoding.value];
      const run = () => model.run(ctx, feeds, fetches);
      for (let i = 0; i < 20; i++) {
        const [got] = await run();
        if (!got.data.every((v, k) => Math.abs(v - want.data[k]) <= bound)) throw new Error(`${engine.name} gives other values than TensorFlow for ${name}`);
      }
      loaded.push({ who: model.chosen === undefined ? engine.name : `${engine.name}: ${model.chosen.engine}`, model, run, times: [] });
    }
    const times = { session: [], signature: [] };
    await tensorflow.ask({ run: models + name, calls: each });
    for (let round = 0; round < rounds; round++) {
      const theirs = await tensorflow.ask({ run: models + name, calls: each });
      for (const who of ["session", "signature"]) times[who].push(...theirs[who]);
      for (const { run, times: mine } of loaded) {
        globalThis.gc?.();
        for (let i = 0; i < each; i++) {
          const begun = performance.now();
          await run();
          mine.push((performance.now() - begun) * 1000);
        }
      }
    }
    const figures = (list) => [Math.min(...list), list.sort((a, b) => a - b)[list.length >> 1]];
    const all = [...Object.entries(times).map(([who, list]) => [`tf ${who}`, ...figures(list)]), ...loaded.map((l) => [l.who, ...figures(l.times)])];
    const best = [1, 2].map((k) => Math.min(all[0][k], all[1][k]));
    for (const [who, min, median] of all)
      console.log(
        [
          name.padEnd(14),
          who.padEnd(18),
          min.toFixed(1).padStart(10),
          median.toFixed(1).padStart(10),
          (best[0] / min).toFixed(2).padStart(8),
          (best[1] / median).toFixed(2).padStart(8),
        ].join(""),
      );
    for (const { model } of loaded) await model.close();
  }
  tensorflow.end();
}
