// Small calls and many models: what the server takes besides the model.
import { environment, load } from "../gateway/environment.ts";
import { spread } from "../gateway/stats.ts";
import { engineMicros } from "./engine.ts";
import { type Figure, measure } from "./load.ts";
import { report, type Result } from "./report.ts";
import { type Scale, scale } from "./scale.ts";
import type { Outcome, RunOptions, Section } from "./section.ts";
import { serve } from "./serve.ts";

export const calls: Section = {
  name: "calls",
  what: "processor time for each small call above the model's own, time until ready, memory, and up to 1000 models",
  needs: ["load"],
  run,
};

const sizes = [100, 500, 1000];

async function run({ rounds, seconds, quick, dir, files }: RunOptions): Promise<Outcome> {
  const loadBefore = load();
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
        const [micros, rate] = [figure.cpuMicros.toFixed(1), Math.round(figure.perSecond)];
        console.error(`round ${round} ${protocol}: ${micros} µs (${rate} calls/s), ready after ${Math.round(served.readyMs)} ms`);
      } finally {
        await served.running.stop();
      }
    }
  }
  const scales: Scale[] = [];
  for (const models of quick ? sizes.slice(0, 1) : sizes) {
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
  return { text: report(result), result };
}
