// TensorFlow Serving's page of metrics, against a server on real sockets: behaviour specification, sections 7.1, 7.3, 7.4 and 2.8.
import assert from "node:assert/strict";
import { cpSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { fromText } from "@bufbuild/protobuf/txtpb";
import { createClient } from "@connectrpc/connect";
import { ExampleSchema, InputSchema, ModelServerConfigSchema, ModelService, PredictionService } from "@tfs/proto";
import { DType, newTensor, toMessage } from "@tfs/tensor";
import { models, type Reply, scratch, send, serve, type Served, wires } from "../testing/index.ts";

const path = "/monitoring/prometheus/metrics";
const dir = scratch();
const basePath = dir.copy("half_plus_two/1", "half_plus_two/123");
after(() => dir[Symbol.dispose]());

const x = { x: toMessage(newTensor(DType.Float, [1], Float32Array.of(1))) };
const example = create(ExampleSchema, { features: { feature: { x: { kind: { case: "floatList", value: { value: [2] } } } } } });
const input = create(InputSchema, { kind: { case: "exampleList", value: { examples: [example, example] } } });

type Call = (clients: Clients, served: Served) => Promise<unknown>;
interface Clients {
  readonly prediction: ReturnType<typeof createClient<typeof PredictionService>>;
  readonly model: ReturnType<typeof createClient<typeof ModelService>>;
}

/** page gives the samples on the page as a map. */
async function page(served: Served): Promise<Map<string, string>> {
  const { body } = await send("GET", `${served.rest}${path}`);
  const lines = body.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return new Map(lines.map((line) => [line.slice(0, line.lastIndexOf(" ")), line.slice(line.lastIndexOf(" ") + 1)]));
}
const fresh = (): Promise<Served> => serve([{ name: "m", basePath }], { tensorFlowMetricsPath: path });
const rest =
  (method: string, target: string, body?: string, headers: Record<string, string> = {}): Call =>
  (_, served): Promise<Reply> =>
    send(method, `${served.rest}${target}`, body, headers);
const predict =
  (name: string): Call =>
  ({ prediction }) =>
    prediction.predict({ modelSpec: { name }, inputs: x });

const count = (model: string, status: string): string => `:tensorflow:serving:request_count{model_name="${model}",status="${status}"}`;
const latency = (model: string, api: string, entrypoint: string): string =>
  `:tensorflow:serving:request_latency_count{model_name="${model}",API="${api}",entrypoint="${entrypoint}"}`;
const runtime = (api: string): string => `:tensorflow:serving:runtime_latency_count{model_name="m",API="${api}",runtime="TF1"}`;
const runs = ":tensorflow:core:direct_session_runs{}";

const calls: { name: string; call: Call; want: readonly string[] }[] = [
  { name: "a Predict over gRPC", call: predict("m"), want: [count("m", "OK"), latency("m", "Predict", "GRPC"), runtime("Predict"), runs] },
  { name: "a Predict over gRPC for a model that is not there", call: predict("none"), want: [count("none", "NOT_FOUND")] },
  {
    name: "a Classify over gRPC",
    call: ({ prediction }) => prediction.classify({ modelSpec: { name: "m", signatureName: "classify_x_to_y" }, input }),
    want: [count("m", "OK"), latency("m", "Classify", "GRPC"), runtime("Classify"), runs],
  },
  {
    name: "a Regress over gRPC",
    call: ({ prediction }) => prediction.regress({ modelSpec: { name: "m", signatureName: "regress_x_to_y" }, input }),
    want: [count("m", "OK"), latency("m", "Regress", "GRPC"), runtime("Regress"), runs],
  },
  {
    name: "a Regress over gRPC of a signature that is not there",
    call: ({ prediction }) => prediction.regress({ modelSpec: { name: "m", signatureName: "nope" }, input }),
    want: [count("m", "INVALID_ARGUMENT")],
  },
  {
    name: "a MultiInference, which is no request there and no run",
    call: ({ prediction }) =>
      prediction.multiInference({ tasks: [{ modelSpec: { name: "m", signatureName: "regress_x_to_y" }, methodName: "tensorflow/serving/regress" }], input }),
    want: [':tensorflow:serving:request_example_counts_count{model="m"}', ':tensorflow:serving:request_example_count_total{model="m"} 2', runs],
  },
  {
    name: "metadata over gRPC, which is not counted there",
    call: ({ prediction }) => prediction.getModelMetadata({ modelSpec: { name: "m" }, metadataField: ["signature_def"] }),
    want: [],
  },
  { name: "a status over gRPC, which is not counted there", call: ({ model }) => model.getModelStatus({ modelSpec: { name: "m" } }), want: [] },
  {
    name: "a predict over REST",
    call: rest("POST", "/v1/models/m:predict", '{"instances":[1]}'),
    want: [count("m", "OK"), latency("m", "predict", "REST"), runtime("Predict"), runs],
  },
  {
    name: "a predict over REST by version",
    call: rest("POST", "/v1/models/m/versions/123:predict", '{"inputs":[1]}'),
    want: [count("m", "OK"), latency("m", "predict", "REST"), runtime("Predict"), runs],
  },
  {
    name: "a classify over REST",
    call: rest("POST", "/v1/models/m:classify", '{"signature_name":"classify_x_to_y","examples":[{"x":2.0}]}'),
    want: [count("m", "OK"), latency("m", "classify", "REST"), runtime("Classify"), runs],
  },
  {
    name: "a regress over REST",
    call: rest("POST", "/v1/models/m:regress", '{"signature_name":"regress_x_to_y","examples":[{"x":2.0}]}'),
    want: [count("m", "OK"), latency("m", "regress", "REST"), runtime("Regress"), runs],
  },
  { name: "a predict over REST that is no JSON", call: rest("POST", "/v1/models/m:predict", "x"), want: [count("m", "INVALID_ARGUMENT")] },
  {
    name: "a predict over REST for a model that is not there",
    call: rest("POST", "/v1/models/none:predict", '{"instances":[1]}'),
    want: [count("none", "NOT_FOUND")],
  },
  { name: "a status over REST", call: rest("GET", "/v1/models/m"), want: [count("m", "OK"), latency("m", "", "REST")] },
  { name: "metadata over REST", call: rest("GET", "/v1/models/m/metadata"), want: [count("m", "OK"), latency("m", "", "REST")] },
  { name: "what is no request of the API", call: rest("GET", "/v1/foo"), want: [count("", "INVALID_ARGUMENT")] },
  { name: "a preflight", call: rest("OPTIONS", "/v1/models/m", undefined, { origin: "http://a" }), want: [count("", "OK"), latency("", "", "REST")] },
  { name: "a preflight without an origin", call: rest("OPTIONS", "/v1/models/m"), want: [count("", "FAILED_PRECONDITION")] },
  { name: "what is not the API's", call: rest("GET", "/nothing"), want: [] },
  { name: "the page itself", call: rest("GET", path), want: [] },
];

/** What a call may change and no row names: buckets and sums follow counts, and the rest of the runtime's counters the runs. */
const isCounted = (name: string): boolean => !/_(bucket|sum)\{|^:tensorflow:core:graph_|^:tensorflow:cc:|saved_model/.test(name);

for (const { name, call, want } of calls) {
  test(`TensorFlow Serving's page counts ${name}`, async () => {
    await using served = await fresh();
    using wire = wires(served.grpc)[0]!;
    const clients = { prediction: createClient(PredictionService, wire.transport), model: createClient(ModelService, wire.transport) };
    await call(clients, served).catch(() => {});
    const counted = [...(await page(served))].filter(([n, value]) => isCounted(n) && value !== "0").map(([n, value]) => (value === "1" ? n : `${n} ${value}`));
    assert.deepEqual(counted.sort(), [...want].sort());
  });
}

/** types is what TensorFlow Serving's page has before anything was called, by our engine's one load. */
const types = `
:tensorflow:cc:saved_model:load_attempt_count counter
:tensorflow:cc:saved_model:load_latency counter
:tensorflow:cc:saved_model:load_latency_by_stage histogram
:tensorflow:core:bfc_allocator_delay counter
:tensorflow:core:direct_session_runs counter
:tensorflow:core:graph_build_calls counter
:tensorflow:core:graph_build_time_usecs counter
:tensorflow:core:graph_optimization_usecs counter
:tensorflow:core:graph_run_input_tensor_bytes histogram
:tensorflow:core:graph_run_output_tensor_bytes histogram
:tensorflow:core:graph_run_time_usecs counter
:tensorflow:core:graph_run_time_usecs_histogram histogram
:tensorflow:core:graph_runs counter
:tensorflow:core:graph_unused_outputs counter
:tensorflow:core:saved_model:read:api counter
:tensorflow:core:saved_model:read:count counter
:tensorflow:core:saved_model:read:fingerprint gauge
:tensorflow:core:saved_model:read:path gauge
:tensorflow:core:saved_model:write:api counter
:tensorflow:core:saved_model:write:count counter
:tensorflow:core:xla_compilation_time_usecs counter
:tensorflow:core:xla_compilations counter
:tensorflow:serving:mlmd_map gauge
:tensorflow:serving:request_count counter
:tensorflow:serving:request_example_count_total counter
:tensorflow:serving:request_example_counts histogram
:tensorflow:serving:request_latency histogram
:tensorflow:serving:runtime_latency histogram
`
  .trim()
  .split("\n");

test("TensorFlow Serving's page has a line for every metric from the start, sorted, and nothing else of ours", async () => {
  await using served = await fresh();
  const { body, status, headers } = await send("GET", `${served.rest}${path}`);
  assert.deepEqual([status, headers["content-type"]], [200, "text/plain"]);
  const said = body.split("\n").filter((line) => line.startsWith("#"));
  for (const type of types) assert.ok(said.includes(`# TYPE ${type}`), type);
  assert.ok(
    said.every((line) => /^# TYPE :tensorflow:\S+ (counter|gauge|histogram)$/.test(line)),
    said.join("\n"),
  );
  assert.deepEqual(said, [...said].sort());
  assert.ok(body.endsWith("\n") && !body.endsWith("\n\n"));
});
test("TensorFlow Serving's page counts loads by the path of the version", async () => {
  cpSync(join(models, "text/1"), join(dir.path, "text/5"), { recursive: true });
  mkdirSync(join(dir.path, "broken/1"), { recursive: true });
  writeFileSync(join(dir.path, "broken/1/saved_model.pb"), "this is no model");
  await using served = await serve(
    [
      { name: "m", basePath: join(dir.path, "text") },
      { name: "broken", basePath: join(dir.path, "broken") },
    ],
    { tensorFlowMetricsPath: path },
  );
  const got = await page(served);
  const [good, bad] = [join(dir.path, "text/5"), join(dir.path, "broken/1")];
  const attempts = [...got].filter(([name]) => name.includes("load_attempt_count"));
  assert.deepEqual(attempts, [
    [`:tensorflow:cc:saved_model:load_attempt_count{model_path="${bad}",status="fail"}`, "1"],
    [`:tensorflow:cc:saved_model:load_attempt_count{model_path="${good}",status="success"}`, "1"],
  ]);
  for (const stage of ["restore_graph", "init_graph"])
    assert.equal(got.get(`:tensorflow:cc:saved_model:load_latency_by_stage_count{model_path="${good}",stage="${stage}"}`), "1", stage);
  assert.ok(Number(got.get(`:tensorflow:cc:saved_model:load_latency{model_path="${good}"}`)) > 0);
  assert.equal(got.get(':tensorflow:core:saved_model:read:count{write_version="2"}'), "1");
});
test("TensorFlow Serving's page counts the bytes of a run", async () => {
  await using served = await fresh();
  await send("POST", `${served.rest}/v1/models/m:predict`, '{"instances":[1,2,3]}');
  const got = await page(served);
  assert.deepEqual(
    ["input", "output"].map((way) => got.get(`:tensorflow:core:graph_run_${way}_tensor_bytes_sum{}`)),
    ["12", "12"],
  );
});

const looks: { name: string; method: string; target: string; options?: { readonly path?: string | undefined }; status: number; body: string | RegExp }[] = [
  ...["GET", "POST", "PUT", "DELETE", "OPTIONS"].map((method) => ({ name: `${method} of the page`, method, target: path, status: 200, body: /^# TYPE / })),
  { name: "a query", method: "GET", target: `${path}?a=b`, status: 400, body: `Unexpected path: ${path}?a=b. Should be ${path}` },
  { name: "another path", method: "GET", target: `${path}/`, status: 404, body: /404 Not Found/ },
  { name: "a server that has no page", method: "GET", target: path, options: { path: undefined }, status: 404, body: /404 Not Found/ },
  { name: "a path of the API, which the page wins", method: "GET", target: "/v1/models/m", options: { path: "/v1/models/m" }, status: 200, body: /^# TYPE / },
  { name: "a path of health, which the page wins", method: "GET", target: "/healthz", options: { path: "/healthz" }, status: 200, body: /^# TYPE / },
];
for (const tc of looks) {
  test(`TensorFlow Serving's page: ${tc.name}`, async () => {
    const wanted = tc.options === undefined ? path : tc.options.path;
    await using served = await serve([{ name: "m", basePath }], wanted === undefined ? {} : { tensorFlowMetricsPath: wanted });
    const got = await send(tc.method, `${served.rest}${tc.target}`);
    assert.equal(got.status, tc.status);
    if (tc.status !== 404) assert.equal(got.headers["content-type"], "text/plain");
    if (typeof tc.body === "string") assert.equal(got.body, tc.body);
    else assert.match(got.body, tc.body);
  });
}

test("TensorFlow Serving's page: names that strangers make up share one label past the first hundred, and models keep their own", async () => {
  await using served = await fresh();
  for (let i = 0; i < 110; i++) await send("POST", `${served.rest}/v1/models/made-up-${i}:predict`, '{"instances":[1]}');
  await send("POST", `${served.rest}/v1/models/${"n".repeat(300)}:predict`, '{"instances":[1]}');
  await send("POST", `${served.rest}/v1/models/m:predict`, '{"instances":[1]}');
  const got = await page(served);
  assert.deepEqual(
    [count("made-up-99", "NOT_FOUND"), count("made-up-100", "NOT_FOUND"), count("(other)", "NOT_FOUND"), count("m", "OK")].map((name) => got.get(name)),
    ["1", undefined, "11", "1"],
  );
});

test("a reload tells by how much a metric has grown meanwhile", async () => {
  await using served = await fresh();
  using wire = wires(served.grpc)[0]!;
  const one = (name: string): string => `config { name: "${name}" base_path: "${basePath}" model_platform: "tensorflow" }`;
  const config = fromText(ModelServerConfigSchema, `model_config_list { ${one("m")} ${one("n")} }`);
  const metricNames = [
    "/tensorflow/cc/saved_model/load_attempt_count",
    "/tensorflow/serving/request_count",
    "/not/there",
    "/tensorflow/serving/request_latency",
  ];
  const got = await createClient(ModelService, wire.transport).handleReloadConfigRequest({ config, metricNames });
  assert.deepEqual(
    got.metric.map(({ name, valueIncrease }) => [name, valueIncrease.value]),
    [
      [metricNames[0], 1n],
      [metricNames[1], 0n],
      [metricNames[2], 0n],
      [metricNames[3], 0n],
    ],
  );
});
