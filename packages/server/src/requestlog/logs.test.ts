// Which log a call goes to, and what becomes of that when configurations change (upstream's cases of behaviour spec 13.13 among them).
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, test } from "node:test";
import { create, fromBinary } from "@bufbuild/protobuf";
import { ModelSpecSchema } from "@tfs/proto";
import { type PredictionLog, PredictionLogSchema } from "@tfs/proto/gen/tensorflow_serving/apis/prediction_log_pb.js";
import type { LoggingConfig } from "@tfs/proto/gen/tensorflow_serving/config/logging_config_pb.js";
import { background, Code, newError } from "@tfs/std";
import { newRegistry } from "@tfs/std/metrics";
import { fakeClock } from "@tfs/std/testing";
import type { ModelSource } from "../config/index.ts";
import { answer, list, newBases, one, started } from "../testing/cores.ts";
import { logging, scratch, silent } from "../testing/index.ts";
import { type CollectorFactory, newRequestLogs, type RequestLogs, type RequestLogTuning } from "./index.ts";

const dir = scratch();
after(() => dir[Symbol.dispose]());
const ctx = background();
const spec = create(ModelSpecSchema, { name: "m", signatureName: "s", versionChoice: { case: "version", value: { value: 7n } } });
const nothing = (): Uint8Array => new Uint8Array(0);

interface Made {
  readonly logs: RequestLogs;
  /** collected are records by the filename_prefix of their collector. */
  readonly collected: ReadonlyMap<string, PredictionLog[]>;
  /** events are collectors that were made and closed, by filename_prefix. */
  readonly events: string[];
  /** counts are the metrics that are not zero. */
  counts(): string[];
}
interface MakeOptions extends RequestLogTuning {
  readonly random?: () => number;
  /** takes tells whether collectors take records; default yes. */
  readonly takes?: boolean;
}
/** made has a type of collector of its own, "kept", which keeps what it is given in memory. */
function made({ random = () => 0.5, takes = true, ...tuning }: MakeOptions = {}): Made {
  const collected = new Map<string, PredictionLog[]>();
  const events: string[] = [];
  const factory: CollectorFactory = ({ logCollectorConfig }) => {
    const prefix = logCollectorConfig?.filenamePrefix ?? "";
    if (prefix === "bad") throw newError(Code.InvalidArgument, "a bad prefix");
    events.push(`made ${prefix}`);
    const records = collected.get(prefix) ?? [];
    collected.set(prefix, records);
    return {
      collect: ({ pieces }) => {
        if (takes) records.push(fromBinary(PredictionLogSchema, Buffer.concat(pieces)));
        return takes;
      },
      close: async () => void events.push(`closed ${prefix}`),
    };
  };
  const metrics = newRegistry();
  const collectors = [["kept", factory] as const, ...(tuning.collectors ?? [])];
  const logs = newRequestLogs({ tuning: { ...tuning, collectors }, tags: ["serve", "gpu"], metrics, clock: fakeClock(), logger: silent, random });
  const counts = (): string[] => metrics.collect().flatMap(({ name, cells }) => cells.map((c) => `${name} ${c.values.join(" ")} ${c.value}`));
  return { logs, collected, events, counts };
}
const model = (name: string, config?: LoggingConfig): ModelSource => ({ name, basePath: "/m", ...(config && { logging: config }) });
const kept = (prefix: string, sampling = "sampling_rate: 1"): LoggingConfig => logging(prefix, { type: "kept", sampling });
/** call logs a call to a model, if it is to be. */
const call = (logs: RequestLogs, name: string): boolean => {
  const keep = logs.take(ctx, name);
  keep?.("predict", spec, nothing, nothing);
  return keep !== undefined;
};

