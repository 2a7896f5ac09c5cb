// The benchmark of the model server from the command line to the exit code.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { environment, load } from "../gateway/environment.ts";
import { writeFiles } from "../gateway/payload.ts";
import { stopAll } from "../gateway/process.ts";
import { spread } from "../gateway/stats.ts";
import { missing, root } from "../gateway/tools.ts";
import { engineMicros } from "./engine.ts";
import { type Figure, measure } from "./load.ts";
import { report, type Result } from "./report.ts";
import { type Scale, scale } from "./scale.ts";
import { serve } from "./serve.ts";

const usage = `usage: npm run bench -- server [--rounds N] [--seconds S] [--quick] [--json]

Measures the model server with the embedded engine: processor time for each small call above the model's own, time until ready, memory, and many models.
Results are written to bench/results/server.*; with --quick (one round, no run of 1000 models) nothing is.
`;

const sizes = [100, 500, 1000];

export async function main(argv: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      rounds: { type: "string", default: "3" },
      seconds: { type: "string", default: "2.5" },
      quick: { type: "boolean" },
      json: { type: "boolean" },
      help: { type: "boolean" },
    },
  });
  if (values.help === true) {
    process.stdout.write(usage);
    return 0;
  }
  const [rounds, seconds] = [values.quick === true ? 1 : Number(values.rounds), Number(values.seconds)];
  if (!Number.isInteger(rounds) || rounds < 1 || !(seconds > 0)) {
    process.stderr.write(usage);
    return 2;
  }
  const absent = missing(["load"]);
  if (absent.length > 0) {
    console.error(`not installed: ${absent.join(", ")}. Run: npm run tools -- bench`);
    return 2;
  }
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => void stopAll().then(() => process.exit(130)));

  const loadBefore = load();
  const dir = mkdtempSync(join(tmpdir(), "tfs-bench-server-"));
  try {
    const files = writeFiles(dir);
    const model = await engineMicros();
    console.error(`the model alone: ${model.toFixed(1)} µs`);
    const figures: Record<"grpc" | "rest", Figure[]> = { grpc: [], rest: [] };
    const ready: number[] = [];
    for (let round = 1; round <= rounds; round++) {
      for (const protocol of ["grpc", "rest"] as const) {
        const served = await serve(dir, ["resnet"]);
        try {
          ready.push(served.readyMs);
          const figure = await measure(served, protocol, { files, dir, seconds });
          figures[protocol].push(figure);
          console.error(
            `round ${round} ${protocol}: ${figure.cpuMicros.toFixed(1)} µs (${Math.round(figure.perSecond)} calls/s), ready after ${Math.round(served.readyMs)} ms`,
          );
        } finally {
          await served.running.stop();
        }
      }
    }
    const scales: Scale[] = [];
    for (const models of values.quick === true ? sizes.slice(0, 1) : sizes) {
      const found = await scale(dir, models);
      scales.push(found);
      console.error(`${models} models: ready after ${Math.round(found.readyMs)} ms, idle ${(found.idleShare * 100).toFixed(2)} % of a core`);
    }
    const result: Result = {
      environment: environment(loadBefore),
      rounds,
      seconds,
      modelMicros: model,
      grpc: { cpu: spread(figures.grpc.map((f) => f.cpuMicros - model)), figures: figures.grpc },
      rest: { cpu: spread(figures.rest.map((f) => f.cpuMicros - model)), figures: figures.rest },
      readyMs: spread(ready),
      scales,
    };
    const text = report(result);
    const json = `${JSON.stringify(result, null, 2)}\n`;
    if (values.quick !== true) {
      mkdirSync(join(root, "bench/results"), { recursive: true });
      writeFileSync(join(root, "bench/results/server.md"), text);
      writeFileSync(join(root, "bench/results/server.json"), json);
    }
    process.stdout.write(values.json === true ? json : text);
    return 0;
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}
