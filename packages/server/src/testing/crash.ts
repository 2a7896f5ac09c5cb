import { existsSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { logFiles } from "./logs.ts";
import { launch } from "./process.ts";
import { models } from "./serve.ts";

/** Crashed is what was known of a server's request log before the server was killed. */
export interface Crashed {
  /** folder has the log. */
  readonly folder: string;
  /** seen are records that were read from it before. */
  readonly seen: number;
  /** asked are requests that were sent: the i-th, from 0, asks for i. */
  readonly asked: number;
}

/** logConfig writes a file for --model_config_file: half_plus_two as m, of which every request is logged in `folder`. */
export function logConfig(dir: string, folder: string): string {
  const config = join(dir, `${basename(folder)}.pbtxt`);
  const logging = `logging_config { log_collector_config { type: "tfrecord" filename_prefix: "${join(folder, "m")}" } sampling_config { sampling_rate: 1 } }`;
  writeFileSync(config, `model_config_list { config { name: "m" base_path: "${join(models, "half_plus_two")}" model_platform: "tensorflow" ${logging} } }`);
  return config;
}

/** A file has two records or so. */
const fileBytes = 400;

/**
 * crashed runs a server in a process of its own that logs every request, one file of a few records after the other, asks it without a pause, and kills it with
 * SIGKILL once there are so many files.
 */
export async function crashed(dir: string, files: number): Promise<Crashed> {
  const folder = join(dir, `crash${files}`);
  const config = logConfig(dir, folder);
  const server = await launch([`--model_config_file=${config}`, `--request_log_file_bytes=${fileBytes}`, "--request_log_files=100000"]);
  let asked = 0;
  let over = false;
  const asking = (async () => {
    while (!over) await fetch(`${server.rest}/v1/models/m:predict`, { method: "POST", body: `{"instances":[${asked++}]}` }).then((r) => r.arrayBuffer());
  })().catch(() => {}); // it is gone
  try {
    const started = performance.now();
    for (;;) {
      const found = existsSync(folder) ? await logFiles(folder) : [];
      if (found.length >= files) return { folder, seen: found.flatMap(({ logs }) => logs).length, asked };
      if (performance.now() - started > 60_000) throw new Error(`there are only ${found.length} files of ${files} after a minute`);
      await setImmediate();
    }
  } finally {
    await server[Symbol.asyncDispose](); // SIGKILL, by its id
    over = true;
    await asking;
  }
}
