// Our own page of metrics, against a server on real sockets, over every protocol.
import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { once } from "node:events";
import { connect } from "node:net";
import { join } from "node:path";
import { after, test } from "node:test";
import { createClient } from "@connectrpc/connect";
import { ModelService, PredictionService } from "@tfs/proto";
import { DType, newTensor, toMessage } from "@tfs/tensor";
import { type Reply, scratch, send, serve, type Served, wires } from "../testing/index.ts";

const path = "/metrics";
const dir = scratch();
const basePath = dir.copy("half_plus_two/1", "half_plus_two/123");
after(() => dir[Symbol.dispose]());
const x = { x: toMessage(newTensor(DType.Float, [1], Float32Array.of(1))) };
const open = {
  accept: "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
};
const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

const fresh = (): Promise<Served> => serve([{ name: "m", basePath }], { metricsPath: path, sessionRun: true });
const predict = (served: Served, body: string, headers: Record<string, string> = {}, model = "m"): Promise<Reply> =>
  send("POST", `${served.rest}/v1/models/${model}:predict`, body, headers);

/** samples gives the lines of the page that begin with a name and its labels, without those that are zero. */
async function samples(served: Served, name: string): Promise<string[]> {
  const { body } = await send("GET", `${served.rest}${path}`);
  return body.split("\n").filter((line) => line.startsWith(`${name}{`) && !line.endsWith(" 0"));
}
const labels = (version: string, signature: string, protocol: string, method: string, model = "m"): string =>
  `model="${model}",version="${version}",signature="${signature}",protocol="${protocol}",method="${method}"`;
const requests = (at: string, code: string, n = 1): string => `tfs_requests_total{${at},code="${code}"} ${n}`;

const protocols = { grpc: "grpc", "grpc with JSON": "grpc", "grpc-web over HTTP/1.1": "grpc_web", "grpc-web over HTTP/2": "grpc_web" } as const;
test("our page counts every protocol, and tells them apart", async () => {
  await using served = await fresh();
  for (const wire of wires(served.grpc)) {
    using _ = wire;
    await createClient(PredictionService, wire.transport).predict({ modelSpec: { name: "m" }, inputs: x });
    const want = Object.hasOwn(protocols, wire.name) ? protocols[wire.name as keyof typeof protocols] : "connect";
    const line = (await samples(served, "tfs_requests_total")).find((l) => l.includes(`protocol="${want}"`));
    assert.match(line ?? "", new RegExp(`^tfs_requests_total\\{${labels("123", "serving_default", want, "predict")},code="OK"\\} \\d+$`), wire.name);
  }
  assert.deepEqual(
    (await samples(served, "tfs_requests_total")).map((line) => Number(line.split(" ").at(-1))),
    [2, 2, 4],
  );
});

const restCalls: { name: string; call: (served: Served) => Promise<unknown>; want: readonly string[] }[] = [
  { name: "a predict", call: (s) => predict(s, '{"instances":[1]}'), want: [requests(labels("123", "serving_default", "rest", "predict"), "OK")] },
  {
    name: "a predict whose inputs do not fit, under the version that it came to",
    call: (s) => predict(s, '{"instances":["x"]}'),
    want: [requests(labels("123", "serving_default", "rest", "predict"), "INVALID_ARGUMENT")],
  },
  {
    name: "a predict of a signature that is not there, under no signature",
    call: (s) => predict(s, '{"signature_name":"nope","instances":[1]}'),
    want: [requests(labels("123", "", "rest", "predict"), "INVALID_ARGUMENT")],
  },
  {
    name: "a predict for a version that is not there, under no version",
    call: (s) => send("POST", `${s.rest}/v1/models/m/versions/7:predict`, '{"instances":[1]}'),
    want: [requests(labels("", "", "rest", "predict"), "NOT_FOUND")],
  },
  {
    name: "a predict for a model that is not there, under its name",
    call: (s) => predict(s, '{"instances":[1]}', {}, "none"),
    want: [requests(labels("", "", "rest", "predict", "none"), "NOT_FOUND")],
  },
  { name: "a status", call: (s) => send("GET", `${s.rest}/v1/models/m`), want: [requests(labels("", "", "rest", "status"), "OK")] },
  { name: "metadata", call: (s) => send("GET", `${s.rest}/v1/models/m/metadata`), want: [requests(labels("123", "", "rest", "metadata"), "OK")] },
  { name: "the list of models", call: (s) => send("GET", `${s.rest}/v1/models`), want: [requests(labels("", "", "rest", "list_models", ""), "OK")] },
  {
    name: "what is no request of the API",
    call: (s) => send("GET", `${s.rest}/v1/foo`),
    want: [requests(labels("", "", "rest", "other", ""), "INVALID_ARGUMENT")],
  },
  { name: "not what is not the API's", call: (s) => send("GET", `${s.rest}/foo`), want: [] },
];
for (const { name, call, want } of restCalls) {
  test(`our page counts over REST ${name}`, async () => {
    await using served = await fresh();
    await call(served);
    assert.deepEqual(await samples(served, "tfs_requests_total"), want);
  });
}

