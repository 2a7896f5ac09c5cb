// Which engine runs a model where all of them are there: TensorFlow and OpenVINO of .tools, which `npm run tools` brings.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { globSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { fromStrings } from "@tfs/tensor";
import { one } from "./testing/cores.ts";
import { bin, launch, models, type Running, scratch, send } from "./testing/index.ts";
import { predictRecord, writeWarmupRequests } from "./warmup/index.ts";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const dir = scratch();
after(() => dir[Symbol.dispose]());

/** libraryOf gives the folder of a package's libraries. Throws where it is missing: these tests are about nothing else. */
function libraryOf(pattern: string): string {
  const [found] = globSync(pattern, { cwd: root });
  if (found === undefined) throw new Error(`these tests need ${pattern}: run npm run tools`);
  return join(root, found);
}
const env = {
  PATH: process.env["PATH"],
  HOME: dir.path,
  TFS_TENSORFLOW_DIR: libraryOf(".tools/venv/lib/python*/site-packages/tensorflow"),
  TFS_OPENVINO_DIR: libraryOf(".tools/venv/lib/python*/site-packages/openvino/libs"),
};
const config = join(dir.path, "models.config");
const listed = [
  ["auto", "mlp", ":auto"],
  ["again", "mlp", ":auto"],
  ["counter", "counter", ":auto"],
  ["embedded", "mlp", ""],
  ["openvino", "mlp", ":openvino"],
  ["tensorflow", "mlp", ":tensorflow"],
] as const;
writeFileSync(
  config,
  `model_config_list { ${listed.map(([name, model, engine]) => one(name, join(models, model)).replace('platform: "tensorflow"', `platform: "tensorflow${engine}"`)).join(" ")} }`,
);

/** loaded gives which engine runs a model, and why, as the log says. */
async function loaded(server: Running, model: string): Promise<{ readonly engine: string; readonly why: string }> {
  return JSON.parse(await server.logged('"event":"loaded"', `"model":"${model}"`)) as { engine: string; why: string };
}

test("auto among all engines: the quickest runs a model, TensorFlow one with state, and a second start knows", async () => {
  await using first = await launch([`--model_config_file=${config}`], env);
  assert.match((await loaded(first, "auto")).why, /^(as the last time: )?the quickest: (\w+ [\d.e-]+ ms, ){2}\w+ [\d.e-]+ ms a run$/);
  assert.equal((await loaded(first, "counter")).engine, "tensorflow");
  for (const [name] of listed.slice(3)) assert.equal((await loaded(first, name)).engine, name);
  const instances = [Array.from({ length: 64 }, (_, i) => i / 64)];
  const answers = await Promise.all(
    ["auto", "embedded", "openvino", "tensorflow"].map(async (name) => {
      const { body } = await send("POST", `${first.rest}/v1/models/${name}:predict`, JSON.stringify({ instances }));
      return (JSON.parse(body) as { readonly predictions: number[][] }).predictions[0]!;
    }),
  );
  for (const answer of answers) for (const [i, value] of answer.entries()) assert.ok(Math.abs(value - answers[3]![i]!) < 1e-4, `${value} ${answers[3]![i]}`);
  assert.equal(await first.stop(), 0);
  await using second = await launch([`--model_config_file=${config}`], env);
  const { engine, why } = await loaded(second, "auto");
  assert.match(why, /^as the last time: the quickest/);
  assert.equal((await loaded(second, "again")).engine, engine);
  assert.equal(await second.stop(), 0);
});
test("auto compares engines in processes of their own by warm-up requests: a model that takes strings alone has no other trials", async () => {
  const version = join(dir.copy("text/1", "warmed/1"), "1");
  await writeWarmupRequests(version, [predictRecord({ text: fromStrings(["a b", "c"]) })]);
  const flags = ["--engine=auto", "--engine_isolation=process", "--model_name=m", `--model_base_path=${join(version, "..")}`];
  await using server = await launch(flags, env);
  assert.doesNotMatch((await loaded(server, "m")).why, /not compared|does not run/); // who won, and who was too slow to take part, the machine decides
  assert.equal(await server.stop(), 0);
});
test("--version tells of the library that runs models", () => {
  const { stdout } = spawnSync(process.execPath, [bin, "--version", "--engine=tensorflow"], { env, encoding: "utf8", timeout: 60_000 });
  assert.match(stdout, /^TensorFlow ModelServer: \S+ \(tfs-server\)\nTensorFlow Library: 2\.\d+\.\d+ \(engine tensorflow\)\n$/);
});
