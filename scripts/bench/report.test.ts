import assert from "node:assert/strict";
import { test } from "node:test";
import type { Measurement } from "../../bench/gateway/measure.ts";
import { markdown, number, type Run } from "../../bench/gateway/report.ts";
import { judge, summarise } from "../../bench/gateway/summary.ts";
import { svg } from "../../bench/gateway/svg.ts";
import { measured, shape } from "./run.ts";

for (const [n, want] of [
  [0, "0.00"],
  [1.294, "1.29"],
  [9.994, "9.99"],
  [9.996, "10.0"],
  [99.94, "99.9"],
  [99.96, "100"],
  [-12.34, "-12.3"],
  [93_787.4, "93787"],
] as const)
  test(`number: ${n} is printed as ${want}`, () => assert.equal(number(n), want));

const titles = { tfs: "tfs gateway", envoy: "Envoy <1.40> & co", haproxy: "HAProxy" };
function run(names: readonly string[], measurements: readonly Measurement[]): Run {
  const summaries = summarise(names.map(shape), Object.keys(titles), measurements);
  const environment = { date: "2026-01-02", commit: "abc", cpu: "a processor", cores: 2, kernel: "6.1", node: "24.0.0", loadBefore: "0.1", loadAfter: "2.0" };
  return { environment, rounds: 3, seconds: 2.5, verdict: judge(summaries), summaries, titles };
}

const good = run(
  ["headline"],
  [...measured("headline", "tfs", [2, 3, 4]), ...measured("headline", "envoy", [20, 36, 44]), ...measured("headline", "haproxy", [undefined])],
);

test("markdown: a row has figures, ratios, target and what went wrong", () => {
  const lines = markdown(good).split("\n");
  assert.ok(lines.includes("| **tfs gateway** | 2.00 / 3.00 / 4.00 | – | ≤ 9.00 met | 500 | 100 | 300 | 2 % | 3 |  |"));
  assert.ok(lines.includes("| Envoy <1.40> & co | 20.0 / 36.0 / 44.0 | 10.0 / 11.0 / 12.0 × | ≥ 12.0 × missed | 500 | 100 | 300 | 2 % | 3 |  |"));
  assert.ok(lines.includes("| HAProxy | – | – | – | – | – | – | – | 0 | does not listen |"));
});

test("markdown: every row of a table has as many cells as its head", () => {
  const rows = markdown(good)
    .split("\n")
    .filter((line) => line.startsWith("|"));
  assert.equal(rows.length, 5);
  for (const row of rows) assert.equal(row.split("|").length, rows[0]?.split("|").length, row);
});

test("markdown: a bar or a line break in a failure does not break the table", () => {
  const failed = measured("small", "envoy", [undefined]).map((m) => ({ ...m, problem: "a | b\nc" }));
  assert.match(markdown(run(["small"], [...measured("small", "tfs", [1]), ...failed])), /\| a \\\| b c \|/);
});

for (const tc of [
  { name: "a valid run says so", measurements: measured("small", "tfs", [1]), want: /^This run is valid/m },
  {
    name: "an invalid one names the peer, its figure and what is known",
    measurements: [...measured("small", "tfs", [1]), ...measured("small", "haproxy", [30])],
    want: /^\*\*This run is invalid\*\*.* HAProxy in small \(30\.0, known 21\.3\)/m,
  },
  { name: "a failed one names the shape", measurements: measured("small", "tfs", [undefined]), want: /^\*\*This run failed\*\*.* in small\./m },
])
  test(`markdown: ${tc.name}`, () => assert.match(markdown(run(["small"], tc.measurements)), tc.want));

test("svg: bars are as long as their medians, from zero to the greatest of all rounds", () => {
  const drawing = svg(run(["small"], [...measured("small", "tfs", [10]), ...measured("small", "envoy", [10, 20, 40])]));
  const widths = [...drawing.matchAll(/<rect class="[ob]" x="170" y="\d+" width="([\d.]+)"/g)].map(([, width]) => Number(width));
  assert.deepEqual(widths, [45, 90]);
  assert.match(drawing, /<line class="w" x1="215" x2="350"/);
});

test("svg: names are escaped, and only rows with figures are drawn", () => {
  const drawing = svg(good);
  assert.match(drawing, />Envoy &lt;1\.40&gt; &amp; co</);
  assert.equal(drawing.match(/<rect class="[ob]"/g)?.length, 2);
  assert.doesNotMatch(drawing, /HAProxy/);
});

test("svg: every element that is opened is closed", () => {
  const open: string[] = [];
  for (const [, closing, name, own] of svg(good).matchAll(/<(\/?)([a-z]+)[^>]*?(\/?)>/g)) {
    if (closing === "/") assert.equal(open.pop(), name);
    else if (own !== "/") open.push(name ?? "");
  }
  assert.deepEqual(open, []);
});

test("svg: a shape that nobody could do has no panel", () => {
  const drawing = svg(run(["small", "large"], [...measured("small", "tfs", [1]), ...measured("large", "tfs", [undefined])]));
  assert.match(drawing, />small: /);
  assert.doesNotMatch(drawing, />large: /);
});
