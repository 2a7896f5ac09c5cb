// The benchmark from the command line to the exit code: rounds over shapes over peers, then the report.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { environment, load } from "./environment.ts";
import { type Measurement, measure } from "./measure.ts";
import { type Options, parseOptions, usage } from "./options.ts";
import { writeFiles } from "./payload.ts";
import { type Peer, peers } from "./peers/index.ts";
import { stopAll } from "./process.ts";
import { markdown, number, type Run } from "./report.ts";
import { type Shape, shapes, takes } from "./shapes.ts";
import { judge, summarise } from "./summary.ts";
import { svg } from "./svg.ts";
import { missing, root } from "./tools.ts";

const exitCodes = { valid: 0, failed: 1, invalid: 2 };

/** main runs the benchmark and gives the exit code. */
export async function main(args: readonly string[]): Promise<number> {
  let options: Options;
  try {
    options = parseOptions(args);
  } catch (err) {
    console.error(`${(err as Error).message}\n\n${usage()}`);
    return 1;
  }
  if (options.help) {
    console.log(usage());
    return 0;
  }
  const chosenPeers = peers.filter((peer) => options.peers.includes(peer.name));
  const absent = missing(["load", "backend", ...chosenPeers.flatMap((peer) => peer.needs ?? [])]);
  if (process.platform !== "linux") {
    console.error("the benchmark reads processor time from /proc and pins with taskset: it needs Linux");
    return 1;
  }
  if (absent.length > 0) {
    console.error(`not installed: ${absent.join(", ")}. Run: npm run tools -- bench (or leave peers out with --peers)`);
    return 1;
  }
  const interrupted = (code: number) => () => void stopAll().finally(() => process.exit(code));
  process.once("SIGINT", interrupted(130));
  process.once("SIGTERM", interrupted(143));
  return await run(options, chosenPeers);
}

async function run(options: Options, chosenPeers: readonly Peer[]): Promise<number> {
  const chosenShapes = shapes.filter((shape) => options.shapes.includes(shape.name)).map((shape) => (options.quick ? briefly(shape) : shape));
  const loadBefore = load();
  const measurements = await measureAll(options, chosenShapes, chosenPeers);
  const summaries = summarise(
    chosenShapes,
    chosenPeers.map((peer) => peer.name),
    measurements,
  );
  const verdict = judge(summaries);
  const result: Run = {
    environment: environment(loadBefore),
    rounds: options.rounds,
    seconds: options.seconds,
    verdict,
    summaries,
    titles: { ...Object.fromEntries(peers.map((peer) => [peer.name, peer.title])), direct: "no proxy" },
  };
  const json = `${JSON.stringify({ ...result, measurements }, undefined, 2)}\n`;
  console.log(options.json ? json : markdown(result));
  if (options.name !== undefined) publish(options.name, result, json);
  return exitCodes[verdict];
}

/** briefly warms a shape for a quarter as long: what is not compiled by then is in the figures of a quick run. */
function briefly(shape: Shape): Shape {
  return shape.warmCalls === undefined ? shape : { ...shape, warmCalls: shape.warmCalls / 4 };
}

/** measureAll interleaves: every round goes through all shapes, and each shape through all peers, beginning with another one each round. */
async function measureAll(options: Options, chosenShapes: readonly Shape[], chosenPeers: readonly Peer[]): Promise<Measurement[]> {
  const measurements: Measurement[] = [];
  const dir = mkdtempSync(join(tmpdir(), "tfs-bench-"));
  try {
    const files = writeFiles(dir);
    for (let round = 1; round <= options.rounds; round++) {
      for (const shape of chosenShapes) {
        const able: (Peer | undefined)[] = chosenPeers.filter((peer) => takes(peer.name, shape));
        if (shape.metric === "latency") able.push(undefined);
        const turn = (round - 1) % Math.max(1, able.length);
        for (const peer of [...able.slice(turn), ...able.slice(0, turn)]) {
          const measurement = await measure(shape, peer, { files, dir, seconds: options.seconds, round });
          measurements.push(measurement);
          console.error(progress(measurement, shape));
        }
      }
    }
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
  return measurements;
}

function progress({ round, peer, figure, problem, detail }: Measurement, shape: Shape): string {
  const parts = [`round ${round} ${shape.name} ${peer}:`, figure === undefined ? `no figure: ${problem}` : `${number(figure)} ${shape.unit}`];
  if (detail !== undefined) {
    const optional = (n: number | undefined) => (n === undefined ? "–" : number(n));
    const { perSecond, cpuMicros, loadMicros, cores, others } = detail;
    parts.push(
      `(${number(perSecond)} calls/s, CPU ${optional(cpuMicros)} µs, load ${optional(loadMicros)} µs, ${number(cores)} cores, others ${optional(others)})`,
    );
  }
  return parts.join(" ");
}

function publish(name: string, result: Run, json: string): void {
  const dir = join(root, "bench/results");
  mkdirSync(dir, { recursive: true });
  for (const [extension, content] of Object.entries({ md: markdown(result), json, svg: svg(result) }))
    writeFileSync(join(dir, `${name}.${extension}`), content);
  console.error(`written to bench/results/${name}.{md,json,svg}`);
}
