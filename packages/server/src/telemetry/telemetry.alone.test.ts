// OpenTelemetry's real SDK is told of calls to a server on real sockets. It is registered for the whole process, hence a process of its own.
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, beforeEach, test } from "node:test";
import { fileURLToPath } from "node:url";
import { createClient } from "@connectrpc/connect";
import * as api from "@opentelemetry/api";
import { W3CTraceContextPropagator } from "@opentelemetry/core";
import { AggregationTemporality, InMemoryMetricExporter, MeterProvider, PeriodicExportingMetricReader } from "@opentelemetry/sdk-metrics";
import { InMemorySpanExporter, type ReadableSpan, SimpleSpanProcessor, TracerProvider } from "@opentelemetry/sdk-trace";
import { PredictionService } from "@tfs/proto";
import { newLogger, systemClock } from "@tfs/std";
import { DType, newTensor, toMessage } from "@tfs/tensor";
import { openTelemetry } from "../index.ts";
import { launch, models, scratch, send, serve, wires, writeModel } from "../testing/index.ts";

const exporter = new InMemorySpanExporter();
api.trace.setGlobalTracerProvider(new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] }));
api.propagation.setGlobalPropagator(new W3CTraceContextPropagator());
const collected = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
const reader = new PeriodicExportingMetricReader({ exporter: collected, exportIntervalMillis: 2 ** 30 });
api.metrics.setGlobalMeterProvider(new MeterProvider({ readers: [reader] }));

const dir = scratch();
const basePath = dir.copy("half_plus_two/1", "half_plus_two/123");
const said: string[] = [];
const logger = newLogger({ write: (line) => void said.push(line), clock: systemClock(), level: "error", format: "json" });
// With the check of method names on, a method that no signature may have is Internal, in TensorFlow Serving's words.
writeModel(
  join(dir.path, "odd"),
  { y: newTensor(DType.Float, [], Float32Array.of(7)) },
  { serving_default: { method: "not/supported/method", inputs: { x: "ex" }, outputs: { y: "y" } } },
);
const sources = [
  { name: "m", basePath },
  { name: "odd", basePath: join(dir.path, "odd") },
];
const served = await serve(sources, { telemetry: await openTelemetry(), metricsPath: "/metrics", logger, checkMethodName: true });
after(async () => {
  await served[Symbol.asyncDispose]();
  await reader.shutdown();
  dir[Symbol.dispose]();
});
beforeEach(() => exporter.reset());

const traceId = "0af7651916cd43dd8448eb211c80319c";
const parent = "b7ad6b7169203331";
const headers = { traceparent: `00-${traceId}-${parent}-01`, tracestate: "a=b" };
const x = { x: toMessage(newTensor(DType.Float, [1], Float32Array.of(1))) };

/** only gives the one span that is ended by now, or soon: an answer may be there before its span has ended. */
async function only(): Promise<ReadableSpan> {
  for (let i = 0; i < 1000 && exporter.getFinishedSpans().length === 0; i++) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(exporter.getFinishedSpans().length, 1);
  return exporter.getFinishedSpans()[0]!;
}
const model = { "tfs.model.name": "m", "tfs.model.version": "123", "tfs.signature": "serving_default" };

const all = wires(served.grpc);
const first = all[0]!;
for (const wire of all) {
  const client = createClient(PredictionService, wire.transport);
  const isConnect = wire.name.startsWith("connect");
  const start = {
    "rpc.system.name": isConnect ? "connectrpc" : "grpc",
    "rpc.method": "tensorflow.serving.PredictionService/Predict",
    "client.address": "127.0.0.1",
    "network.protocol.version": wire.name.includes("HTTP/1.1") || wire.name === "connect" || wire.name === "connect with JSON" ? "1.1" : "2",
  };
  after(() => wire[Symbol.dispose]());
  test(`a call over ${wire.name} is a server's span in its caller's trace`, async () => {
    await client.predict({ modelSpec: { name: "m" }, inputs: x }, { headers });
    const span = await only();
    const context = span.spanContext();
    assert.deepEqual([span.name, span.kind, context.traceId], ["tensorflow.serving.PredictionService/Predict", api.SpanKind.SERVER, traceId]);
    assert.deepEqual([span.parentSpanContext?.spanId, context.traceState?.serialize()], [parent, "a=b"]);
    assert.deepEqual(span.attributes, { ...start, ...model, "rpc.response.status_code": isConnect ? "ok" : "OK" });
    assert.equal(span.status.code, api.SpanStatusCode.UNSET);
  });
  test(`a call over ${wire.name} that fails by its caller's fault tells so`, async () => {
    await client.predict({ modelSpec: { name: "none" }, inputs: x }, { headers }).catch(() => {});
    const status = isConnect ? "not_found" : "NOT_FOUND";
    const span = await only();
    assert.deepEqual(span.attributes, { ...start, "tfs.model.name": "none", "rpc.response.status_code": status, "error.type": status });
    assert.equal(span.status.code, api.SpanStatusCode.UNSET);
  });
  test(`a call over ${wire.name} without a trace begins one`, async () => {
    await client.predict({ modelSpec: { name: "m" }, inputs: x });
    const span = await only();
    assert.deepEqual([span.parentSpanContext, span.spanContext().traceId.length, span.spanContext().traceId === traceId], [undefined, 32, false]);
  });
}

