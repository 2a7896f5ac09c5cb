// Where a call's time goes: V8's profile of the server under small gRPC calls, by the room that the code lies in.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { conditions, environment, load } from "../gateway/environment.ts";
import { freePorts, start, untilListening } from "../gateway/process.ts";
import { verdict } from "../gateway/stats.ts";
import { root } from "../gateway/tools.ts";
import { measure } from "./load.ts";
import { byRoom, type Profile } from "./profile.ts";
import type { Outcome, RunOptions, Section } from "./section.ts";
import { basePath, startMs } from "./serve.ts";

export const rooms: Section = {
  name: "rooms",
  what: "where the time of a small gRPC call goes, room by room, with both pages of metrics and a log of one call in a hundred",
  needs: ["load"],
  run,
};

/** What looks at calls, and answers none: together these may take so much of each. */
const observing = ["server/meter", "server/monitoring", "server/requestlog", "server/telemetry", "std/metrics"];
const observingMicros = 3;

async function run({ seconds, dir, files }: RunOptions): Promise<Outcome> {
  const loadBefore = load();
  const profiles = join(dir, "profiles");
  mkdirSync(profiles, { recursive: true });
  const config = join(dir, "observed.config");
  const logging = `logging_config { log_collector_config { type: "tfrecord" filename_prefix: "${join(dir, "asked")}" } sampling_config { sampling_rate: 0.01 } }`;
  writeFileSync(config, `model_config_list { config { name: "resnet" base_path: "${basePath(dir, "observed")}" model_platform: "tensorflow" ${logging} } }`);
  const monitoring = join(dir, "monitoring.config");
  writeFileSync(monitoring, "prometheus_config { enable: true }");
  const [grpc, rest] = await freePorts(2);
  const main = join(root, "packages/server/dist/main.js"); // not the bundle: its functions have lost their files
  const flags = [
    `--port=${grpc}`,
    `--rest_api_port=${rest}`,
    "--host=127.0.0.1",
    "--log_level=warn",
    `--model_config_file=${config}`,
    `--monitoring_config_file=${monitoring}`,
  ];
  const running = start([process.execPath, "--cpu-prof", `--cpu-prof-dir=${profiles}`, main, ...flags], { cores: "0" });
  try {
    await untilListening(running, grpc!, startMs);
    const { cpuMicros } = await measure({ running, grpc: `127.0.0.1:${grpc}`, rest: `127.0.0.1:${rest}`, readyMs: 0 }, "grpc", { files, dir, seconds });
    await running.stop();
    const [name] = readdirSync(profiles);
    const profile = JSON.parse(readFileSync(join(profiles, name!), "utf8")) as Profile;
    const shares = byRoom(profile, { root, lastMs: seconds * 1000 });
    const spent = [...shares].map(([room, share]) => ({ room, micros: share * cpuMicros })).sort((a, b) => b.micros - a.micros);
    const watching = spent.filter(({ room }) => observing.includes(room)).reduce((sum, { micros }) => sum + micros, 0);
    const result = { environment: environment(loadBefore), seconds, cpuMicros, watching, spent };
    return { text: page(result), result };
  } finally {
    await running.stop();
  }
}

interface Result {
  readonly environment: ReturnType<typeof environment>;
  readonly seconds: number;
  readonly cpuMicros: number;
  readonly watching: number;
  readonly spent: readonly { readonly room: string; readonly micros: number }[];
}

function page({ environment: e, seconds, cpuMicros, watching, spent }: Result): string {
  return [
    "# Where a call's time goes",
    "",
    conditions(e, `one window of ${seconds} s`),
    "",
    `half-plus-two on ten floats over gRPC, 4 connections × 32, with TensorFlow Serving's page of metrics and our own, and one call of a hundred logged: ${cpuMicros.toFixed(1)} µs of processor time for each call, divided by V8's samples of which code ran. What JavaScript calls counts where it is called; outside of it are the kernel's part and V8's own.`,
    "",
    "| room | µs a call |",
    "| --- | --- |",
    ...spent.filter(({ micros }) => micros >= 0.05).map(({ room, micros }) => `| ${room} | ${micros.toFixed(2)} |`),
    "",
    `What looks at calls and answers none (${observing.join(", ")}) takes ${watching.toFixed(2)} µs; ${observingMicros} are allowed: ${verdict(watching <= observingMicros)}.`,
    "",
  ].join("\n");
}
