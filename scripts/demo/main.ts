// npm start: two model servers, a gateway in front, real predictions through it by gRPC and by REST.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { type Member, start, startOnFree, stop } from "./fleet.ts";
import { predictions, shown } from "./showcase.ts";
import { table } from "./table.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const help = `usage: npm start [-- --once] [--json] [--models=DIR]

Starts two model servers and a gateway in front of them, sends real inputs through the gateway by gRPC and by REST, prints what came back, and stays up
until Ctrl-C.

  --once   exit after the table: 0 only if every prediction equals TensorFlow's own
  --json   print the table as JSON lines
  --models=DIR
           folder of the models and their golden.json files (default testdata/models)
`;

async function main(): Promise<number> {
  const { values: options } = parseArgs({
    options: { once: { type: "boolean" }, json: { type: "boolean" }, models: { type: "string" }, help: { type: "boolean" } },
  });
  if (options.help === true) {
    console.log(help);
    return 0;
  }
  if (Number(process.versions.node.split(".")[0]) !== 24) throw new Error(`the demo runs on the repository's own Node 24, this is ${process.versions.node}`);
  const models = options.models ?? join(root, "testdata/models");
  const scratch = mkdtempSync(join(tmpdir(), "tfs-demo-"));
  const members: Member[] = [];
  let interrupted = false;
  const interrupt = new Promise<string>((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
      // on, not once: npm passes a terminal's Ctrl-C on to who has already got it.
      process.on(signal, () => {
        interrupted = true;
        resolve(signal);
      });
    }
  });
  try {
    const config = join(scratch, "models.config");
    writeFileSync(config, modelConfig(models));
    const say = (text: string): void => {
      if (options.json !== true) console.log(text);
    };
    say("starting two model servers and the gateway …");
    const server = (name: string, grpc: number, rest: number): ReturnType<typeof startOnFree> =>
      startOnFree([grpc, rest], ([port, restPort]) =>
        start(name, join(root, "packages/server/bin/tfs-server.js"), [
          `--model_config_file=${config}`,
          "--host=127.0.0.1",
          `--port=${port}`,
          `--rest_api_port=${restPort}`,
        ]),
      );
    const started = await Promise.allSettled([server("server 1", 8500, 8501), server("server 2", 8510, 8511)]);
    for (const result of started) if (result.status === "fulfilled") members.push(result.value.member);
    const servers = started.map((result) => {
      if (result.status === "rejected") throw result.reason;
      return result.value.ports;
    });
    const backends = servers.map(([port]) => `127.0.0.1:${port}`).join(",");
    const gateway = await startOnFree([9000], ([port]) =>
      start("gateway", join(root, "packages/gateway/bin/tfs-gateway.js"), ["--host=127.0.0.1", `--port=${port}`, `--backends=${backends}`]),
    );
    members.push(gateway.member);
    const ports = { grpc: servers.map(([port]) => port!), rest: servers.map(([, port]) => port!), gateway: gateway.ports[0]! };

    const rows = await predictions(models, `127.0.0.1:${ports.gateway}`);
    if (options.json === true)
      for (const { cells, ok } of rows)
        console.log(JSON.stringify({ model: cells[0], via: cells[1], input: cells[2], prediction: cells[3], time: cells[4], ok }));
    else
      console.log(
        `\n${table(
          ["model", "via", "input", "prediction", "time", ""],
          rows.map((r) => r.cells),
        )}\n`,
      );
    const wrong = rows.filter((r) => !r.ok).length;
    if (wrong > 0) console.error(`${wrong} of ${rows.length} predictions differ from TensorFlow's`);
    if (options.once === true) return wrong === 0 ? 0 : 1;

    say(links(ports));
    const ended = await Promise.race([interrupt, ...members.map((m) => m.exited)]);
    if (!interrupted) throw new Error(ended);
    say("stopping …");
    return 0;
  } finally {
    const clean = await Promise.all([...members].reverse().map(stop));
    if (clean.includes(false)) process.exitCode = 1;
    rmSync(scratch, { recursive: true, force: true });
  }
}

function modelConfig(models: string): string {
  const configs = shown.map(
    ({ model }) => `  config { name: ${JSON.stringify(model)} base_path: ${JSON.stringify(join(models, model))} model_platform: "tensorflow" }\n`,
  );
  return `model_config_list {\n${configs.join("")}}\n`;
}

function links(ports: { readonly grpc: readonly number[]; readonly rest: readonly number[]; readonly gateway: number }): string {
  const gateway = `localhost:${ports.gateway}`;
  return `gateway   gRPC and REST  http://${gateway}
server 1  gRPC, gRPC-Web, Connect  localhost:${ports.grpc[0]}   REST  http://localhost:${ports.rest[0]}
server 2  gRPC, gRPC-Web, Connect  localhost:${ports.grpc[1]}   REST  http://localhost:${ports.rest[1]}

  curl -d '{"instances": [1.0, 2.0, 5.0]}' http://${gateway}/v1/models/half_plus_two:predict
  curl http://${gateway}/v1/models/digits
  grpcurl -plaintext \\
    -d '{"model_spec": {"name": "half_plus_two"}, "inputs": {"x": {"dtype": "DT_FLOAT", "tensor_shape": {"dim": [{"size": 2}]}, "float_val": [1, 2]}}}' \\
    ${gateway} tensorflow.serving.PredictionService/Predict

  import { newClient } from "@tfs/sdk";
  await using client = newClient({ target: "${gateway}" });
  console.log((await client.predict({ model: "half_plus_two", inputs: { x: [1, 2, 5] } })).outputs.y.toArray());

Ctrl-C stops everything.`;
}

try {
  const code = await main();
  process.exitCode = process.exitCode ?? code;
} catch (err) {
  console.error(err instanceof Error ? err.message : err);
  process.exitCode = 1;
}