test("logging: models with the same configuration have one logger", () => {
  const { logs, collected, events } = made();
  logs.set([model("a", kept("p")), model("b", kept("p")), model("c")]);
  assert.deepEqual(
    ["a", "b", "c", "d"].map((name) => call(logs, name)),
    [true, true, false, false],
  );
  assert.deepEqual([events, collected.get("p")?.length], [["made p"], 2]);
});
test("logging: configurations that differ only in sampling write to one collector", () => {
  const { logs, events } = made();
  logs.set([model("a", kept("p")), model("b", kept("p", "sampling_rate: 0.9")), model("c", kept("q"))]);
  assert.deepEqual(events, ["made p", "made q"]);
});
test("logging: a logger whose configuration stays is kept, one that nobody has any more is closed", async () => {
  const { logs, events, collected } = made();
  logs.set([model("a", kept("p")), model("b", kept("q"))]);
  logs.set([model("b", kept("p")), model("c", kept("r"))]);
  assert.deepEqual(events, ["made p", "made q", "made r", "closed q"]);
  logs.set([model("b", kept("p", "sampling_rate: 0"))]);
  assert.deepEqual(events.slice(4), ["closed r"]);
  assert.equal(call(logs, "b"), false);
  assert.deepEqual([...collected.values()].flat(), []);
  await logs.close();
  assert.deepEqual(events.slice(5), ["closed p"]);
});

const bad: readonly { readonly name: string; readonly config: LoggingConfig; readonly code: Code; readonly text: string }[] = [
  { name: "an unknown type", config: logging("p", { type: "none" }), code: Code.NotFound, text: "model b: Cannot find LogCollector::Factory for type: none" },
  { name: "no type", config: logging("p", { type: "" }), code: Code.NotFound, text: "model b: Cannot find LogCollector::Factory for type: " },
  { name: "a rate that is none", config: kept("p", "sampling_rate: 2"), code: Code.InvalidArgument, text: "model b: sampling_rate 2 is not between 0 and 1" },
  { name: "what a collector does not take", config: kept("bad"), code: Code.InvalidArgument, text: "model b: a bad prefix" },
  {
    name: "no prefix for files",
    config: logging(""),
    code: Code.InvalidArgument,
    text: 'model b: filename_prefix "": expected a path whose last part begins the names of files',
  },
  {
    name: "a folder for a prefix",
    config: logging("/logs/"),
    code: Code.InvalidArgument,
    text: 'model b: filename_prefix "/logs/": expected a path whose last part begins the names of files',
  },
];
for (const { name, config, code, text } of bad) {
  test(`logging: a configuration in an update that cannot be changes nothing: ${name}`, () => {
    const { logs, events } = made();
    logs.set([model("a", kept("old"))]);
    assert.throws(() => logs.set([model("a", kept("new")), model("b", config)]), { code, message: text });
    assert.deepEqual([call(logs, "a"), call(logs, "b"), events], [true, false, ["made old", "made new", "closed new"]]);
  });
}
test("logging: a type of collector that comes twice is refused", () => {
  for (const type of ["kept", "json"])
    assert.throws(() => made({ collectors: [[type, () => assert.fail()]] }), { code: Code.AlreadyExists, message: `Type ${type} already registered.` });
});

test("logging: a reload whose logs cannot be changes nothing", async () => {
  const base = newBases(dir);
  const { logs } = made();
  const logged = 'logging_config { log_collector_config { type: "kept" filename_prefix: "p" } sampling_config { sampling_rate: 1 } }';
  await using opened = await started(list(one("m", base("1"), logged)), { log: (models) => logs.set(models) });
  const config = list(one("m", base("2")), one("n", base("3"), logged.replace("kept", "none")));
  await assert.rejects(opened.core.reload(ctx, config), { code: Code.NotFound, message: "model n: Cannot find LogCollector::Factory for type: none" });
  assert.deepEqual([opened.core.models.map((m) => m.name), answer(opened.core, "m"), call(logs, "m")], [["m"], "1", true]);
  // A reload that is refused for a label leaves logs as they were too.
  await assert.rejects(opened.core.reload(ctx, list(one("m", base("1"), 'version_labels { key: "a" value: 9 }'))), { code: Code.FailedPrecondition });
  assert.equal(call(logs, "m"), true);
  await opened.core.reload(ctx, list(one("m", base("1"))));
  assert.equal(call(logs, "m"), false);
});

