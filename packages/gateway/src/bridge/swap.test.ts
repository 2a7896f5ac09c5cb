// A model server behind whose models change under calls: the gateway knows their signatures, and must notice.
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { create, toBinary } from "@bufbuild/protobuf";
import { DataType, type NodeDef, NodeDefSchema, SavedModelSchema } from "@tfs/proto";
import { freePort, run, startGateway, turn, untilReady } from "../testing/index.ts";

type Inputs = Readonly<Record<string, DataType>>;
const [int, text]: readonly Inputs[] = [{ x: DataType.DT_INT32 }, { x: DataType.DT_STRING }] as [Inputs, Inputs];

/** write puts a version into a model's folder that answers with its input x, and holds it to the dtypes that it declares. */
function write(folder: string, version: number, inputs: Inputs): void {
  const made = mkdtempSync(join(scratch, "made-"));
  const info = (names: readonly string[]) =>
    Object.fromEntries(
      names.map((name) => [name.split("_")[0]!, { encoding: { case: "name", value: `${name}:0` } as const, dtype: inputs[name.split("_")[0]!]! }]),
    );
  const nodes = Object.entries(inputs).map(([name, dtype]) => node("Placeholder", name, dtype));
  const model = create(SavedModelSchema, {
    savedModelSchemaVersion: 1n,
    metaGraphs: [
      {
        metaInfoDef: { tags: ["serve"] },
        graphDef: { node: [...nodes, { ...node("Identity", "x_out", inputs["x"]!), input: ["x"] }], versions: { producer: 1882 } },
        signatureDef: { serving_default: { methodName: "tensorflow/serving/predict", inputs: info(Object.keys(inputs)), outputs: info(["x_out"]) } },
      },
    ],
  });
  writeFileSync(join(made, "saved_model.pb"), toBinary(SavedModelSchema, model));
  mkdirSync(folder, { recursive: true });
  renameSync(made, join(folder, String(version))); // whole, or not there
}

function node(op: string, name: string, type: DataType): NodeDef {
  return create(NodeDefSchema, { name, op, attr: { [op === "Identity" ? "T" : "dtype"]: { value: { case: "type", value: type } } } });
}

const scratch = mkdtempSync(join(tmpdir(), "tfs-gateway-"));
after(() => rmSync(scratch, { recursive: true }));

/** serve starts a server that looks for versions all the time, and a gateway in front of it. */
async function serve(config: (folder: string) => string) {
  const [restPort, folder] = [await freePort(), mkdtempSync(join(scratch, "models-"))];
  write(folder, 1, int!);
  const file = join(folder, "models.config");
  writeFileSync(file, config(folder));
  const socket = join(folder, "s.sock");
  const polls = ["--allow_version_labels_for_unavailable_models", "--file_system_poll_wait_seconds=1", "--model_config_file_poll_wait_seconds=1"];
  const ports = ["--port=0", `--grpc_socket_path=${socket}`, "--host=127.0.0.1", `--rest_api_port=${restPort}`, "--log_format=json"];
  const server = run("packages/server/bin/tfs-server.js", [`--model_config_file=${file}`, ...polls, ...ports]);
  await server.until((line) => line.includes('"event":"listening"'));
  const gateway = await startGateway([`unix:${socket}`]);
  await untilReady(gateway);
  return {
    folder,
    file,
    direct: `http://127.0.0.1:${restPort}`,
    through: gateway.url,
    async [Symbol.asyncDispose]() {
      await gateway[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}

async function ask(base: string, path: string, body: unknown): Promise<{ readonly status: number; readonly text: string }> {
  const reply = await fetch(`${base}/v1/models/${path}:predict`, { method: "POST", body: JSON.stringify(body) });
  return { status: reply.status, text: await reply.text() };
}

const all = (folder: string) =>
  `model_config_list { config { name: "m" base_path: "${folder}" model_platform: "tensorflow" model_version_policy { all {} } } }`;
const pinned = (version: number) => (folder: string) =>
  `model_config_list { config { name: "m" base_path: "${folder}" model_platform: "tensorflow" model_version_policy { all {} } version_labels { key: "prod" value: ${version} } } }`;

const swaps: readonly { readonly name: string; readonly path: string; readonly to: Inputs; readonly before: unknown; readonly after: unknown }[] = [
  { name: "another dtype", path: "m", to: text!, before: { instances: [1] }, after: { instances: ["a"] } },
  { name: "another dtype of the same JSON", path: "m", to: { x: DataType.DT_FLOAT }, before: { instances: [1] }, after: { instances: [1] } },
  { name: "one input more", path: "m", to: { ...int, y: DataType.DT_INT32 }, before: { instances: [1] }, after: { instances: [{ x: 1, y: 2 }] } },
  {
    name: "one input more, in columns",
    path: "m",
    to: { ...int, y: DataType.DT_INT32 },
    before: { inputs: { x: [1] } },
    after: { inputs: { x: [1], y: [2] } },
  },
];
for (const tc of swaps) {
  test(`swap: ${tc.name}: what the new version takes is answered from its first moment`, async () => {
    await using served = await serve(all);
    assert.equal((await ask(served.through, tc.path, tc.before)).status, 200, "the gateway knows the signature");
    write(served.folder, 2, tc.to);
    while ((await fetch(`${served.direct}/v1/models/m/versions/2`).then((r) => r.text())).includes("AVAILABLE") === false)
      await ask(served.through, tc.path, tc.before);
    const replies = await Promise.all(Array.from({ length: 8 }, () => ask(served.through, tc.path, tc.after)));
    for (const reply of replies) assert.equal(reply.status, 200, reply.text);
  });
}

test("swap: a request that both versions take is answered all along", async () => {
  await using served = await serve(all);
  write(served.folder, 2, { x: DataType.DT_FLOAT });
  for (let answered = 0; answered < 20; ) {
    const reply = await ask(served.through, "m", { instances: [1] });
    assert.equal(reply.status, 200, reply.text);
    if (reply.text.includes("1.0")) answered++;
  }
});

test("swap: a label that moved to a version of another signature", async () => {
  await using served = await serve(pinned(1));
  write(served.folder, 2, text!);
  while ((await fetch(`${served.direct}/v1/models/m/versions/2`).then((r) => r.text())).includes("AVAILABLE") === false) await turn();
  writeFileSync(`${served.file}.new`, pinned(2)(served.folder));
  renameSync(`${served.file}.new`, served.file);
  const strings = { instances: ["a"] };
  while ((await ask(served.direct, "m/labels/prod", strings)).status !== 200) await ask(served.through, "m/labels/prod", { instances: [1] });
  const reply = await ask(served.through, "m/labels/prod", strings);
  assert.equal(reply.status, 200, reply.text);
});
