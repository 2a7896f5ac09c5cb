// A real Prometheus scrapes a server's two pages by the configuration in deploy/prometheus, and answers every query of the dashboard in deploy/grafana.
import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { create } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import { ExampleSchema, InputSchema, PredictionService } from "@tfs/proto";
import { DType, newTensor, toMessage } from "@tfs/tensor";
import { freePort, scratch, send, serve, type Served, wires } from "../testing/index.ts";

const root = fileURLToPath(new URL("../../../../", import.meta.url));
const bin = `${root}.tools/prometheus/usr/bin/`;
const skip = existsSync(`${bin}prometheus`) ? false : "needs Prometheus, run npm run tools -- prometheus";
const timeout = 120_000;

const dir = scratch();
const basePath = dir.copy("half_plus_two/1", "half_plus_two/123");
mkdirSync(join(dir.path, "broken/1"), { recursive: true });
writeFileSync(join(dir.path, "broken/1/saved_model.pb"), "this is no model");
const traceId = "0af7651916cd43dd8448eb211c80319c";

let served: Served;
let prometheus: ChildProcess | undefined;
let url = "";
if (skip === false) {
  before(async () => {
    served = await serve(
      [
        { name: "m", basePath },
        { name: "broken", basePath: join(dir.path, "broken") },
      ],
      { metricsPath: "/metrics", tensorFlowMetricsPath: "/monitoring/prometheus/metrics" },
    );
    const config = readFileSync(`${root}deploy/prometheus/prometheus.yml`, "utf8")
      .replaceAll("localhost:8501", new URL(served.rest).host)
      .replace("scrape_interval: 15s", "scrape_interval: 200ms");
    writeFileSync(join(dir.path, "prometheus.yml"), config);
    const address = `127.0.0.1:${await freePort()}`;
    url = `http://${address}`;
    const args = [`--config.file=${dir.path}/prometheus.yml`, `--storage.tsdb.path=${dir.path}/tsdb`, `--web.listen-address=${address}`];
    prometheus = spawn(`${bin}prometheus`, [...args, "--enable-feature=exemplar-storage", "--log.level=error"], { stdio: "inherit" });
    await traffic();
  });
  after(async () => {
    if (prometheus !== undefined) {
      const ended = once(prometheus, "exit");
      prometheus.kill("SIGKILL");
      await ended;
    }
    await served[Symbol.asyncDispose]();
    dir[Symbol.dispose]();
  });
}

/** traffic is calls of all kinds: every method that has a model, by every protocol, that go well and that fail. */
async function traffic(): Promise<void> {
  const headers = { traceparent: `00-${traceId}-b7ad6b7169203331-01` };
  const example = create(ExampleSchema, { features: { feature: { x: { kind: { case: "floatList", value: { value: [2] } } } } } });
  const input = create(InputSchema, { kind: { case: "exampleList", value: { examples: [example] } } });
  const x = { x: toMessage(newTensor(DType.Float, [1], Float32Array.of(1))) };
  for (const wire of wires(served.grpc)) {
    using _ = wire;
    const client = createClient(PredictionService, wire.transport);
    await client.predict({ modelSpec: { name: "m" }, inputs: x }, { headers });
    await client.classify({ modelSpec: { name: "m", signatureName: "classify_x_to_y" }, input });
    await client.regress({ modelSpec: { name: "m", signatureName: "regress_x_to_y" }, input });
    await client.getModelMetadata({ modelSpec: { name: "m" }, metadataField: ["signature_def"] });
    await client.predict({ modelSpec: { name: "m" } }).catch(() => {});
  }
  for (const body of ['{"instances":[1]}', "x"]) await send("POST", `${served.rest}/v1/models/m:predict`, body);
  await send("GET", `${served.rest}/v1/models/m`);
}

interface Series {
  readonly metric: { readonly [label: string]: string };
  readonly value: readonly [at: number, value: string];
}

/** ask asks Prometheus, as soon as it answers, and again until `done` likes what it says; calls go on meanwhile, so that rates are there. */
async function ask<T>(path: string, query: Record<string, string>, done: (data: T) => boolean): Promise<T> {
  for (;;) {
    const answer = await send("GET", `${url}${path}?${new URLSearchParams(query)}`).catch(() => undefined);
    if (answer?.status === 400 || answer?.status === 422) throw new Error(answer.body);
    const data = answer?.status === 200 ? (JSON.parse(answer.body) as { data: T }).data : undefined;
    if (data !== undefined && done(data)) return data;
    await traffic();
  }
}
const query = async (expr: string, done: (series: readonly Series[]) => boolean = (series) => series.length > 0): Promise<readonly Series[]> =>
  (await ask<{ result: readonly Series[] }>("/api/v1/query", { query: expr }, ({ result }) => done(result))).result;

test("Prometheus finds both pages in order", { skip, timeout }, async () => {
  interface Targets {
    readonly activeTargets: readonly { readonly health: string; readonly lastError: string; readonly labels: { readonly job: string } }[];
  }
  const { activeTargets } = await ask<Targets>("/api/v1/targets", {}, ({ activeTargets: all }) => all.length === 2 && all.every((t) => t.health !== "unknown"));
  assert.deepEqual(activeTargets.map(({ health, lastError, labels }) => [labels.job, health, lastError]).sort(), [
    ["tensorflow-serving", "up", ""],
    ["tfs-server", "up", ""],
  ]);
});

