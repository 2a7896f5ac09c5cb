// Ours beside other model servers: the same functions, the same questions, windows of all servers in turn.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { DType, newTensor, type Tensor } from "@tfs/tensor";
import { processTree, resident } from "../gateway/cpu.ts";
import { environment, load } from "../gateway/environment.ts";
import { framed, imageValues, smallValues, values } from "../gateway/payload.ts";
import { roundRatios, type Spread, spread } from "../gateway/stats.ts";
import { askGrpc, askRest } from "./ask.ts";
import { compareReport } from "./compare_report.ts";
import { aloneIn } from "./engine.ts";
import { type Figure, type Question, window } from "./load.ts";
import { type Hosted, modelsDir, type Numbers, type Peer, peers } from "./peers/index.ts";
import type { Outcome, RunOptions, Section } from "./section.ts";

export const compare: Section = {
  name: "peers",
  what: "overhead of a call beside Triton, MLServer and a grpcio server over TensorFlow: half-plus-two, a CNN, an image of 602 KB",
  needs: ["load"],
  run,
};

/** Shape is a model, what it is asked, and by how many at a time. */
interface Shape {
  readonly name: string;
  readonly model: string;
  readonly alias: string;
  readonly x: Tensor;
  readonly grpc: { readonly connections: number; readonly calls: number };
  /** rest is connections, each with a call at a time. */
  readonly rest: number;
  /** runs are enough to time the model alone. */
  readonly runs: number;
}

const shapes: readonly Shape[] = [
  {
    name: "half-plus-two, 10 floats",
    model: "half_plus_two",
    alias: "x",
    x: floats([1, 10], smallValues),
    grpc: { connections: 4, calls: 8 },
    rest: 32,
    runs: 10_000,
  },
  {
    name: "digits CNN, 64 floats",
    model: "digits",
    alias: "image",
    x: floats([1, 8, 8, 1], values(64)),
    grpc: { connections: 4, calls: 8 },
    rest: 32,
    runs: 1000,
  },
  {
    name: "image, 150,528 floats",
    model: "pixel_mean",
    alias: "image",
    x: floats([1, 224, 224, 3], imageValues),
    grpc: { connections: 4, calls: 2 },
    rest: 4,
    runs: 200,
  },
];
const protocols = ["grpc", "rest"] as const;

function floats(shape: readonly number[], data: Float32Array): Tensor {
  return newTensor(DType.Float, shape, data);
}

/** Row is what one peer takes for one shape over one protocol; overheads are µs of processor time a call above the model's own. */
export interface Row {
  readonly shape: string;
  readonly protocol: string;
  readonly peer: string;
  readonly modelMicros: number;
  readonly overhead: Spread;
  /** ratio is how many times ours the peer's overhead is, within each round; undefined for ours. */
  readonly ratio: Spread | undefined;
  readonly perSecond: number;
  readonly p99: number;
}

async function run({ rounds, seconds, dir }: RunOptions): Promise<Outcome> {
  const present = peers.filter(
    ({ name, needs }) => existsSync(needs) || console.error(`${name} is left out: ${needs} is not there; npm run tools -- bench installs it`),
  );
  const loadBefore = load();
  const alone = new Map<string, number>();
  const wanted = new Map<string, Numbers>();
  for (const { model, x, runs } of shapes) {
    const ours = await aloneIn(join(modelsDir, model, "1"), x, runs);
    wanted.set(model, new Map([...ours.outputs].map(([alias, t]) => [alias, Array.from(t.data as Float32Array, Number)])));
    for (const peer of present) alone.set(`${peer.name} ${model}`, peer.alone?.(model) ?? ours.micros);
  }
  const hosted = new Map<Peer, Hosted>();
  const figures = new Map<string, Map<number, Figure>>();
  try {
    for (const peer of present) {
      hosted.set(peer, await peer.start(dir, [...new Set(shapes.map(({ model }) => model))]));
      console.error(`${peer.name} runs`);
    }
    for (let round = 0; round < rounds; round++) {
      for (const shape of shapes) {
        for (const protocol of protocols) {
          for (let i = 0; i < present.length; i++) {
            const peer = present[(i + round) % present.length]!; // each round begins with another
            const question = await questionOf(peer, hosted.get(peer)!, shape, protocol, { dir, want: wanted.get(shape.model)! });
            if (question === undefined) continue;
            const key = keyOf(shape, protocol, peer);
            const figure = await window(hosted.get(peer)!.running.pid, question, seconds);
            figures.set(key, (figures.get(key) ?? new Map<number, Figure>()).set(round, figure));
            console.error(`round ${round + 1} ${key}: ${figure.cpuMicros.toFixed(1)} µs (${Math.round(figure.perSecond)} calls/s)`);
          }
        }
      }
    }
    const memory = Object.fromEntries([...hosted].map(([{ name }, { running }]) => [name, resident(processTree(running.pid))]));
    const rows = shapes.flatMap((shape) =>
      protocols.flatMap((protocol) => present.flatMap((peer) => rowOf(shape, protocol, peer, present[0]!, figures, alone))),
    );
    const result = {
      environment: environment(loadBefore),
      rounds,
      seconds,
      rows,
      memory,
      titles: Object.fromEntries(present.map(({ name, title }) => [name, title])),
    };
    return { text: compareReport(result), result };
  } finally {
    for (const { running } of hosted.values()) await running.stop();
  }
}

