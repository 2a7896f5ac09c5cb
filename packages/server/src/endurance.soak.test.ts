import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import { type PredictRequest, PredictRequestSchema, PredictResponseSchema } from "@tfs/proto";
import { ServingService } from "@tfs/proto/gen/tfs/serving/v1/serving_pb.js";
import { newChannel } from "@tfs/rpc";
import { background, Code, codeOf, sleep, systemClock, withTimeout } from "@tfs/std";
import { DType, fromMessage, newTensor, toMessage } from "@tfs/tensor";
import { launch, models, newRandom, scratch, send, silent, wires } from "./testing/index.ts";

// The command with all that it can do switched on, under a mix of everything that clients do, right and wrong, for an hour: its memory does not grow. TFS_SHORT makes it ten minutes.
const minutes = process.env["TFS_SHORT"] === "1" ? 10 : 60;
const perSecond = 300;
/** Memory grows while code is compiled, caches fill and logs come to their bounds: these minutes are not looked at. */
const settledMinutes = 5;
const everyMs = 5_000;
const looksInTen = 600_000 / everyMs;
const slopeMax = 1; // MB a minute
const shedShare = 0.01;
const seed = Number(process.env["TFS_SEED"] ?? 20261127);

const dir = scratch();
after(() => dir[Symbol.dispose]());
const clock = systemClock();
const random = newRandom(seed);

const predict = "/tensorflow.serving.PredictionService/Predict";
const config = join(dir.path, "models.config");
const logging = `logging_config { log_collector_config { type: "tfrecord" filename_prefix: "${join(dir.path, "asked")}" } sampling_config { sampling_rate: 0.1 } }`;
const listed = ["half_plus_two", "digits", "text"].map(
  (name) => `config { name: "${name}" base_path: "${join(models, name)}" model_platform: "tensorflow" ${logging} }`,
);
writeFileSync(config, `model_config_list { ${listed.join("\n")} }`);
const monitoring = join(dir.path, "monitoring.config");
writeFileSync(monitoring, 'prometheus_config { enable: true path: "/page" }');
const flags = [
  ...[`--model_config_file=${config}`, "--model_config_file_poll_wait_seconds=2", `--monitoring_config_file=${monitoring}`],
  ...["--enable_batching", "--request_log_file_bytes=1000000", "--request_log_files=3"],
];

function ask(x: number, name = "half_plus_two"): PredictRequest {
  const inputs = { x: toMessage(newTensor(DType.Float, [1, 1], Float32Array.of(x))) };
  return create(PredictRequestSchema, { modelSpec: { name }, inputs });
}

