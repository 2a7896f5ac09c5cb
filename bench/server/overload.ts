// More than the server can do: how many calls it answers in time, and how soon, beside its own capacity in the same run.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { create, toBinary } from "@bufbuild/protobuf";
import { DataType, PredictRequestSchema } from "@tfs/proto";
import { processTree, ranNs } from "../gateway/cpu.ts";
import { conditions, type Environment, environment, load } from "../gateway/environment.ts";
import { type Load, startLoad } from "../gateway/load.ts";
import { framed } from "../gateway/payload.ts";
import { percentile, type Spread, spread, three, verdict } from "../gateway/stats.ts";
import { root } from "../gateway/tools.ts";
import { wantedOf } from "./load.ts";
import type { Outcome, RunOptions, Section } from "./section.ts";
import { basePath, serveModels } from "./serve.ts";

export const overload: Section = {
  name: "overload",
  what: "five times the calls that it can answer: how many it answers in time, and how soon",
  needs: ["load"],
  run,
};

/** Pressed is one window. */
interface Pressed {
  /** goodput is calls a second that were answered within their deadline. */
  readonly goodput: number;
  /** perProcessor is such calls by seconds of processor time that the server got: what others take of its core is not in it. */
  readonly perProcessor: number;
  /** p50 and p99 of them are in µs, from when a call was due. */
  readonly p50: number;
  readonly p99: number;
  /** came is calls a second that came to an end, whichever. */
  readonly came: number;
  /** missed is the share of calls that were not answered within it. */
  readonly missed: number;
  /** failures are how many of the others ended how. */
  readonly failures: Readonly<Record<string, number>>;
  /** generator is the share of its core that the load generator took. */
  readonly generator: number;
}

/** Turn is a flood and a calm, with the capacity before and after each: they come round so quickly because the machine's speed changes. */
interface Turn {
  readonly before: Pressed;
  readonly flood: Pressed;
  readonly between: Pressed;
  readonly calm: Pressed;
  readonly after: Pressed;
}

/** Flood is one server, through all its turns. */
interface Flood {
  /** images are rows of one call. */
  readonly images: number;
  readonly turns: readonly Turn[];
}

/** What clients wait. */
const deadlineMs = 1_000;
const windowMs = 1_000;
/** What passes before a window, by what comes before it: calls that waited have gone, and the server has found out. */
const settleMs = { first: 3_000, flood: 2_500, afterFlood: 500, calm: 700, afterCalm: 300 } as const;
/** Nothing is asked for so long before a capacity: in overload a server refuses some of those that ask again at once, and what it can answer is less by that. */
const quietMs = 1_200;
/** Turns of a round. */
const turnsPerRound = 4;
const [connections, closedCalls] = [16, 8];
const sizes = [1, 16, 64];
const digits = join(root, "testdata/models/digits");
/** What is aimed at: of the capacity, and times the p99 in calm. */
const targets = { goodput: 0.9, p99: 3 };

async function run({ rounds, quick, dir }: RunOptions): Promise<Outcome> {
  const before = load();
  const floods: Flood[] = [];
  for (const images of quick ? sizes.slice(1, 2) : sizes) {
    const found = await measure(dir, images, rounds * turnsPerRound);
    floods.push(found);
  }
  const result = { environment: environment(before), floods };
  return { text: report(result), result };
}

/** measure floods a server that serves the digits CNN with calls of so many images, again and again. */
async function measure(dir: string, images: number, count: number): Promise<Flood> {
  const served = await serveModels(dir, [{ name: "digits", path: basePath(dir, "digits", digits) }], []);
  try {
    const [body, want] = [join(dir, "digits"), join(dir, "want-digits")];
    writeFileSync(body, request(images));
    writeFileSync(want, await wantedOf(served.grpc, body));
    const generator = await startLoad({ target: served.grpc, cores: "1", protocol: "grpc", body, want, connections, calls: 0, rate: 1, timeoutMs: deadlineMs });
    try {
      const { pid } = served.running;
      const capacity = async (settle: number): Promise<Pressed> => {
        generator.rate(0);
        await sleep(quietMs);
        generator.calls(closedCalls);
        return await window(generator, pid, settle);
      };
      const press = (rate: number, settle: number): Promise<Pressed> => {
        generator.rate(rate);
        return window(generator, pid, settle);
      };
      const turns: Turn[] = [];
      await press(5 * (await capacity(settleMs.first)).goodput, settleMs.first); // until it is compiled how calls are refused
      for (let before = await capacity(settleMs.afterFlood); turns.length < count; ) {
        const flood = await press(5 * before.goodput, settleMs.flood);
        const between = await capacity(settleMs.afterFlood);
        const calm = await press(0.8 * between.goodput, settleMs.calm);
        const after = await capacity(settleMs.afterCalm);
        const turn = { before, flood, between, calm, after };
        turns.push(turn);
        console.error(`turn ${turns.length}: ${images} images, ${line(turn)}`);
        before = after;
      }
      return { images, turns };
    } finally {
      await generator.stop();
    }
  } finally {
    await served.running.stop();
  }
}

/** goodputOf is what was answered in time in the flood, by the capacity around it. */
function goodputOf({ before, flood, between }: Turn, by: "goodput" | "perProcessor" = "goodput"): number {
  return flood[by] / ((before[by] + between[by]) / 2);
}

function p99Of({ calm, flood }: Turn): number {
  return flood.p99 / calm.p99;
}

