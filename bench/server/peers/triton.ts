// Triton with its Python backend, which is what its PyPI wheel has. It keeps the numpy of before 2: with a later one the backend gets outputs' sizes wrong.
import { execFileSync } from "node:child_process";
import { copyFileSync, cpSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { freePorts, start, untilListening } from "../../gateway/process.ts";
import { root } from "../../gateway/tools.ts";
import { v2 } from "./dialect.ts";
import { aloneInPython, cores, here, modelsDir, type Peer, pythonOf, startMs } from "./peer.ts";

const python = pythonOf("triton");

/** What the functions take and give, in Triton's words (model_config.proto). */
const tensors: Readonly<Record<string, string>> = {
  half_plus_two: 'input { name: "x" data_type: TYPE_FP32 dims: [-1, -1] } output { name: "y" data_type: TYPE_FP32 dims: [-1, -1] }',
  digits:
    'input { name: "image" data_type: TYPE_FP32 dims: [-1, 8, 8, 1] } output [{ name: "digit" data_type: TYPE_INT64 dims: [-1] }, { name: "scores" data_type: TYPE_FP32 dims: [-1, 10] }]',
  pixel_mean: 'input { name: "image" data_type: TYPE_FP32 dims: [-1, -1, -1, 3] } output { name: "mean" data_type: TYPE_FP32 dims: [-1, 3] }',
};

export const triton: Peer = {
  name: "triton",
  title: "Triton with Python backend",
  needs: python,
  dialect: v2,
  async start(dir, models) {
    const [http, grpc] = await freePorts(2);
    const packages = join(root, ".tools/triton/lib", `python${version()}`, "site-packages");
    const home = join(packages, "pytriton/tritonserver");
    const folder = join(dir, "triton");
    const backends = join(folder, "backends");
    cpSync(join(home, "backends"), backends, { recursive: true });
    copyFileSync(join(home, "python_backend_stubs", version(), "triton_python_backend_stub"), join(backends, "python/triton_python_backend_stub"));
    for (const model of models) {
      mkdirSync(join(folder, "models", model, "1"), { recursive: true });
      copyFileSync(join(here, "triton/model.py"), join(folder, "models", model, "1/model.py"));
      const kind = "instance_group { count: 1 kind: KIND_CPU }";
      writeFileSync(join(folder, "models", model, "config.pbtxt"), `name: "${model}" backend: "python" max_batch_size: 0 ${kind} ${tensors[model]}\n`);
    }
    const command = [
      join(home, "bin/tritonserver"),
      ...[`--model-repository=${join(folder, "models")}`, `--backend-directory=${backends}`],
      ...["--http-address=127.0.0.1", `--http-port=${http}`, "--grpc-address=127.0.0.1", `--grpc-port=${grpc}`, "--allow-metrics=false"],
    ];
    const libraries = [ask("import sysconfig; print(sysconfig.get_config_var('LIBDIR'))"), join(packages, "nvidia_pytriton.libs")].join(":");
    const env = { LD_LIBRARY_PATH: libraries, PEER_PATH: [here, packages].join(":"), PEER_MODELS: modelsDir };
    const running = start(command, { cores, env });
    for (const port of [http!, grpc!]) await untilListening(running, port, startMs);
    return { running, grpc: `127.0.0.1:${grpc}`, rest: `127.0.0.1:${http}` };
  },
  alone: aloneInPython(python, "numpy"),
};

function version(): string {
  return ask("import sys; print('%d.%d' % sys.version_info[:2])");
}

function ask(code: string): string {
  return execFileSync(python, ["-c", code], { encoding: "utf8" }).trim();
}
