// Upstream's cases of warm-up (behaviour spec 13.12), over real versions on disk.
import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { create, toBinary } from "@bufbuild/protobuf";
import { type Engine, newEmbeddedEngine } from "@tfs/engine";
import { type Example, ExampleSchema } from "@tfs/proto";
import { PredictionLogSchema } from "@tfs/proto/gen/tensorflow_serving/apis/prediction_log_pb.js";
import { background, Code, type Ctx, newLogger, systemClock, withCancel } from "@tfs/std";
import { newRegistry } from "@tfs/std/metrics";
import { fakeClock } from "@tfs/std/testing";
import { DType, newTensor } from "@tfs/tensor";
import { writeRecords } from "../record/index.ts";
import { newRuns } from "../infer/index.ts";
import { newLoader, newLoads, type Servable } from "../servable/index.ts";
import { newLocalStorage } from "../storage/index.ts";
import { scratch } from "../testing/index.ts";
import { fileOf, maxRecords } from "./file.ts";
import {
  classifyRecord,
  multiInferenceRecord,
  newWarmup,
  predictRecord,
  regressRecord,
  type WarmupOptions,
  type WarmupRecord,
  writeWarmupRequests,
} from "./index.ts";

const dir = scratch();
after(() => dir[Symbol.dispose]());
const ctx = background();
const example: Example = create(ExampleSchema, { features: { feature: { x: { kind: { case: "floatList", value: { value: [2] } } } } } });
const x = { x: newTensor(DType.Float, [1], Float32Array.of(2)) };
const kinds: readonly WarmupRecord[] = [
  regressRecord([example], { signature: "regress_x_to_y" }),
  classifyRecord([example], { signature: "classify_x_to_y" }),
  predictRecord(x),
  multiInferenceRecord(
    [
      { method: "regress", signature: "regress_x_to_y" },
      { method: "classify", signature: "classify_x_to_y" },
    ],
    [example],
  ),
];

let versions = 0;
function newVersion(): string {
  const name = `m${versions++}`;
  return join(dir.copy("half_plus_two/1", `${name}/1`), "1");
}
/** written gives a new version with a file of records of any bytes. */
async function written(...records: readonly Uint8Array[]): Promise<string> {
  const version = newVersion();
  mkdirSync(dirname(fileOf(version)), { recursive: true });
  await writeRecords(fileOf(version), records);
  return version;
}

/** Loaded is how the load of a version went. */
interface Loaded {
  /** runs of the model. */
  readonly runs: number;
  /** closed: models that were let go of. */
  readonly closed: number;
  readonly failure: unknown;
  readonly said: readonly string[];
  readonly metrics: readonly unknown[];
}
interface LoadOptions extends Partial<WarmupOptions> {
  readonly ctx?: Ctx;
  /** onRun is called at the beginning of a run. */
  readonly onRun?: () => void;
}
async function load(version: string, { ctx: life = ctx, onRun, ...options }: LoadOptions = {}): Promise<Loaded> {
  let [runs, closed] = [0, 0];
  const own = newEmbeddedEngine();
  const engine: Engine = {
    ...own,
    load: async (c, path, o) => {
      const model = await own.load(c, path, o);
      return {
        metaGraph: model.metaGraph,
        run: (run, feeds, fetches) => {
          runs++;
          onRun?.();
          return model.run(run, feeds, fetches);
        },
        close: () => {
          closed++;
          return model.close();
        },
      } as typeof model;
    },
  };
  const said: string[] = [];
  const clock = fakeClock();
  const logger = newLogger({ write: (line) => void said.push(line), clock });
  const metrics = newRegistry();
  const warm = newWarmup({ infer: { checkMethodName: false, runs: newRuns(newRegistry()) }, metrics, clock, logger, ...options });
  const loader = newLoader({
    engines: () => engine,
    tags: ["serve"],
    loads: newLoads(newRegistry()),
    storages: { file: newLocalStorage(systemClock()) },
    warm,
  });
  let failure: unknown;
  let servable: Servable | undefined;
  try {
    servable = await loader.load(life, { name: "m", version: 1n, path: version });
  } catch (err) {
    failure = err;
  }
  const closedByLoad = closed;
  await servable?.close();
  const counted = metrics.collect().flatMap(({ name, cells }) => cells.map(({ values, value, buckets }) => [name, ...values, buckets?.count ?? value]));
  return { runs, closed: closedByLoad, failure, said, metrics: counted };
}

test("a version without a warm-up file is loaded, and nothing is run", async () => {
  const version = newVersion();
  const got = await load(version);
  assert.deepEqual([got.runs, got.failure, got.metrics], [0, undefined, []]);
  assert.match(got.said.join("\n"), new RegExp(` INFO No warmup data file found at ${fileOf(version)}$`));
});
test("a version with an empty warm-up file is loaded, and nothing is run", async () => {
  const version = await written();
  const got = await load(version);
  assert.deepEqual([got.runs, got.failure], [0, undefined]);
  assert.match(got.said.join("\n"), /Number of warmup records read: 0\./);
});
for (const iterations of [1, 2]) {
  test(`ten records of each kind, ${iterations} times each, are ${40 * iterations} runs`, async () => {
    const version = newVersion();
    await writeWarmupRequests(
      version,
      kinds.flatMap((kind) => Array.from({ length: 10 }, () => kind)),
    );
    const got = await load(version, { iterations });
    assert.deepEqual([got.runs, got.failure, got.closed], [40 * iterations, undefined, 0]);
    assert.deepEqual(got.metrics, [
      ["/tensorflow/serving/model_warmup_latency", version, "OK", 1],
      ["/tensorflow/serving/model_warmup_records_read", version, "OK", 40],
    ]);
    const path = fileOf(version);
    const said = got.said.join("\n");
    assert.ok(
      said.includes(`Starting to read warmup data for model at ${path} with model-warmup-options num_request_iterations { value: ${iterations} }`),
      said,
    );
    assert.ok(said.includes(`Finished reading warmup data for model at ${path}. Number of warmup records read: 40. Elapsed time (microseconds): 0.`), said);
  });
}
test("a record without a request in it is skipped, and counted", async () => {
  const got = await load(await written(new Uint8Array(0), toBinary(PredictionLogSchema, kinds[2]!)));
  assert.deepEqual([got.runs, got.failure], [1, undefined]);
  assert.match(got.said.join("\n"), /Number of warmup records read: 2\./);
});
test("a file may have as many records as are allowed", async () => {
  const got = await load(await written(...Array.from({ length: maxRecords }, () => new Uint8Array(0))));
  assert.equal(got.failure, undefined);
});

