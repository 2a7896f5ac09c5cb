import assert from "node:assert/strict";
import { test } from "node:test";
import { exponential, newRegistry, overflow, printOpenMetrics, printPrometheus } from "./index.ts";

test("a registry prints what it counted, sorted by name", () => {
  const registry = newRegistry();
  const requests = registry.counter({ name: "requests_total", help: "Requests answered.", labels: ["model", "code"] });
  const open = registry.gauge({ name: "connections", help: "Open connections." }).with();
  const latency = registry.histogram({ name: "latency_us", help: "Microseconds.", labels: ["model"], bounds: [10, 20.5] });
  const ok = requests.with("m", "OK");
  ok.add();
  ok.add(2);
  requests.with("m", "NOT_FOUND");
  open.add(3);
  open.add(-1);
  for (const us of [10, 10.1, 21, 1e9]) latency.with("m").observe(us);
  assert.equal(
    printPrometheus(registry.collect()),
    `# HELP connections Open connections.
# TYPE connections gauge
connections 2
# HELP latency_us Microseconds.
# TYPE latency_us histogram
latency_us_bucket{model="m",le="10"} 1
latency_us_bucket{model="m",le="20.5"} 2
latency_us_bucket{model="m",le="+Inf"} 4
latency_us_sum{model="m"} 1000000041.1
latency_us_count{model="m"} 4
# HELP requests_total Requests answered.
# TYPE requests_total counter
requests_total{model="m",code="OK"} 3
requests_total{model="m",code="NOT_FOUND"} 0
`,
  );
});

test("OpenMetrics has units, an end, canonical bounds, and an exemplar of each bucket's last observation with a trace", () => {
  const registry = newRegistry();
  registry
    .counter({ name: "sent_bytes_total", help: 'said "so"', labels: ["l"] })
    .with("v")
    .add(2);
  registry.gauge({ name: "open", help: "h" }).with().set(1);
  const latency = registry.histogram({ name: "took_seconds", help: "h", bounds: [0.5, 1] }).with();
  for (const [value, trace] of [
    [0.1, "first"],
    [0.2, "second"],
    [0.3, undefined],
    [0.75, undefined],
    [7, 'th"rd'],
  ] as const)
    latency.observe(value, trace);
  assert.equal(
    printOpenMetrics(registry.collect()),
    `# HELP open h
# TYPE open gauge
open 1
# HELP sent_bytes said \\"so\\"
# TYPE sent_bytes counter
# UNIT sent_bytes bytes
sent_bytes_total{l="v"} 2
# HELP took_seconds h
# TYPE took_seconds histogram
# UNIT took_seconds seconds
took_seconds_bucket{le="0.5"} 3 # {trace_id="second"} 0.2
took_seconds_bucket{le="1.0"} 4
took_seconds_bucket{le="+Inf"} 5 # {trace_id="th\\"rd"} 7
took_seconds_sum 8.35
took_seconds_count 5
# EOF
`,
  );
  assert.doesNotMatch(printPrometheus(registry.collect()), /trace_id/);
});

test("an empty registry prints nothing", () => assert.equal(printPrometheus(newRegistry().collect()), ""));

test("a metric without cells still says its type", () => {
  const registry = newRegistry();
  registry.counter({ name: "c", help: "", labels: ["l"] });
  assert.equal(printPrometheus(registry.collect()), "# HELP c \n# TYPE c counter\n");
});

const printed: { name: string; metric: string; label: string; value: string; help: string; want: string }[] = [
  {
    name: "quotes, backslashes and newlines are escaped",
    metric: "m",
    label: "l",
    value: 'a"\\\n',
    help: "a\\\nb",
    want: '# HELP m a\\\\\\nb\n# TYPE m gauge\nm{l="a\\"\\\\\\n"} 0\n',
  },
  {
    name: "a path-like name is made safe",
    metric: "/tf/x.y",
    label: "l",
    value: "v",
    help: "h",
    want: '# HELP _tf_x_y h\n# TYPE _tf_x_y gauge\n_tf_x_y{l="v"} 0\n',
  },
  { name: "a leading digit gets an underscore", metric: "2x", label: "0-a", value: "v", help: "h", want: '# HELP _2x h\n# TYPE _2x gauge\n_2x{_0_a="v"} 0\n' },
];
for (const tc of printed) {
  test(`prometheus text: ${tc.name}`, () => {
    const registry = newRegistry();
    registry.gauge({ name: tc.metric, help: tc.help, labels: [tc.label] }).with(tc.value);
    assert.equal(printPrometheus(registry.collect()), tc.want);
  });
}

const levels: { value: number; want: string }[] = [
  { value: 0.1, want: "0.1" },
  { value: 1e21, want: "1e+21" },
  { value: Number.POSITIVE_INFINITY, want: "+Inf" },
  { value: Number.NEGATIVE_INFINITY, want: "-Inf" },
  { value: Number.NaN, want: "NaN" },
];
for (const tc of levels) {
  test(`a gauge at ${tc.value} prints ${tc.want}`, () => {
    const registry = newRegistry();
    registry.gauge({ name: "g", help: "h" }).with().set(tc.value);
    assert.equal(printPrometheus(registry.collect()).split("\n")[2], `g ${tc.want}`);
  });
}