function keyOf(shape: Shape, protocol: string, peer: Peer): string {
  return `${shape.model} ${protocol} ${peer.name}`;
}

function rowOf(
  shape: Shape,
  protocol: string,
  peer: Peer,
  ours: Peer,
  figures: ReadonlyMap<string, ReadonlyMap<number, Figure>>,
  alone: ReadonlyMap<string, number>,
): Row[] {
  const of = (who: Peer): Map<number, number> =>
    new Map([...(figures.get(keyOf(shape, protocol, who)) ?? [])].map(([round, f]) => [round, f.cpuMicros - alone.get(`${who.name} ${shape.model}`)!]));
  const found = [...(figures.get(keyOf(shape, protocol, peer))?.values() ?? [])];
  if (found.length === 0) return [];
  const middle = (of: (f: Figure) => number): number => spread(found.map(of)).median;
  return [
    {
      ...{ shape: shape.name, protocol, peer: peer.name, modelMicros: alone.get(`${peer.name} ${shape.model}`)! },
      overhead: spread([...of(peer).values()]),
      ratio: peer === ours ? undefined : spread(roundRatios(of(peer), of(ours))),
      ...{ perSecond: middle((f) => f.perSecond), p99: middle((f) => f.p99) },
    },
  ];
}

/** A peer may listen before its models are loaded. */
const readyMs = 60_000;

/** questionOf asks once, holds the answer to what the model gives, and makes it what every call must have. undefined if the peer does not speak the protocol. */
async function questionOf(
  peer: Peer,
  { grpc, rest }: Hosted,
  shape: Shape,
  protocol: "grpc" | "rest",
  { dir, want }: { readonly dir: string; readonly want: Numbers },
): Promise<Question | undefined> {
  const { dialect } = peer;
  const target = protocol === "grpc" ? grpc : rest;
  if (target === undefined) return undefined;
  const [body, answer] = [join(dir, "question"), join(dir, "answer")];
  const path = protocol === "grpc" ? dialect.grpcPath : dialect.restPath(shape.model);
  if (protocol === "grpc") {
    const message = dialect.grpcRequest(shape.model, shape.alias, shape.x);
    const got = await untilAnswered(() => askGrpc(target, path, message));
    check(dialect.grpcNumbers(got), want, `${peer.name} ${shape.model}`);
    writeFileSync(body, framed(message));
    writeFileSync(answer, framed(got));
    return { target, protocol, path, ...shape.grpc, body, want: answer };
  }
  writeFileSync(body, dialect.restRequest(shape.alias, shape.x));
  const got = await untilAnswered(() => askRest(target, path, readFileSync(body)));
  check(dialect.restNumbers(Buffer.from(got).toString()), want, `${peer.name} ${shape.model}`);
  writeFileSync(answer, got);
  return { target, protocol, path, connections: shape.rest, calls: 1, body, want: answer };
}

async function untilAnswered(ask: () => Promise<Uint8Array>): Promise<Uint8Array> {
  for (const deadline = performance.now() + readyMs; ; await sleep(200)) {
    try {
      return await ask();
    } catch (err) {
      if (performance.now() > deadline) throw err;
    }
  }
}

/** check compares to five digits: means of many floats differ in the sixth by the order of adding. */
function check(got: Numbers, want: Numbers, where: string): void {
  for (const [alias, numbers] of want) {
    const found = got.get(alias) ?? got.get(undefined);
    const same = found?.length === numbers.length && numbers.every((n, i) => Math.abs(n - found[i]!) <= 1e-5 * Math.max(1, Math.abs(n)));
    if (!same) throw new Error(`${where}: ${alias} is ${JSON.stringify(found)}, not ${JSON.stringify(numbers)}`);
  }
}
