// MLServer, with a runtime of our own that hosts the functions. Settings: https://mlserver.readthedocs.io/en/latest/reference/settings.html
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { freePorts, start, untilListening } from "../../gateway/process.ts";
import { root } from "../../gateway/tools.ts";
import { v2 } from "./dialect.ts";
import { aloneInPython, cores, here, modelsDir, type Peer, pythonOf, startMs } from "./peer.ts";

const python = pythonOf("mlserver");

export const mlserver: Peer = {
  name: "mlserver",
  title: "MLServer",
  needs: python,
  dialect: v2,
  async start(dir, models) {
    const [http, grpc, metrics] = await freePorts(3);
    const folder = join(dir, "mlserver");
    for (const model of models) {
      mkdirSync(join(folder, model), { recursive: true });
      writeFileSync(join(folder, model, "model-settings.json"), JSON.stringify({ name: model, implementation: "runtime.Function" }));
    }
    const settings = {
      ...{ host: "127.0.0.1", http_port: http, grpc_port: grpc, metrics_port: metrics },
      debug: false, // no access log
      parallel_workers: 0, // models run in the one process: with one core, workers only add a hop
      grpc_max_message_length: 64 << 20,
    };
    writeFileSync(join(folder, "settings.json"), JSON.stringify(settings));
    const env = { PYTHONPATH: [join(here, "mlserver"), here].join(":"), PEER_MODELS: modelsDir };
    const running = start([join(root, ".tools/mlserver/bin/mlserver"), "start", folder], { cores, cwd: folder, env });
    for (const port of [http!, grpc!]) await untilListening(running, port, startMs);
    return { running, grpc: `127.0.0.1:${grpc}`, rest: `127.0.0.1:${http}` };
  },
  alone: aloneInPython(python, "numpy"),
};
