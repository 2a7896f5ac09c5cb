// Which engine runs a model, as a process is told: by flags, by the configuration, and again while it runs. Nothing native is to be found.
import assert from "node:assert/strict";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { createClient } from "@connectrpc/connect";
import { ModelService } from "@tfs/proto";
import { ServingService } from "@tfs/proto/gen/tfs/serving/v1/serving_pb.js";
import { list, one } from "./testing/cores.ts";
import { launch, models, type Running, scratch, send, wires } from "./testing/index.ts";

const dir = scratch();
after(() => dir[Symbol.dispose]());
mkdirSync(join(dir.path, "bin"));
symlinkSync("/bin/sh", join(dir.path, "bin/sh"));
/** bare has no Python and nobody's cache. */
const bare = { PATH: join(dir.path, "bin"), HOME: dir.path };
const half = join(models, "half_plus_two");
const served = ["--model_name=m", `--model_base_path=${half}`];

interface Told {
  readonly state: string;
  readonly error?: { readonly code: number; readonly message: string };
  readonly engines: readonly { readonly engine: string; readonly reason: string }[];
}
/** told gives what the newest version of each model says of itself, ended ones too. */
async function told(server: Running): Promise<Record<string, Told>> {
  const url = `${server.grpc}/tfs.serving.v1.ServingService/ListModels`;
  const body = JSON.stringify({ includeEnded: true });
  const response = await fetch(url, { method: "POST", headers: { "content-type": "application/json" }, body });
  const { models: all } = (await response.json()) as { readonly models: readonly { readonly name: string; readonly versions?: readonly Told[] }[] };
  return Object.fromEntries(all.flatMap(({ name, versions = [] }) => (versions[0] === undefined ? [] : [[name, versions[0]]])));
}

const rows: readonly { readonly name: string; readonly flags: readonly string[]; readonly engines: object; readonly error?: RegExp }[] = [
  { name: "nothing is said", flags: [], engines: [{ engine: "embedded", reason: "as configured", servers: 1 }] },
  { name: "auto", flags: ["--engine=auto"], engines: [{ engine: "embedded", reason: "no other engine was found", servers: 1 }] },
  {
    name: "auto without trials",
    flags: ["--engine=auto", "--engine_trial=false"],
    engines: [{ engine: "embedded", reason: "no other engine was found", servers: 1 }],
  },
  {
    name: "one that is not installed",
    flags: ["--engine=openvino"],
    engines: [],
    error: /^the openvino engine's library was found nowhere; tfs-server engine probe says/,
  },
  {
    name: "a folder that does not hold it",
    flags: ["--engine=tensorflow", "--tensorflow_dir=/nowhere"],
    engines: [],
    error: /^--tensorflow_dir=\/nowhere does not hold the libraries of TensorFlow: there is no such folder$/,
  },
];
for (const { name, flags, engines, error } of rows) {
  test(`the engine of a process: ${name}`, async () => {
    await using server = await launch([...served, "--load_retry_interval_micros=0", "--max_num_load_retries=0", ...flags], bare);
    const { m } = await told(server);
    assert.deepEqual(m!.engines ?? [], engines);
    if (error !== undefined) assert.match(m!.error!.message, error);
    else await server.logged('"event":"loaded"', '"engine":"embedded"');
  });
}

test("the engine of a process: one that auto could not use is told of where none can run a model", async () => {
  const bad = join(dir.path, "bad");
  mkdirSync(join(bad, "1"), { recursive: true });
  writeFileSync(join(bad, "1/saved_model.pb"), "no model");
  await using server = await launch([`--model_base_path=${bad}`, "--engine=auto", "--max_num_load_retries=0"], { ...bare, TFS_OPENVINO_DIR: "/nowhere" });
  const { default: model } = await told(server);
  assert.match(model!.error!.message, /^Can't parse .*saved_model\.pb as binary proto$/); // what is wrong with the model itself is told as it is
});

test("the engine of a process: each model may have its own, and another one by a reload", async () => {
  const config = join(dir.path, "models.config");
  const platform = (name: string, engine = ""): string => one(name, half).replace('"tensorflow"', `"tensorflow${engine}"`);
  writeFileSync(config, `model_config_list { ${platform("a")} ${platform("b", ":auto")} ${platform("c", ":openvino")} }`);
  await using server = await launch([`--model_config_file=${config}`, "--max_num_load_retries=0"], bare);
  const reasonOf = async (): Promise<unknown[]> =>
    Object.entries(await told(server)).map(([name, { engines = [], error }]) => [name, engines[0]?.reason ?? error?.code]);
  assert.deepEqual(await reasonOf(), [
    ["a", "as configured"],
    ["b", "no other engine was found"],
    ["c", 14],
  ]);
  const wire = wires(server.grpc)[0]!;
  using _ = wire;
  const reload = (...all: readonly string[]) => createClient(ModelService, wire.transport).handleReloadConfigRequest({ config: list(...all) });
  assert.deepEqual((await reload(platform("a", ":auto"), platform("b", ":auto"), platform("d", ":auto"))).status?.errorCode, 0);
  await server.logged('"event":"versions that are loaded stay with their engine"', '"model":"a"', '"other":"auto"');
  assert.deepEqual((await reasonOf()).slice(0, 2), [
    ["a", "as configured"],
    ["b", "no other engine was found"],
  ]);
  assert.deepEqual((await createClient(ServingService, wire.transport).listModels({ names: ["d"] })).models[0]!.versions[0]!.engines[0]!.engine, "embedded");
  await assert.rejects(reload(platform("a", ":abacus")), {
    rawMessage: "Illegal to change a model's platform. For model a platform was tensorflow and new platform requested is tensorflow:abacus",
  });
  assert.equal((await send("POST", `${server.rest}/v1/models/a:predict`, '{"instances":[2]}')).status, 200);
});