test("our page counts every method of gRPC", async () => {
  await using served = await fresh();
  using wire = wires(served.grpc)[0]!;
  const [prediction, model] = [createClient(PredictionService, wire.transport), createClient(ModelService, wire.transport)];
  await prediction.getModelMetadata({ modelSpec: { name: "m" }, metadataField: ["signature_def"] });
  await model.getModelStatus({ modelSpec: { name: "m" } });
  await model.handleReloadConfigRequest({}).catch(() => {});
  await prediction.multiInference({ tasks: [{ modelSpec: { name: "m", signatureName: "regress_x_to_y" }, methodName: "x" }] }).catch(() => {});
  assert.deepEqual(await samples(served, "tfs_requests_total"), [
    requests(labels("123", "", "grpc", "metadata"), "OK"),
    requests(labels("", "", "grpc", "status"), "OK"),
    requests(labels("", "", "grpc", "reload_config", ""), "INVALID_ARGUMENT"),
    requests(labels("123", "regress_x_to_y", "grpc", "multi_inference"), "UNIMPLEMENTED"),
  ]);
});

test("our page adds up bytes, and has seconds with Prometheus's bounds", async () => {
  await using served = await fresh();
  const { bytes } = await predict(served, '{"instances":[1]}');
  const at = labels("123", "serving_default", "rest", "predict");
  assert.deepEqual(await samples(served, "tfs_request_bytes_total"), [`tfs_request_bytes_total{${at}} 17`]);
  assert.deepEqual(await samples(served, "tfs_response_bytes_total"), [`tfs_response_bytes_total{${at}} ${bytes.length}`]);
  assert.deepEqual(await samples(served, "tfs_request_duration_seconds_count"), [`tfs_request_duration_seconds_count{${at}} 1`]);
  assert.ok((await samples(served, "tfs_request_duration_seconds_bucket")).includes(`tfs_request_duration_seconds_bucket{${at},le="60"} 1`));
});

test("our page tells what is under way", async () => {
  await using served = await fresh();
  const { hostname, port } = new URL(served.rest);
  const socket = connect(Number(port), hostname);
  socket.write(`POST /v1/models/m:predict HTTP/1.1\r\nhost: a\r\ncontent-length: 18\r\n\r\n{"instances"`);
  let got: string[] = [];
  for (let i = 0; i < 1000 && got.length === 0; i++) got = await samples(served, "tfs_requests_in_flight");
  assert.deepEqual(got, ['tfs_requests_in_flight{protocol="rest"} 1']);
  socket.write(":[1.0]}");
  await once(socket, "data");
  socket.destroy();
  assert.deepEqual(await samples(served, "tfs_requests_in_flight"), []);
});

test("our page tells of the versions that live, and of those that failed", async () => {
  mkdirSync(join(dir.path, "broken/1"), { recursive: true });
  writeFileSync(join(dir.path, "broken/1/saved_model.pb"), "this is no model");
  await using served = await serve(
    [
      { name: "m", basePath },
      { name: "broken", basePath: join(dir.path, "broken") },
    ],
    { metricsPath: path },
  );
  assert.deepEqual((await samples(served, "tfs_model_version_state")).sort(), [
    'tfs_model_version_state{model="broken",version="1",state="failed"} 1',
    'tfs_model_version_state{model="m",version="123",state="available"} 1',
  ]);
  assert.deepEqual((await samples(served, "tfs_model_loads_total")).sort(), [
    'tfs_model_loads_total{model="broken",outcome="fail"} 1',
    'tfs_model_loads_total{model="m",outcome="success"} 1',
  ]);
  const [load, ...more] = await samples(served, "tfs_model_load_seconds");
  assert.match(load ?? "", /^tfs_model_load_seconds\{model="m",version="123"\} 0\.\d+$/);
  assert.deepEqual(more, []);
  assert.deepEqual(await samples(served, "tfs_model_engine"), ['tfs_model_engine{model="m",version="123",engine="embedded"} 1']);
});