const expected: readonly (readonly [expr: string, labels: readonly Record<string, string>[]])[] = [
  [
    'sum by (model_name, status) (:tensorflow:serving:request_count{model_name="m"}) > 0',
    ["INVALID_ARGUMENT", "OK"].map((status) => ({ model_name: "m", status })),
  ],
  [
    'sum by (API, entrypoint) (:tensorflow:serving:request_latency_count{model_name="m"}) > 0',
    [
      { API: "", entrypoint: "REST" },
      ...["Classify", "Predict", "Regress"].map((API) => ({ API, entrypoint: "GRPC" })),
      { API: "predict", entrypoint: "REST" },
    ],
  ],
  ['sum by (API) (:tensorflow:serving:runtime_latency_bucket{le="+Inf"}) > 0', ["Classify", "Predict", "Regress"].map((API) => ({ API }))],
  ["sum by (status) (:tensorflow:cc:saved_model:load_attempt_count) == 1", ["fail", "success"].map((status) => ({ status }))],
  ['sum by (protocol) (tfs_requests_total{model="m",version="123"}) > 0', ["connect", "grpc", "grpc_web", "rest"].map((protocol) => ({ protocol }))],
  ['sum by (signature) (tfs_requests_total{method="classify"}) > 0', [{ signature: "classify_x_to_y" }]],
  [
    "sum by (model, state) (tfs_model_version_state)",
    [
      { model: "broken", state: "failed" },
      { model: "m", state: "available" },
    ],
  ],
  ['tfs_request_duration_seconds_bucket{method="predict",protocol="rest",le="1.0"} > 0', []],
];
for (const [expr, labels] of expected) {
  test(`Prometheus knows ${expr}`, { skip, timeout }, async () => {
    const series = await query(expr, (all) => all.length >= Math.max(1, labels.length));
    if (labels.length === 0) return;
    const known = new Set(labels.flatMap((l) => Object.keys(l)));
    // A label that is empty is one that Prometheus does not have.
    const got = series.map(({ metric }) => JSON.stringify(Object.fromEntries([...known].map((l) => [l, metric[l] ?? ""]))));
    assert.deepEqual(got.sort(), labels.map((l) => JSON.stringify(l)).sort());
  });
}

test("Prometheus keeps the traces of calls as exemplars", { skip, timeout }, async () => {
  interface Found {
    readonly exemplars: readonly { readonly labels: { readonly trace_id: string } }[];
  }
  const asked = { query: "tfs_request_duration_seconds_bucket", start: String(Date.now() / 1000 - 600), end: String(Date.now() / 1000 + 600) };
  const found = await ask<readonly Found[]>("/api/v1/query_exemplars", asked, (all) => all.length > 0);
  assert.equal(found[0]?.exemplars[0]?.labels.trace_id, traceId);
});

test("Prometheus's own checker has nothing against our page", { skip, timeout }, async () => {
  const { body } = await send("GET", `${served.rest}/metrics`);
  const checked = spawnSync(`${bin}promtool`, ["check", "metrics"], { input: body, encoding: "utf8" });
  assert.deepEqual([checked.stderr, checked.status], ["", 0]);
});

interface Dashboard {
  readonly panels: readonly { readonly title: string; readonly targets?: readonly { readonly expr: string }[] }[];
  readonly templating: { readonly list: readonly { readonly name: string; readonly definition?: string }[] };
}
const dashboard = JSON.parse(readFileSync(`${root}deploy/grafana/server.json`, "utf8")) as Dashboard;
const queries = dashboard.panels.flatMap(({ title, targets = [] }) => targets.map(({ expr }) => [title, expr] as const));

test("the dashboard has queries, and no variable that is not its own", () => {
  assert.ok(queries.length > 20);
  const known = new Set(["$__rate_interval", ...dashboard.templating.list.map(({ name }) => `$${name}`)]);
  for (const [title, expr] of queries) for (const [name] of expr.matchAll(/\$\w+/g)) assert.ok(known.has(name), `${title}: ${name}`);
});
for (const [title, expr] of queries) {
  test(`the dashboard's "${title}" finds something: ${expr}`, { skip, timeout }, async () => {
    await query(expr.replaceAll("$__rate_interval", "1m").replace(/\$(instance|model)/g, ".*"), (all) =>
      all.some(({ value }) => Number.isFinite(Number(value[1]))),
    );
  });
}
for (const { name, definition } of dashboard.templating.list) {
  if (definition === undefined) continue;
  test(`the dashboard's choice of ${name} has something to choose`, { skip, timeout }, async () => {
    const [, metric = "", label = ""] = /^label_values\((\w+), (\w+)\)$/.exec(definition) ?? [];
    await ask<readonly string[]>(`/api/v1/label/${label}/values`, { "match[]": metric }, (values) => values.length > 0);
  });
}