test("logging: each call is sampled by itself, by one random number, and one that is not has no message made", () => {
  let asked = 0;
  const numbers = [0.1, 0.25, 0.2499, 0.9, 0];
  const { logs, collected } = made({ random: () => numbers[asked++]! });
  logs.set([model("m", kept("p", "sampling_rate: 0.25")), model("never", kept("p", "sampling_rate: 0"))]);
  const taken = numbers.slice(0, 4).map(() => call(logs, "m"));
  assert.deepEqual([taken, asked, collected.get("p")?.length], [[true, false, true, false], 4, 2]);
  assert.equal(call(logs, "never"), false);
  logs.take(ctx, "none");
  assert.equal(asked, 5);
});
test("logging: what a record says of its call", () => {
  const { logs, collected } = made({ dc: "eu", task: 1 });
  logs.set([model("m", kept("p", 'sampling_rate: 0.1 attributes: 3 per_task_sampling_configs { dc: "eu" task_index: 1 sampling_rate: 1 }'))]);
  assert.equal(call(logs, "m"), true);
  const metadata = collected.get("p")![0]!.logMetadata!;
  assert.deepEqual(
    {
      spec: metadata.modelSpec,
      rate: metadata.samplingConfig?.samplingRate,
      attributes: metadata.samplingConfig?.attributes,
      tags: metadata.savedModelTags,
      at: metadata.timestampSecs,
      dc: metadata.dc,
    },
    { spec, rate: 1, attributes: 3, tags: ["serve", "gpu"], at: BigInt(Date.UTC(2026, 0, 1) / 1000), dc: "eu" },
  );
});

test("logging: what a log takes and what it does not is counted, and none of it fails the call", () => {
  const good = made();
  good.logs.set([model("m", kept("p"))]);
  call(good.logs, "m");
  good.logs.take(ctx, "m")?.(
    "predict",
    spec,
    () => {
      throw newError(Code.InvalidArgument, "no message");
    },
    nothing,
  );
  assert.deepEqual(good.counts(), ["/tensorflow/serving/request_log_count m OK 1", "/tensorflow/serving/request_log_count m INVALID_ARGUMENT 1"]);
  const full = made({ takes: false });
  full.logs.set([model("m", kept("p"))]);
  call(full.logs, "m");
  assert.deepEqual(full.counts(), ["/tensorflow/serving/request_log_count m RESOURCE_EXHAUSTED 1"]);
});
test("logging: a queue that is full loses records, counts them, and fails no call", async () => {
  const { logs, counts } = made({ queueBytes: 700 });
  logs.set([model("m", logging(join(dir.path, "full/m")))]);
  for (let i = 0; i < 3; i++) assert.equal(call(logs, "m"), true);
  await logs.close();
  assert.deepEqual(counts(), [
    "/tensorflow/serving/request_log_count m OK 1",
    "/tensorflow/serving/request_log_count m RESOURCE_EXHAUSTED 2",
    "tfs_request_log_lost_total m queue full 2",
  ]);
});