const requests = [
  { name: "a predict", method: "POST", path: "/v1/models/m:predict", body: '{"instances":[1]}', route: "/v1/models/{model}:predict", status: 200, more: model },
  {
    name: "a predict of a model that is not there",
    method: "POST",
    path: "/v1/models/none:predict",
    body: '{"instances":[1]}',
    route: "/v1/models/{model}:predict",
    status: 404,
    more: { "tfs.model.name": "none" },
  },
  { name: "a status", method: "GET", path: "/v1/models/m", body: undefined, route: "/v1/models/{model}", status: 200, more: { "tfs.model.name": "m" } },
  { name: "what is no request of the API", method: "GET", path: "/v1/foo", body: undefined, route: undefined, status: 400, more: {} },
];
for (const { name, method, path, body, route, status, more } of requests) {
  test(`over REST ${name} is a server's span in its caller's trace`, async () => {
    await send(method, `${served.rest}${path}?a=b`.replace(/\?a=b$/, ""), body, headers);
    const span = await only();
    assert.deepEqual([span.name, span.kind, span.spanContext().traceId], [route === undefined ? method : `${method} ${route}`, api.SpanKind.SERVER, traceId]);
    assert.deepEqual(span.attributes, {
      "http.request.method": method,
      "url.path": path,
      "url.scheme": "http",
      "network.protocol.version": "1.1",
      "client.address": "127.0.0.1",
      "http.response.status_code": status,
      ...(route === undefined ? {} : { "http.route": route }),
      ...more,
    });
  });
}

const faults = [
  {
    name: "gRPC",
    call: (given: Record<string, string>) =>
      createClient(PredictionService, first.transport)
        .predict({ modelSpec: { name: "odd" } }, { headers: given })
        .catch(() => {}),
  },
  { name: "REST", call: (given: Record<string, string>) => send("POST", `${served.rest}/v1/models/odd:predict`, '{"instances":["x"]}', given) },
];
for (const { name, call } of faults) {
  test(`what is our fault is an error of the span, and its line in the log names the trace: ${name}`, async () => {
    said.length = 0;
    await call(headers);
    assert.equal((await only()).status.code, api.SpanStatusCode.ERROR);
    assert.deepEqual(
      said.map((line) => (JSON.parse(line) as { trace: string }).trace),
      [traceId],
    );
    exporter.reset();
    await call({});
    assert.equal((JSON.parse(said[1]!) as { trace: string }).trace, (await only()).spanContext().traceId);
  });
}

test("an exemplar on our page has the trace that a call began by itself", async () => {
  await send("POST", `${served.rest}/v1/models/m:predict`, '{"instances":[1]}');
  const { traceId: began } = (await only()).spanContext();
  const { body } = await send("GET", `${served.rest}/metrics`, undefined, { accept: "application/openmetrics-text;version=1.0.0" });
  assert.ok(body.includes(`# {trace_id="${began}"}`), began);
});

test("OpenTelemetry reads our counters and levels, and how long calls took by its own conventions", async () => {
  await send("POST", `${served.rest}/v1/models/m:predict`, '{"instances":[1]}');
  await reader.forceFlush();
  const metrics = collected
    .getMetrics()
    .at(-1)!
    .scopeMetrics.flatMap((scope) => scope.metrics);
  const points = (name: string) => metrics.find(({ descriptor }) => descriptor.name === name)?.dataPoints ?? [];
  const rest = { model: "m", version: "123", signature: "serving_default", protocol: "rest", method: "predict", code: "OK" };
  const has = (name: string, attributes: Record<string, unknown>) =>
    points(name).some((point) => Object.entries(attributes).every(([key, value]) => point.attributes[key] === value));
  assert.ok(has("tfs_requests", rest));
  assert.ok(has("tfs_model_version_state", { model: "m", version: "123", state: "available" }));
  assert.ok(
    has("http.server.request.duration", { "http.request.method": "POST", "http.route": "/v1/models/{model}:predict", "http.response.status_code": 200 }),
  );
  assert.ok(has("rpc.server.call.duration", { "rpc.method": "tensorflow.serving.PredictionService/Predict", "rpc.response.status_code": "OK" }));
  assert.ok(!has("http.server.request.duration", { "url.path": "/v1/models/m:predict" }));
});

const testdata = new URL("../../testdata/telemetry/", import.meta.url);
const importing = (name: string): NodeJS.ProcessEnv => ({ ...process.env, NODE_OPTIONS: `--import=${fileURLToPath(new URL(name, testdata))}` });
const half = `--model_base_path=${models}half_plus_two`;

test("the command tells the SDK that is registered in its process", async () => {
  await using running = await launch(["--model_name=m", half, "--enable_opentelemetry"], importing("sdk.mjs"));
  await send("POST", `${running.rest}/v1/models/m:predict`, '{"instances":[1]}', headers);
  await running.logged('"span":"POST /v1/models/{model}:predict"', traceId);
});
test("the command starts without OpenTelemetry where nothing of it is installed", async () => {
  await using running = await launch(["--model_name=m", half], importing("absent.mjs"));
  assert.equal((await send("POST", `${running.rest}/v1/models/m:predict`, '{"instances":[1]}')).status, 200);
});
test("the command says what is missing where it is asked for OpenTelemetry and has none", () =>
  assert.rejects(launch(["--model_name=m", half, "--enable_opentelemetry"], importing("absent.mjs")), /npm install @opentelemetry\/api/));