function line(turn: Turn): string {
  const { before, flood, between, calm, after } = turn;
  const ms = (micros: number): string => (micros / 1000).toFixed(2);
  const capacities = [before, between, after].map(({ goodput }) => goodput.toFixed(0)).join(", ");
  return `${capacities}/s (${[before, between, after].map(({ missed }) => percent(missed)).join(", ")} % missed); at 0.8 ×: ${percent(calm.missed)} % missed, p99 ${ms(calm.p99)} ms; at 5 ×: ${flood.came.toFixed(0)}/s came, ${flood.goodput.toFixed(0)}/s in time, p99 ${ms(flood.p99)} ms: ${percent(goodputOf(turn))} % (${percent(goodputOf(turn, "perProcessor"))} by processor time), ${p99Of(turn).toFixed(2)} ×; ${JSON.stringify(flood.failures)}; generator ${percent(flood.generator)} %`;
}

/** report prints the middle of the turns as Markdown. */
function report({ environment: e, floods }: { readonly environment: Environment; readonly floods: readonly Flood[] }): string {
  const rows = floods.map(({ images, turns }) => {
    const middle = (of: (turn: Turn) => number): number => spread(turns.map(of)).median;
    const ms = (of: (turn: Turn) => number): string => `${(middle(of) / 1000).toFixed(2)} ms`;
    const shares = (by: "goodput" | "perProcessor"): Spread => spread(turns.map((turn) => goodputOf(turn, by)));
    const [goodput, perProcessor, p99] = [shares("goodput"), shares("perProcessor"), spread(turns.map(p99Of))];
    const percents = ({ min, median, max }: Spread): string => `${[min, median, max].map(percent).join(" / ")} %`;
    return [
      ...["", images, `${middle(({ before }) => before.goodput).toFixed(0)}/s`],
      ...[middle(({ before, flood }) => flood.came / before.goodput).toFixed(1), `${percent(middle(({ flood }) => flood.generator))} %`],
      ...[`${percent(middle(({ calm }) => calm.missed))} %`, ms(({ calm }) => calm.p99), ms(({ flood }) => flood.p99)],
      `${percents(goodput)}: ${verdict(goodput.median >= targets.goodput)}`,
      percents(perProcessor),
      `${three(p99, 2)}: ${verdict(p99.median <= targets.p99)}`,
      "",
    ].join(" | ");
  });
  const heads = [
    ...["images a call", "capacity", "came at 5 ×, by the capacity", "generator's core", "missed at 0.8 ×", "p99 at 0.8 ×", "p99 at 5 ×"],
    ...[`answered in time at 5 ×, ≥ ${percent(targets.goodput)} % of the capacity`, "the same by processor time", `p99 by that at 0.8 ×, ≤ ${targets.p99}`],
  ];
  return [
    "# Model server benchmark: overload",
    "",
    conditions(e, `windows of ${windowMs / 1000} s`),
    "",
    `The digits CNN over gRPC; the server has core 0, the load generator core 1. One server is asked all the time, in turns: the capacity is what ${connections} connections with ${closedCalls} calls each in flight get answered, once there was nothing to do for ${quietMs / 1000} s; then the same connections send calls at fixed times, five times as many, again as many as it can, and 0.8 times as many, each window for ${windowMs / 1000} s once what came before has passed. Calls have ${deadlineMs} ms, and latency counts from when a call was due, of those that were answered. A flood is held against the mean of the capacities before and after it, its p99 against that of the calm beside it. By processor time means calls by the second that the server's threads ran, which other programs on the machine do not change. min / median / max over the turns, of which there were ${floods[0]!.turns.length}.`,
    "",
    `| ${heads.join(" | ")} |`,
    `| ${heads.map(() => "---").join(" | ")} |`,
    ...rows.map((row) => row.trim()),
    "",
  ].join("\n");
}

function percent(share: number): string {
  return (100 * share).toFixed(0);
}

async function window(load: Load, pid: number, settle: number): Promise<Pressed> {
  await sleep(settle);
  const pids = processTree(pid);
  await load.mark();
  const before = ranNs(pids);
  await sleep(windowMs);
  const { ok, failed, seconds, ownCpuSeconds, latencies, failures } = await load.mark();
  const perProcessor = (1e9 * ok) / (ranNs(pids) - before);
  const latency = (fraction: number): number => percentile(latencies, fraction) ?? Number.NaN;
  return {
    goodput: ok / seconds,
    perProcessor,
    p50: latency(0.5),
    p99: latency(0.99),
    came: (ok + failed) / seconds,
    missed: failed / Math.max(1, ok + failed),
    failures,
    generator: ownCpuSeconds / seconds,
  };
}

/** request asks for so many of the sixteen images that the model's golden answers are for. */
export function request(images: number): Uint8Array {
  const golden = JSON.parse(readFileSync(join(digits, "golden.json"), "utf8")) as {
    readonly versions: {
      readonly 1: {
        readonly signatures: { readonly serving_default: { readonly cases: readonly { readonly inputs: { readonly image: { readonly content: string } } }[] } };
      };
    };
  };
  const all = Buffer.from(golden.versions[1].signatures.serving_default.cases[0]!.inputs.image.content, "base64");
  const imageBytes = 8 * 8 * 4;
  const tensorContent = Buffer.concat(Array.from({ length: images }, (_, i) => all.subarray((i % 16) * imageBytes, ((i % 16) + 1) * imageBytes)));
  const tensorShape = { dim: [images, 8, 8, 1].map((size) => ({ size: BigInt(size) })) };
  const inputs = { image: { dtype: DataType.DT_FLOAT, tensorShape, tensorContent } };
  return framed(toBinary(PredictRequestSchema, create(PredictRequestSchema, { modelSpec: { name: "digits" }, inputs })));
}
