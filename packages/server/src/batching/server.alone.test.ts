// Batching by flags, over the server's process and real sockets. Batches are held open for an hour: what is answered, is because a batch was full.
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { ExampleSchema, InputSchema, PredictionService } from "@tfs/proto";
import { create } from "@bufbuild/protobuf";
import { DType, newTensor, type Tensor, toMessage } from "@tfs/tensor";
import { launch, models, type Running, scratch } from "../testing/index.ts";

const dir = scratch();
const closing: (() => unknown)[] = [() => dir[Symbol.dispose]()];
after(async () => {
  for (const close of closing.reverse()) await close();
});
const hour = "batch_timeout_micros { value: 3600000000 }";

interface Open {
  readonly running: Running;
  /** grpc and rest ask half_plus_two for some values, and give its answer or the error. */
  grpc(x: Tensor, signal?: AbortSignal): Promise<unknown>;
  rest(...values: readonly number[]): Promise<unknown>;
}
let files = 0;
async function open(parameters: string, ...flags: readonly string[]): Promise<Open> {
  const file = join(dir.path, `batching${files++}.txt`);
  writeFileSync(file, parameters);
  const model = ["--model_name=m", `--model_base_path=${join(models, "half_plus_two")}`];
  const running = await launch([...model, "--enable_batching", `--batching_parameters_file=${file}`, ...flags]);
  closing.push(() => running[Symbol.asyncDispose]());
  const sessionManager = new Http2SessionManager(running.grpc);
  closing.push(() => sessionManager.abort());
  const client = createClient(PredictionService, createGrpcTransport({ baseUrl: running.grpc, sessionManager }));
  return {
    running,
    async grpc(x, signal) {
      try {
        const { outputs } = await client.predict({ modelSpec: { name: "m" }, inputs: { x: toMessage(x) } }, signal && { signal });
        return outputs["y"]?.floatVal;
      } catch (err) {
        const { code, rawMessage } = ConnectError.from(err);
        return `${Code[code]}: ${rawMessage}`;
      }
    },
    async rest(...values) {
      const answer = await fetch(`${running.rest}/v1/models/m:predict`, { method: "POST", body: JSON.stringify({ instances: values }) });
      return [answer.status, await answer.json()];
    },
  };
}
const x = (...values: readonly number[]): Tensor => newTensor(DType.Float, [values.length], Float32Array.from(values));
const y = (...values: readonly number[]): number[] => values.map((v) => v / 2 + 3);
const predictions = (...values: readonly number[]): unknown => [200, { predictions: y(...values) }];
const full = "The batch scheduling queue to which this task was submitted is full";

const held = await open(`max_batch_size { value: 8 } max_enqueued_batches { value: 1 } ${hour}`);
test("gRPC and REST share a batch, and each call gets its rows", async () =>
  assert.deepEqual(await Promise.all([held.grpc(x(1, 2)), held.rest(3, 4, 5), held.grpc(x(6)), held.rest(7, 8)]), [
    y(1, 2),
    predictions(3, 4, 5),
    y(6),
    predictions(7, 8),
  ]));
