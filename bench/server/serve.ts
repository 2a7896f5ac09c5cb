// The server under measurement: the command as it is shipped, on a core of its own, with the committed half-plus-two model.
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { freePorts, type Running, start, untilListening } from "../gateway/process.ts";
import { root } from "../gateway/tools.ts";

const bin = join(root, "packages/server/bin/tfs-server.js");
export const model: string = join(root, "testdata/models/half_plus_two");

/** Served is a running server. */
export interface Served {
  readonly running: Running;
  readonly grpc: string;
  readonly rest: string;
  /** readyMs is the time from the start of the process until it took a connection. */
  readonly readyMs: number;
}

/** A server that is not there by then does not start. */
export const startMs = 120_000;

/** serve starts a server that serves half-plus-two under the given names. */
export function serve(dir: string, names: readonly string[], flags: readonly string[] = []): Promise<Served> {
  return serveModels(
    dir,
    names.map((name) => ({ name, path: basePath(dir, name) })),
    flags,
  );
}

/** serveModels starts a server that serves models by name, each from its base path. */
export async function serveModels(dir: string, models: readonly { readonly name: string; readonly path: string }[], flags: readonly string[]): Promise<Served> {
  const [grpc, rest] = await freePorts(2);
  const config = join(dir, `models-${models.length}.config`);
  const entries = models.map(({ name, path }) => `  config { name: "${name}" base_path: "${path}" model_platform: "tensorflow" }\n`);
  writeFileSync(config, `model_config_list {\n${entries.join("")}}\n`);
  const command = [process.execPath, bin, `--port=${grpc}`, `--rest_api_port=${rest}`, "--host=127.0.0.1", `--model_config_file=${config}`, "--log_level=warn"];
  const began = performance.now();
  const running = start([...command, ...flags], { cores: "0" });
  try {
    await untilListening(running, grpc!, startMs);
    const readyMs = performance.now() - began;
    await untilListening(running, rest!, startMs);
    return { running, grpc: `127.0.0.1:${grpc}`, rest: `127.0.0.1:${rest}`, readyMs };
  } catch (err) {
    await running.stop();
    throw err;
  }
}

/** basePath gives each name a folder of its own, so that each is looked at: the version in it is a link to that of a model, half-plus-two if none is named. */
export function basePath(dir: string, name: string, from: string = model): string {
  const path = join(dir, "models", name);
  if (mkdirSync(path, { recursive: true }) !== undefined) symlinkSync(join(from, "1"), join(path, "1"));
  return path;
}