/** bytes is a message of one byte. */
const bytes = (n: number) => (): Uint8Array => Uint8Array.of(0x1a, 1, 0x30 + n); // field 3 of PredictRequest: output_filter
test("logging: a stream is one record, in the order of its messages, decided at its start", () => {
  let asked = 0;
  const { logs, collected } = made({ random: () => (asked++ < 0 ? 0 : 0.5) });
  assert.equal(logs.stream(), undefined);
  logs.set([model("m", kept("p", "sampling_rate: 0.6")), model("n", kept("q", "sampling_rate: 0.4")), model("o", kept("p", "sampling_rate: 0.6"))]);
  const stream = logs.stream()!;
  const [first, second, third, fourth] = [1, 2, 3, 4].map(() => stream.message(ctx));
  logs.take(third!, "m")?.("predict", spec, bytes(3), nothing);
  logs.take(second!, "n")?.("predict", spec, bytes(2), nothing);
  logs.take(fourth!, "o")?.("predict", spec, bytes(4), nothing);
  logs.take(first!, "m")?.("predict", spec, bytes(1), nothing);
  assert.equal(asked, 2);
  stream.end();
  stream.end();
  logs.take(first!, "m")?.("predict", spec, bytes(9), nothing);
  const [log, ...more] = [...collected.values()].flat();
  assert.equal(more.length, 0);
  assert.ok(log?.logType.case === "predictStreamedLog");
  assert.deepEqual(
    log.logType.value.request.map((r) => r.outputFilter),
    [["1"], ["3"], ["4"]],
  );
  assert.equal(log.logType.value.response.length, 3);
  assert.deepEqual(log.logMetadata?.modelSpec, spec);
});
test("logging: a stream of which nothing was answered is no record", () => {
  const { logs, collected } = made();
  logs.set([model("m", kept("p"))]);
  const stream = logs.stream()!;
  stream.message(ctx);
  stream.end();
  assert.deepEqual(collected.get("p"), []);
});
test("logging: a stream that has more than there is room for is lost as a whole, and its room comes back", () => {
  const { logs, collected, counts } = made({ queueBytes: 2 * 515 });
  logs.set([model("m", kept("p"))]);
  for (const messages of [3, 2]) {
    const stream = logs.stream()!;
    for (let i = 0; i < messages; i++) logs.take(stream.message(ctx), "m")?.("predict", spec, bytes(i), nothing);
    stream.end();
  }
  assert.equal(collected.get("p")?.length, 1);
  assert.deepEqual(counts(), [
    "/tensorflow/serving/request_log_count m RESOURCE_EXHAUSTED 1",
    "/tensorflow/serving/request_log_count m OK 1",
    "tfs_request_log_lost_total m queue full 1",
  ]);
});
test("logging: a collector that throws, and a message that cannot be made, fail no call and no stream", () => {
  const throwing: CollectorFactory = () => ({ collect: () => assert.fail("a fault of the collector"), close: () => Promise.reject(new Error("again")) });
  const { logs, counts } = made({ collectors: [["throwing", throwing]] });
  logs.set([model("m", logging("p", { type: "throwing" })), model("n", kept("p"))]);
  assert.equal(call(logs, "m"), true);
  const stream = logs.stream()!;
  const broken = (): Uint8Array => assert.fail("a fault of the message");
  logs.take(stream.message(ctx), "m")?.("predict", spec, bytes(1), nothing);
  logs.take(stream.message(ctx), "n")?.("predict", spec, broken, nothing);
  logs.take(stream.message(ctx), "n")?.("predict", spec, nothing, broken);
  logs.take(stream.message(ctx), "n")?.("predict", spec, bytes(2), nothing);
  stream.end();
  assert.deepEqual(counts(), [
    "/tensorflow/serving/request_log_count m UNKNOWN 2",
    "/tensorflow/serving/request_log_count n UNKNOWN 2",
    "/tensorflow/serving/request_log_count n OK 1",
  ]);
  logs.set([]);
});
test("logging: what does not end writing is given up", async () => {
  const clock = fakeClock();
  const stuck: CollectorFactory = () => ({ collect: () => true, close: () => new Promise(() => {}) });
  const tuning = { collectors: [["stuck", stuck]] as const };
  const logs = newRequestLogs({ tuning, tags: [], metrics: newRegistry(), clock, logger: silent, random: () => 0 });
  logs.set([model("m", logging("p", { type: "stuck" }))]);
  const closed = logs.close();
  await clock.advance(10_000);
  await closed;
  assert.equal(clock.pending, 0);
});