test("our page tells of the process", async () => {
  await using served = await fresh();
  const { body } = await send("GET", `${served.rest}${path}`);
  for (const [name, kind] of [
    ["process_cpu_seconds_total", "counter"],
    ["process_resident_memory_bytes", "gauge"],
    ["process_heap_bytes", "gauge"],
    ["process_start_time_seconds", "gauge"],
    ["tfs_event_loop_active_seconds_total", "counter"],
  ] as const) {
    assert.ok(body.includes(`# TYPE ${name} ${kind}\n`), name);
    assert.ok(Number(new RegExp(`^${name} (\\S+)$`, "m").exec(body)?.[1]) > 0, name);
  }
  assert.match(body, /^tfs_event_loop_lag_seconds\{stat="p99"\} \S+$/m);
});

const looks: { name: string; method?: string; target?: string; headers?: Record<string, string>; status: number; type?: string; body: RegExp }[] = [
  {
    name: "Prometheus's text to whom nothing else will do",
    status: 200,
    type: "text/plain; version=0.0.4; charset=utf-8",
    body: /^# HELP .*\n# TYPE [\s\S]*\n$/,
  },
  { name: "OpenMetrics to Prometheus", headers: open, status: 200, type: "application/openmetrics-text; version=1.0.0; charset=utf-8", body: /\n# EOF\n$/ },
  {
    name: "Prometheus's text to who refuses the other",
    headers: { accept: "application/openmetrics-text;version=1.0.0;q=0,text/plain" },
    status: 200,
    type: "text/plain; version=0.0.4; charset=utf-8",
    body: /^# HELP /,
  },
  { name: "the page with a query", target: `${path}?x=y`, status: 200, body: /^# HELP / },
  { name: "no page by POST", method: "POST", status: 404, body: /404/ },
  { name: "no page at another path", target: `${path}s`, status: 404, body: /404/ },
];
for (const { name, method = "GET", target = path, headers = {}, status, type, body } of looks) {
  test(`our page: there is ${name}`, async () => {
    await using served = await fresh();
    const got = await send(method, `${served.rest}${target}`, undefined, headers);
    assert.equal(got.status, status);
    if (type !== undefined) assert.equal(got.headers["content-type"], type);
    assert.match(got.body, body);
    assert.doesNotMatch(got.body, /tensorflow/);
  });
}
test("our page gives way to TensorFlow Serving's at the same path", async () => {
  await using served = await serve([{ name: "m", basePath }], { metricsPath: path, tensorFlowMetricsPath: path });
  assert.match((await send("GET", `${served.rest}${path}`)).body, /^# TYPE :tensorflow:/);
});
test("our page is not there where nobody asked for it", async () => {
  await using served = await serve([{ name: "m", basePath }]);
  assert.equal((await send("GET", `${served.rest}${path}`)).status, 404);
});

const traces = [
  { name: "a trace that is kept", traceparent: parent, want: '# {trace_id="0af7651916cd43dd8448eb211c80319c"} ' },
  { name: "a trace of a later version", traceparent: parent.replace("00-", "01-").concat("-more"), want: '# {trace_id="0af7651916cd43dd8448eb211c80319c"} ' },
  { name: "no trace that is not kept", traceparent: parent.replace(/01$/, "02"), want: undefined },
  { name: "no trace of zeros", traceparent: parent.replace("0af7651916cd43dd8448eb211c80319c", "0".repeat(32)), want: undefined },
  { name: "nothing that is no trace", traceparent: 'x"\n', want: undefined },
  { name: "nothing where there is none", traceparent: undefined, want: undefined },
];
for (const { name, traceparent, want } of traces) {
  test(`our page has ${name} as an exemplar, in OpenMetrics`, async () => {
    await using served = await fresh();
    await predict(served, '{"instances":[1]}', traceparent === undefined ? {} : { traceparent: traceparent.replace("\n", "") });
    const { body } = await send("GET", `${served.rest}${path}`, undefined, open);
    assert.equal(/ (# \{trace_id="[^"]*"\} )/.exec(body)?.[1], want);
  });
}
test("our page has the trace of a call over every protocol", async () => {
  await using served = await fresh();
  for (const [i, wire] of wires(served.grpc).entries()) {
    using _ = wire;
    const id = `${i + 1}`.repeat(32);
    await createClient(PredictionService, wire.transport).predict(
      { modelSpec: { name: "m" }, inputs: x },
      { headers: { traceparent: `00-${id}-b7ad6b7169203331-01` } },
    );
    assert.ok((await send("GET", `${served.rest}${path}`, undefined, open)).body.includes(`trace_id="${id}"`), wire.name);
  }
});