test("a hundred calls in batches of eight: each gets its own answer", async () => {
  const values = Array.from({ length: 100 }, (_, i) => i);
  for (let i = 0; i + 8 <= values.length; i += 8) {
    const eight = values.slice(i, i + 8);
    const got = await Promise.all(eight.map((v) => (v % 2 === 0 ? held.grpc(x(v)) : held.rest(v))));
    assert.deepEqual(
      got,
      eight.map((v) => (v % 2 === 0 ? y(v) : predictions(v))),
    );
  }
});
test("a call that the model cannot run fails alone, beside seven that it answers", async () => {
  const wrong = held.grpc(newTensor(DType.Int32, [1], Int32Array.of(1)));
  const good = Array.from({ length: 7 }, (_, i) => held.grpc(x(i)));
  assert.deepEqual(
    await Promise.all(good),
    Array.from({ length: 7 }, (_, i) => y(i)),
  );
  assert.equal(await wrong, "InvalidArgument: Expects arg[0] to be float but int32 is provided");
});
test("more rows than a batch holds are refused", async () => {
  const text = "Task size 9 is larger than maximum input batch size 8";
  assert.deepEqual(await held.rest(...Array<number>(9).fill(1)), [400, { error: text }]);
  assert.equal(await held.grpc(x(...Array<number>(9).fill(1))), `InvalidArgument: ${text}`);
});
test("past the queue's limit calls are refused at once, over gRPC and REST, and who leaves makes room", async () => {
  const gone = new AbortController();
  const waits = held.grpc(x(1, 2, 3, 4, 5), gone.signal);
  const refusal = `${full}; currently 1 batches enqueued and max_enqueued_batches is 1`;
  for (;;) {
    // Until the first call has come in, these two would wait for others themselves: ask with as many rows as a batch has.
    const answer = await held.grpc(x(1, 2, 3, 4, 5, 6, 7, 8));
    if (answer === `Unavailable: ${refusal}`) break;
    assert.deepEqual(answer, y(1, 2, 3, 4, 5, 6, 7, 8));
  }
  assert.deepEqual(await held.rest(1, 2, 3, 4), [503, { error: refusal }]);
  gone.abort();
  assert.match(String(await waits), /^Canceled/);
  for (;;) {
    const answer = await held.rest(1, 2, 3, 4, 5, 6, 7, 8);
    if ((answer as [number, unknown])[0] === 200) break;
    assert.deepEqual(answer, [503, { error: refusal }]);
  }
});
test("a scalar has no rows to join", async () => {
  const text = "Batching Run() input tensors must have at least one dimension";
  assert.equal(await held.grpc(newTensor(DType.Float, [], Float32Array.of(1))), `InvalidArgument: ${text}`);
});
test("Classify and Regress wait in queues too", async () => {
  const sessionManager = new Http2SessionManager(held.running.grpc);
  closing.push(() => sessionManager.abort());
  const client = createClient(PredictionService, createGrpcTransport({ baseUrl: held.running.grpc, sessionManager }));
  const example = (v: number) => create(ExampleSchema, { features: { feature: { x: { kind: { case: "floatList", value: { value: [v] } } } } } });
  const input = (...values: readonly number[]) => create(InputSchema, { kind: { case: "exampleList", value: { examples: values.map(example) } } });
  const modelSpec = { name: "m", signatureName: "regress_x_to_y" };
  const [a, b] = await Promise.all([client.regress({ modelSpec, input: input(1, 2, 3) }), client.regress({ modelSpec, input: input(4, 5, 6, 7, 8) })]);
  assert.deepEqual(
    [a, b].map(({ result }) => result?.regressions.map(({ value }) => value)),
    [y(1, 2, 3), y(4, 5, 6, 7, 8)],
  );
});

const hasty = await open(`max_batch_size { value: 8 } ${hour}`, "--rest_api_timeout_in_ms=50");
test("a REST call whose time is up before its batch begins is told so", async () =>
  assert.deepEqual(await hasty.rest(1), [429, { error: "Run() timeout exceeded while waiting in batching queue" }]));

test("SIGTERM: requests that wait for others are answered at once, and the server ends", async () => {
  const ending = await open(`max_batch_size { value: 8 } max_enqueued_batches { value: 1 } ${hour}`, "--rest_api_timeout_in_ms=0");
  const waiting = ending.rest(1, 2, 3, 4, 5);
  const eight = [1, 2, 3, 4, 5, 6, 7, 8];
  while (((await ending.rest(...eight)) as [number, unknown])[0] !== 503); // until the first one has come in
  assert.equal(await ending.running.stop(), 0);
  assert.deepEqual(await waiting, predictions(1, 2, 3, 4, 5));
});

test("large requests are split where that is asked for", async () => {
  const split = await open(`max_batch_size { value: 100 } max_execution_batch_size { value: 4 } enable_large_batch_splitting { value: true } ${hour}`);
  const values = Array.from({ length: 36 }, (_, i) => i);
  assert.deepEqual(await split.rest(...values), predictions(...values));
});

test("without isolation a call that the model cannot run fails its batch, as in TensorFlow Serving", async () => {
  const together = await open(`max_batch_size { value: 2 } ${hour}`, "--batching_isolation=false");
  const [good, wrong] = await Promise.all([together.grpc(x(1)), together.grpc(newTensor(DType.Int32, [1], Int32Array.of(1)))]);
  assert.match(String(good), /^InvalidArgument: concat of (float and int32|int32 and float)$/);
  assert.equal(good, wrong);
});

test("parameters of each version: one has them, the other is not batched", async () => {
  const base = dir.copy("half_plus_two/1", "own/1");
  dir.copy("half_plus_two/2", "own/2");
  writeFileSync(join(base, "1/batching_params.pbtxt"), "max_batch_size { value: 2 }");
  const config = join(dir.path, "own.config");
  writeFileSync(
    config,
    `model_config_list { config { name: "m" base_path: ${JSON.stringify(base)} model_platform: "tensorflow" model_version_policy { all {} } } }`,
  );
  const running = await launch([`--model_config_file=${config}`, "--enable_batching", "--enable_per_model_batching_parameters"]);
  closing.push(() => running[Symbol.asyncDispose]());
  const ask = async (version: number): Promise<unknown> => {
    const answer = await fetch(`${running.rest}/v1/models/m/versions/${version}:predict`, { method: "POST", body: JSON.stringify({ instances: [1, 2, 3] }) });
    return await answer.json();
  };
  for (const version of [1, 2]) while (JSON.stringify(await ask(version)).includes("Servable not found")) await new Promise(setImmediate);
  assert.deepEqual(await ask(1), { error: "Task size 3 is larger than maximum input batch size 2" });
  assert.deepEqual(await ask(2), { predictions: y(1, 2, 3) });
});

