// Rows of the behaviour specification, sections 7.2 and 13.13.
import assert from "node:assert/strict";
import { test } from "node:test";
import { exponential, newRegistry, printTensorFlow, type Registry } from "./index.ts";

const rows: { name: string; fill: (registry: Registry) => void; want: readonly string[] }[] = [
  {
    name: "a counter",
    fill: (r) =>
      r
        .counter({ name: "/test/path/total", help: "h", labels: ["name"] })
        .with("abc")
        .add(2),
    want: ["# TYPE :test:path:total counter", ':test:path:total{name="abc"} 2'],
  },
  {
    name: "a gauge with two labels",
    fill: (r) =>
      r
        .gauge({ name: "/test/path/gague", help: "h", labels: ["x", "y"] })
        .with("abc", "def")
        .set(5),
    want: ["# TYPE :test:path:gague gauge", ':test:path:gague{x="abc",y="def"} 5'],
  },
  {
    name: "a histogram, whose bounds are exclusive",
    fill: (r) => {
      const cell = r.histogram({ name: "/test/path/sum", help: "h", labels: ["status"], bounds: exponential(1, 2, 10), atBound: "above" }).with("good");
      for (const value of [2, 20, 200]) cell.observe(value);
    },
    want: [
      "# TYPE :test:path:sum histogram",
      ...[0, 0, 1, 1, 1, 2, 2, 2, 3, 3].map((count, i) => `:test:path:sum_bucket{status="good",le="${2 ** i}"} ${count}`),
      ':test:path:sum_bucket{status="good",le="+Inf"} 3',
      ':test:path:sum_sum{status="good"} 222',
      ':test:path:sum_count{status="good"} 3',
    ],
  },
  {
    name: "a label value with quotes and backslashes",
    fill: (r) =>
      r
        .counter({ name: "/c", help: "h", labels: ["name"] })
        .with('"abc\\"')
        .add(),
    want: ["# TYPE :c counter", ':c{name="\\"abc\\\\\\""} 1'],
  },
  {
    name: "a label name that is not allowed",
    fill: (r) => r.counter({ name: "/c", help: "h", labels: ["my-name+1"] }).with("v"),
    want: ["# TYPE :c counter", ':c{my_name_1="v"} 0'],
  },
  {
    name: "a metric name that begins with a digit",
    fill: (r) => r.counter({ name: "0/path-total_count", help: "h" }),
    want: ["# TYPE _0:path:total_count counter"],
  },
  {
    name: "a label name that begins with a digit",
    fill: (r) => r.gauge({ name: "/g", help: "h", labels: ["0_a"] }).with("v"),
    want: ["# TYPE :g gauge", ':g{_0_a="v"} 0'],
  },
  { name: "a scalar without labels", fill: (r) => r.counter({ name: "/c", help: "h" }).with().add(3.9), want: ["# TYPE :c counter", ":c{} 3"] },
  { name: "a scalar that no int64 is", fill: (r) => r.gauge({ name: "/g", help: "h" }).with().set(Number.NaN), want: ["# TYPE :g gauge", ":g{} 0"] },
  {
    name: "a histogram without labels",
    fill: (r) =>
      r
        .histogram({ name: "/h", help: "h", bounds: [0.00001] })
        .with()
        .observe(1_274_821),
    want: ["# TYPE :h histogram", ':h_bucket{le="1e-05"} 0', ':h_bucket{le="+Inf"} 1', ":h_sum{} 1.27482e+06", ":h_count{} 1"],
  },
  { name: "a metric without cells", fill: (r) => r.histogram({ name: "/h", help: "h", bounds: [1] }), want: ["# TYPE :h histogram"] },
  {
    name: "a newline in a label value, which upstream does not escape",
    fill: (r) =>
      r
        .counter({ name: "/c", help: "h", labels: ["l"] })
        .with("a\nb")
        .add(),
    want: ["# TYPE :c counter", ':c{l="a\\nb"} 1'],
  },
  {
    name: "metrics by name, and cells by their label values, whatever came first",
    fill: (r) => {
      const b = r.counter({ name: "/b", help: "h", labels: ["l", "m"] });
      for (const [l, m] of [
        ["z", "a"],
        ["a", "z"],
        ["a", "b"],
      ] as const)
        b.with(l, m).add();
      r.counter({ name: "/a", help: "h" });
    },
    want: ["# TYPE :a counter", "# TYPE :b counter", ':b{l="a",m="b"} 1', ':b{l="a",m="z"} 1', ':b{l="z",m="a"} 1'],
  },
];
for (const tc of rows) {
  test(`TensorFlow Serving's page: ${tc.name}`, () => {
    const registry = newRegistry();
    tc.fill(registry);
    assert.equal(printTensorFlow(registry.collect()), `${tc.want.join("\n")}\n`);
  });
}

const bounds: { name: string; bounds: readonly number[]; want: string }[] = [
  {
    name: "latencies",
    bounds: exponential(10, 1.8, 33),
    want: "10, 18, 32.4, 58.32, 104.976, 188.957, 340.122, 612.22, 1102, 1983.59, 3570.47, 6426.84, 11568.3, 20823, 37481.3, 67466.4, 121440, 218591, 393464, 708235, 1.27482e+06, 2.29468e+06, 4.13043e+06, 7.43477e+06, 1.33826e+07, 2.40887e+07, 4.33596e+07, 7.80473e+07, 1.40485e+08, 2.52873e+08, 4.55172e+08, 8.19309e+08, 1.47476e+09, +Inf",
  },
  {
    name: "times in a queue",
    bounds: exponential(100, 1.2, 52),
    want: "100, 120, 144, 172.8, 207.36, 248.832, 298.598, 358.318, 429.982, 515.978, 619.174, 743.008, 891.61, 1069.93, 1283.92, 1540.7, 1848.84, 2218.61, 2662.33, 3194.8, 3833.76, 4600.51, 5520.61, 6624.74, 7949.68, 9539.62, 11447.5, 13737.1, 16484.5, 19781.4, 23737.6, 28485.2, 34182.2, 41018.6, 49222.4, 59066.8, 70880.2, 85056.2, 102067, 122481, 146977, 176373, 211647, 253977, 304772, 365726, 438871, 526646, 631975, 758370, 910044, 1.09205e+06, +Inf",
  },
];
for (const tc of bounds) {
  test(`TensorFlow Serving's page: the bounds of ${tc.name}`, () => {
    const registry = newRegistry();
    registry.histogram({ name: "/h", help: "h", bounds: tc.bounds, atBound: "above" }).with();
    const printed = [...printTensorFlow(registry.collect()).matchAll(/le="([^"]+)"/g)].map(([, bound]) => bound);
    assert.equal(printed.join(", "), tc.want);
  });
}