// TensorFlow Serving's own example: 2, 20 and 200 on bounds 1, 2, 4 … 512, whose bounds are exclusive there and inclusive at Prometheus.
const rules = [
  { atBound: "below", observed: [2, 20, 200], cumulative: { 1: 0, 2: 1, 4: 1, 32: 2, 256: 3 } },
  { atBound: "above", observed: [2, 20, 200], cumulative: { 1: 0, 2: 0, 4: 1, 32: 2, 256: 3 } },
  { atBound: "below", observed: [512, 513], cumulative: { 256: 0, 512: 1 } },
  { atBound: "above", observed: [512, 513], cumulative: { 512: 0 } },
  { atBound: "below", observed: [Number.NaN, -5], cumulative: { 1: 1, 512: 1 } },
] as const;
for (const tc of rules) {
  test(`an observation at a bound counts ${tc.atBound} it: ${tc.observed.join(", ")}`, () => {
    const registry = newRegistry();
    const bounds = exponential(1, 2, 10);
    const histogram = registry.histogram({ name: "h", help: "h", bounds, atBound: tc.atBound }).with();
    for (const v of tc.observed) histogram.observe(v);
    const buckets = registry.collect()[0]?.cells[0]?.buckets;
    assert.ok(buckets);
    const real = tc.observed.filter((v) => !Number.isNaN(v));
    assert.equal(buckets.count, real.length);
    assert.equal(
      buckets.counts.reduce((a, b) => a + b),
      real.length,
    );
    for (const [bound, want] of Object.entries(tc.cumulative)) {
      const upTo = buckets.counts.slice(0, bounds.indexOf(Number(bound)) + 1);
      assert.equal(
        upTo.reduce((a, b) => a + b),
        want,
        `le=${bound}`,
      );
    }
  });
}

test("exponential bounds are TensorFlow Serving's", () => {
  const six = (n: number): number => Number(n.toPrecision(6));
  const bounds = exponential(10, 1.8, 33);
  assert.equal(bounds.length, 33);
  assert.deepEqual(
    [bounds[0], bounds[1], bounds[5], bounds[20], bounds[32]].map((b) => six(b!)),
    [10, 18, 188.957, 1.27482e6, 1.47476e9],
  );
  assert.deepEqual(
    [51, 50].map((i) => six(exponential(100, 1.2, 52)[i]!)),
    [1.09205e6, 910044],
  );
});

test("past maxCells new combinations share one cell, known ones keep their own", () => {
  const registry = newRegistry();
  const metric = registry.counter({ name: "c", help: "h", labels: ["model", "code"], maxCells: 2 });
  metric.with("a", "OK").add();
  metric.with("b", "OK").add();
  for (let i = 0; i < 1000; i++) metric.with(`stranger${i}`, "OK").add();
  metric.with("a", "OK").add();
  const values = registry.collect()[0]?.cells.map((c) => [...c.values, c.value]);
  assert.deepEqual(values, [
    ["a", "OK", 2],
    ["b", "OK", 1],
    [overflow, overflow, 1000],
  ]);
});

test("a removed cell is gone, and its place is free", () => {
  const registry = newRegistry();
  const metric = registry.gauge({ name: "g", help: "h", labels: ["backend"], maxCells: 1 });
  metric.with("a").set(1);
  metric.remove("a");
  metric.with("b").set(2);
  assert.deepEqual(registry.collect()[0]?.cells, [{ values: ["b"], value: 2 }]);
});

test("label values are told apart whatever they hold, and cut when they are long", () => {
  const registry = newRegistry();
  const metric = registry.counter({ name: "c", help: "h", labels: ["a", "b"] });
  metric.with('x","y', "z").add();
  metric.with("x", 'y","z').add();
  metric.with("m".repeat(1e6), "").add();
  const cells = registry.collect()[0]?.cells ?? [];
  assert.deepEqual(
    cells.map((c) => [c.values[0]?.length, c.value]),
    [
      [5, 1],
      [1, 1],
      [256, 1],
    ],
  );
});

const mistakes: { name: string; make: () => unknown; text: RegExp }[] = [
  {
    name: "too few label values",
    make: () =>
      newRegistry()
        .counter({ name: "c", help: "", labels: ["a"] })
        .with(),
    text: /metric c takes 1 label values, not 0/,
  },
  { name: "a counter that counts down", make: () => newRegistry().counter({ name: "c", help: "" }).with().add(-1), text: /cannot count -1/ },
  { name: "a counter that counts NaN", make: () => newRegistry().counter({ name: "c", help: "" }).with().add(Number.NaN), text: /cannot count NaN/ },
  { name: "bounds that fall", make: () => newRegistry().histogram({ name: "h", help: "", bounds: [2, 1] }), text: /must be finite and rise/ },
  { name: "bounds that stand still", make: () => exponential(1, 1, 3), text: /must be finite and rise/ },
  {
    name: "infinity as a bound of one's own",
    make: () => newRegistry().histogram({ name: "h", help: "", bounds: [Number.POSITIVE_INFINITY] }),
    text: /finite/,
  },
  {
    name: "one name twice",
    make: () => {
      const registry = newRegistry();
      registry.counter({ name: "c", help: "" });
      registry.gauge({ name: "c", help: "" });
    },
    text: /there is a metric c already/,
  },
];
for (const tc of mistakes) test(`refused: ${tc.name}`, () => assert.throws(tc.make, tc.text));