test("parameters that no model can have fail its load, and say why", async () => {
  const file = join(dir.path, "bad.txt");
  writeFileSync(file, "allowed_batch_sizes: [4]");
  const flags = ["--model_name=m", `--model_base_path=${join(models, "half_plus_two")}`, "--max_num_load_retries=0"];
  const running = await launch([...flags, "--enable_batching", `--batching_parameters_file=${file}`]);
  closing.push(() => running[Symbol.asyncDispose]());
  const status = (await (await fetch(`${running.rest}/v1/models/m`)).json()) as {
    model_version_status: { state: string; status: { error_message: string } }[];
  };
  assert.deepEqual(
    status.model_version_status.map(({ state, status: { error_message } }) => [state, error_message]),
    [["END", "Last entry in allowed_batch_sizes must match max_batch_size; last entry was 4; expected 1000"]],
  );
});

test("requests of low priority have queues of their own, by header and by metadata", async () => {
  const low = join(dir.path, "low.txt");
  writeFileSync(low, `max_batch_size { value: 3 } max_enqueued_batches { value: 1 } ${hour}`);
  const mixed = await open(`max_batch_size { value: 4 } ${hour}`, `--batching_low_priority_parameters_file=${low}`);
  const asked = (priority: string, ...values: readonly number[]): Promise<Response> =>
    fetch(`${mixed.running.rest}/v1/models/m:predict`, { method: "POST", headers: { "tfs-priority": priority }, body: JSON.stringify({ instances: values }) });
  const sessionManager = new Http2SessionManager(mixed.running.grpc);
  closing.push(() => sessionManager.abort());
  const client = createClient(PredictionService, createGrpcTransport({ baseUrl: mixed.running.grpc, sessionManager }));
  const byGrpc = (priority: string, ...values: readonly number[]) =>
    client.predict({ modelSpec: { name: "m" }, inputs: { x: toMessage(x(...values)) } }, { headers: { "tfs-priority": priority } });

  await assert.rejects(byGrpc("low", 1, 2, 3, 4), /Task size 4 is larger than maximum input batch size 3/);
  await assert.rejects(byGrpc("middling", 1), /tfs-priority: expected high or low, not "middling"/);
  assert.deepEqual(await (await asked("middling", 1)).json(), { error: 'tfs-priority: expected high or low, not "middling"' });

  const two = asked("low", 1, 2).then((answer) => answer.json()); // waits: nothing of high priority is due
  const full_ = `${full}; currently 1 batches enqueued and max_enqueued_batches is 1`;
  for (;;) {
    // Until the two have come in, a third fills their batch: ask with as many rows as it has.
    const answer = await (await asked("low", 1, 2, 3)).json();
    if ((answer as { readonly error?: string }).error === full_) break;
    assert.deepEqual(answer, { predictions: y(1, 2, 3) });
  }
  const one = byGrpc("low", 5);
  assert.deepEqual((await one).outputs["y"]?.floatVal, y(5));
  assert.deepEqual(await two, { predictions: y(1, 2) });
  assert.deepEqual(await mixed.rest(1, 2, 3, 4), predictions(1, 2, 3, 4));
});
for (const enabled of [["--enable_batching"], []])
  for (const [flag, why] of [
    ["--batching_mixed_priority_policy=fair", "expected one of low_"],
    ["--batching_padding_policy=some", "expected one of PAD_UP, "],
  ] as const)
    test(`a policy that there is not is told: ${[...enabled, flag].join(" ")}`, async () => {
      const model = ["--model_name=m", `--model_base_path=${join(models, "half_plus_two")}`];
      await assert.rejects(launch([...model, ...enabled, flag]), new RegExp(`${flag.slice(2)}: ${why}`));
    });

test("batching without a file has all defaults: what comes by itself is answered at once", async () => {
  const running = await launch(["--model_name=m", `--model_base_path=${join(models, "half_plus_two")}`, "--enable_batching"]);
  closing.push(() => running[Symbol.asyncDispose]());
  const body = JSON.stringify({ instances: Array.from({ length: 1001 }, (_, i) => i) });
  const answer = await fetch(`${running.rest}/v1/models/m:predict`, { method: "POST", body });
  assert.deepEqual(await answer.json(), { error: "Task size 1001 is larger than maximum input batch size 1000" });
  const one = await fetch(`${running.rest}/v1/models/m:predict`, { method: "POST", body: JSON.stringify({ instances: [2] }) });
  assert.deepEqual(await one.json(), { predictions: [4] });
  assert.ok(running.lines.every((line) => !line.includes("enable_batching")));
});
