import assert from "node:assert/strict";
import { test } from "node:test";
import { frameMessage } from "@tfs/rpc";
import { Code } from "@tfs/std";
import { printPrometheus } from "@tfs/std/metrics";
import { type Meter, newMetrics } from "./index.ts";

const nothing = { connections: 0, backends: [] };

function message(model: string): Buffer {
  return Buffer.from(frameMessage(Buffer.concat([Uint8Array.of(0x0a, model.length + 2, 0x0a, model.length), Buffer.from(model)])));
}

/** call counts one call with a first message. */
function call(meter: Meter, bytes: Buffer, code: Code = Code.Ok, ms = 3): void {
  meter.begin();
  meter.end(meter.look(bytes, 0, bytes.length) ?? meter.unknown, code, ms, bytes.length, 10);
}

function linesOf(metrics: ReturnType<typeof newMetrics>, pattern: RegExp): string[] {
  return printPrometheus(metrics.collect(nothing))
    .split("\n")
    .filter((line) => pattern.test(line));
}

test("metrics: calls count by protocol, model and status", () => {
  const metrics = newMetrics();
  const grpc = metrics.meter("grpc", "spec");
  const rest = metrics.meter("rest");
  for (const code of [Code.Ok, Code.Ok, Code.InvalidArgument]) call(grpc, message("m"), code);
  rest.begin();
  rest.end(rest.named("m"), Code.NotFound, 1, 5, 7);
  call(metrics.meter("grpc"), message("m"));
  assert.deepEqual(linesOf(metrics, /^tfs_gateway_requests_total/).sort(), [
    'tfs_gateway_requests_total{protocol="grpc",model="",code="OK"} 1',
    'tfs_gateway_requests_total{protocol="grpc",model="m",code="INVALID_ARGUMENT"} 1',
    'tfs_gateway_requests_total{protocol="grpc",model="m",code="OK"} 2',
    'tfs_gateway_requests_total{protocol="rest",model="m",code="NOT_FOUND"} 1',
  ]);
  assert.deepEqual(linesOf(metrics, /bytes_total.*rest/), [
    'tfs_gateway_request_bytes_total{protocol="rest",model="m"} 5',
    'tfs_gateway_response_bytes_total{protocol="rest",model="m"} 7',
  ]);
});

test("metrics: a latency falls into its bucket", () => {
  const metrics = newMetrics();
  call(metrics.meter("grpc", "spec"), message("m"), Code.Ok, 2.5);
  const buckets = linesOf(metrics, /duration_seconds_(bucket|sum).*"m"/);
  assert.deepEqual(buckets.slice(1, 4), [
    'tfs_gateway_request_duration_seconds_bucket{protocol="grpc",model="m",le="0.001"} 0',
    'tfs_gateway_request_duration_seconds_bucket{protocol="grpc",model="m",le="0.0025"} 1',
    'tfs_gateway_request_duration_seconds_bucket{protocol="grpc",model="m",le="0.005"} 1',
  ]);
  assert.equal(buckets.at(-1), 'tfs_gateway_request_duration_seconds_sum{protocol="grpc",model="m"} 0.0025');
});

test("metrics: what is in flight goes up and down", () => {
  const metrics = newMetrics();
  const meter = metrics.meter("connect");
  meter.begin();
  meter.begin();
  assert.deepEqual(linesOf(metrics, /in_flight\{/), ['tfs_gateway_requests_in_flight{protocol="connect"} 2']);
  meter.end(meter.unknown, Code.Canceled, 1, 0, 0);
  assert.deepEqual(linesOf(metrics, /in_flight\{/), ['tfs_gateway_requests_in_flight{protocol="connect"} 1']);
});

test("metrics: a model has a label of its own once it has answered; before that, and for names that strangers make up, it is one of the others", () => {
  const metrics = newMetrics();
  const meter = metrics.meter("grpc", "spec");
  for (let i = 0; i < 5000; i++) call(meter, message(`made-up-${i}`), Code.NotFound);
  call(meter, message("m"), Code.Unavailable);
  call(meter, message("m"), Code.Ok);
  call(meter, message("m"), Code.Unavailable);
  assert.deepEqual(linesOf(metrics, /^tfs_gateway_requests_total/).sort(), [
    'tfs_gateway_requests_total{protocol="grpc",model="(other)",code="NOT_FOUND"} 5000',
    'tfs_gateway_requests_total{protocol="grpc",model="(other)",code="UNAVAILABLE"} 1',
    'tfs_gateway_requests_total{protocol="grpc",model="m",code="OK"} 1',
    'tfs_gateway_requests_total{protocol="grpc",model="m",code="UNAVAILABLE"} 1',
  ]);
});

test("metrics: a thousand models have labels of their own, the next is one of the others, by every protocol", () => {
  const metrics = newMetrics();
  const meters = [metrics.meter("grpc", "spec"), metrics.meter("connect", "spec")];
  for (const meter of meters) for (let i = 0; i < 1010; i++) call(meter, message(`m${i}`));
  const lines = linesOf(metrics, /^tfs_gateway_requests_total/);
  assert.equal(lines.length, 2 * 1001);
  assert.ok(lines.includes('tfs_gateway_requests_total{protocol="grpc",model="m999",code="OK"} 1'));
  for (const protocol of ["grpc", "connect"]) assert.ok(lines.includes(`tfs_gateway_requests_total{protocol="${protocol}",model="(other)",code="OK"} 10`));
});

test("metrics: levels are those of the moment", () => {
  const metrics = newMetrics();
  const text = (connected: boolean): string => printPrometheus(metrics.collect({ connections: 3, backends: [["a:1", connected]] }));
  assert.match(text(true), /^tfs_gateway_connections 3$/m);
  assert.match(text(true), /^tfs_gateway_backend_connected\{backend="a:1"\} 1$/m);
  assert.match(text(false), /^tfs_gateway_backend_connected\{backend="a:1"\} 0$/m);
});