const bytesOf = (log: WarmupRecord): Uint8Array => toBinary(PredictionLogSchema, log);
const log = (logType: NonNullable<WarmupRecord["logType"]>): Uint8Array => bytesOf(create(PredictionLogSchema, { logType }));
const good = bytesOf(kinds[2]!);
const malformed = new TextEncoder().encode("malformed_record");
const long = new TextEncoder().encode("malformed_record".repeat(100));
const failing: readonly {
  readonly name: string;
  readonly file: () => Promise<string>;
  readonly code: Code;
  readonly text: string;
  readonly runs: number;
}[] = [
  {
    name: "a file of bare messages",
    file: async () => {
      const version = await written();
      writeFileSync(fileOf(version), good);
      return version;
    },
    code: Code.DataLoss,
    text: "record 1 of PATH is corrupt: the checksum of its length does not match. Please verify your warmup data is in TFRecord format.",
    runs: 0,
  },
  {
    name: "one record too many, which is run first",
    file: () => written(...Array.from({ length: maxRecords }, () => new Uint8Array(0)), good),
    code: Code.InvalidArgument,
    text: "Number of warmup records exceeds the maximum (1000) at PATH",
    runs: 1,
  },
  {
    name: "a record that is no message",
    file: () => written(good, malformed),
    code: Code.InvalidArgument,
    text: "Failed to parse warmup record: malformed_record from PATH (record 2)",
    runs: 1,
  },
  {
    name: "a long record that is no message, of which the error repeats little",
    file: () => written(long),
    code: Code.InvalidArgument,
    text: `Failed to parse warmup record: ${"malformed_record".repeat(16)}… from PATH (record 1)`,
    runs: 0,
  },
  {
    name: "a request that fails",
    file: () => written(good, bytesOf(predictRecord(x, { signature: "none" })), good),
    code: Code.FailedPrecondition,
    text: 'Serving signature key "none" not found. (record 2 of PATH)',
    runs: 1,
  },
  {
    name: "a predict log without its request",
    file: () => written(log({ case: "predictLog", value: { $typeName: "tensorflow.serving.PredictLog" } })),
    code: Code.InvalidArgument,
    text: "input size does not match signature: 0!=1 len({}) != len({x}). Sent extra: {}. Missing but required: {x}. (record 1 of PATH)",
    runs: 0,
  },
  {
    name: "a session run",
    file: () => written(log({ case: "sessionRunLog", value: { $typeName: "tensorflow.serving.SessionRunLog" } })),
    code: Code.Unimplemented,
    text: "Unsupported log_type for warmup: 5 (record 1 of PATH)",
    runs: 0,
  },
  {
    name: "a stream",
    file: () => written(log({ case: "predictStreamedLog", value: { $typeName: "tensorflow.serving.PredictStreamedLog", request: [], response: [] } })),
    code: Code.Unimplemented,
    text: "Unsupported log_type for warmup: 7 (record 1 of PATH)",
    runs: 0,
  },
];
for (const tc of failing) {
  test(`warm-up fails the load, and the version is closed: ${tc.name}`, async () => {
    const version = await tc.file();
    const { failure, runs, closed, metrics } = await load(version);
    assert.equal((failure as Error | undefined)?.message, tc.text.replace("PATH", fileOf(version)));
    assert.deepEqual([(failure as { code?: Code }).code, runs, closed, metrics], [tc.code, tc.runs, 1, []]);
  });
}

test("others have their turn between two runs", async () => {
  const version = newVersion();
  await writeWarmupRequests(version, [kinds[2]!, kinds[2]!, kinds[2]!]);
  let turns = 0;
  let ended = false;
  const seen: number[] = [];
  const turn = (): void => {
    turns++;
    if (!ended) setImmediate(turn);
  };
  setImmediate(turn);
  await load(version, { iterations: 2, onRun: () => void seen.push(turns) });
  ended = true;
  assert.equal(seen.length, 6);
  for (let i = 1; i < seen.length; i++) assert.ok(seen[i]! > seen[i - 1]!, `turns before each run: ${seen.join()}`);
});
test("a load that is no longer wanted stops after the run that is under way", async () => {
  const version = newVersion();
  await writeWarmupRequests(version, [kinds[2]!, kinds[2]!]);
  using life = withCancel(ctx);
  const { runs, closed, failure } = await load(version, { ctx: life, onRun: () => life.cancel(), iterations: 5 });
  assert.deepEqual([runs, closed, (failure as { code?: Code }).code], [1, 1, Code.Canceled]);
});