test(`${minutes} minutes of ${perSecond} calls a second of all kinds: none is wrong, and memory grows by less than ${slopeMax} MB a minute (seed ${seed})`, async (t) => {
  await using server = await launch(flags);
  await using channel = newChannel({ address: new URL(server.grpc).host, clock, logger: silent });
  const clients = wires(server.grpc).map(({ transport, duplex }) => ({ client: createClient(ServingService, transport), duplex }));
  const rest = `${server.rest}/v1/models/half_plus_two`;
  const image = JSON.stringify({ instances: [Array.from({ length: 8 }, () => Array.from({ length: 8 }, () => [0.5]))] });

  const overGrpc = async (x: number): Promise<void> => {
    const { message } = await channel.unary(background(), predict, toBinary(PredictRequestSchema, ask(x)));
    const y = fromMessage(fromBinary(PredictResponseSchema, message).outputs["y"]!).data[0];
    assert.equal(y, x / 2 + 3);
  };
  const overRest = async (x: number): Promise<void> => {
    const { body } = await send("POST", `${rest}:predict`, `{"instances":[[${x}]]}`);
    assert.deepEqual(JSON.parse(body), { predictions: [[x / 2 + 3]] });
  };
  const refused = async (name: string, code: Code): Promise<void> => {
    await assert.rejects(channel.unary(background(), predict, toBinary(PredictRequestSchema, ask(1, name))), (err) => codeOf(err) === code);
  };
  const gone = async (): Promise<void> => {
    using ctx = withTimeout(background(), 1);
    await channel.unary(ctx, predict, toBinary(PredictRequestSchema, ask(1))).catch((err: unknown) => {
      const code = codeOf(err); // the second is what batching says
      assert.ok(code === Code.DeadlineExceeded || code === Code.ResourceExhausted, String(err));
    });
  };
  const streamed = async (): Promise<void> => {
    const { client } = clients.find(({ duplex }) => duplex)!;
    let answered = 0;
    for await (const { answer } of client.predictStream(each([ask(2), ask(2, "none"), ask(4)]))) answered += answer.case === undefined ? 0 : 1;
    assert.equal(answered, 3);
  };
  const status = async (method: string, path: string, want: number, body?: string): Promise<void> => {
    const answer = await send(method, `${server.rest}${path}`, body);
    assert.equal(answer.status, want, `${answer.status} ${answer.body.slice(0, 200)}`);
  };
  /** deeds are what a client does, each as often as it stands here. */
  const deeds: readonly (() => Promise<void>)[] = [
    ...Array.from({ length: 10 }, () => () => overGrpc(Math.floor(random() * 1000))),
    ...Array.from({ length: 4 }, () => () => overRest(Math.floor(random() * 1000))),
    () => refused("none", Code.NotFound),
    () => refused(`none${Math.floor(random() * 1e9)}`, Code.NotFound),
    () => refused("digits", Code.InvalidArgument),
    gone,
    streamed,
    () => status("POST", "/v1/models/digits:predict", 200, image),
    () => status("POST", "/v1/models/half_plus_two:predict", 400, `{"instances":[[${"1,".repeat(100)}`),
    () => status("POST", `/v1/models/none${Math.floor(random() * 1e9)}:predict`, 404, '{"instances":[1]}'),
    () => status("GET", "/v1/models/half_plus_two", 200),
    () => status("GET", "/v1/models/text/metadata", 200),
    () => status("GET", "/v1/models", 200),
    () => status("GET", "/readyz", 200),
    ...["/metrics", "/page"].map((path) => () => (random() < 0.1 ? status("GET", path, 200) : overRest(1))),
    async () => {
      for (const { client } of clients) assert.equal((await client.listModels({})).models.length, 3);
    },
  ];

  const memory: [minute: number, megabytes: number][] = [];
  const wrong: string[] = [];
  let shed = 0;
  /** A machine that stands still for a while makes its server refuse some calls, as it should, with the advice to ask again; and here all that is due then is asked at once, which a client lets wait up to a limit. */
  const ended = (err: unknown): void => {
    if (/the server is overloaded: try again later|too many calls wait for/.test(String(err))) shed++;
    else wrong.push(String(err));
  };
  const calls = new Set<Promise<void>>();
  let asked = 0;
  const started = clock.now();
  try {
    for (let looked = 0; clock.now() - started < minutes * 60_000; await sleep(clock, 5)) {
      const passed = clock.now() - started;
      for (; asked < (passed * perSecond) / 1000; asked++) {
        const call = deeds[Math.floor(random() * deeds.length)]!().catch(ended);
        calls.add(call);
        void call.finally(() => calls.delete(call));
      }
      assert.deepEqual(wrong.slice(0, 3), []);
      assert.ok(calls.size < 10_000, `${calls.size} calls are under way`);
      if (passed < looked * everyMs) continue;
      looked++;
      memory.push([passed / 60_000, residentMegabytes(server.pid)]);
    }
    await Promise.all(calls);
  } finally {
    t.diagnostic(
      `measured: ${asked} calls, ${shed} of them refused, memory each ten minutes ${memory.filter((_, i) => i % looksInTen === 0).map(([, mb]) => mb.toFixed(0))} MB`,
    );
  }
  const slope = slopeOf(memory.filter(([minute]) => minute >= settledMinutes));
  t.diagnostic(`measured: memory grows by ${slope.toFixed(2)} MB a minute`);
  assert.deepEqual(wrong, []);
  assert.ok(shed < asked * shedShare, `${shed} of ${asked} calls were refused`);
  assert.ok(slope < slopeMax, `${slope} MB a minute: ${memory.map(([, mb]) => mb.toFixed(0)).join(" ")}`);
  assert.equal(await server.stop(), 0);
});

async function* each<T>(items: readonly T[]): AsyncIterable<T> {
  for (const item of items) yield item;
}

function residentMegabytes(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))![1]) / 1024;
}

/** slopeOf is how fast y grows with x, by least squares. */
function slopeOf(points: readonly (readonly [number, number])[]): number {
  const mean = (of: (p: readonly [number, number]) => number): number => points.reduce((sum, p) => sum + of(p), 0) / points.length;
  const [x, y] = [mean((p) => p[0]), mean((p) => p[1])];
  return mean((p) => (p[0] - x) * (p[1] - y)) / mean((p) => (p[0] - x) ** 2);
}
