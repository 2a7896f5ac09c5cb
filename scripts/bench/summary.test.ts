import assert from "node:assert/strict";
import { test } from "node:test";
import { known, targets } from "../../bench/gateway/known.ts";
import type { Measurement } from "../../bench/gateway/measure.ts";
import { peers } from "../../bench/gateway/peers/index.ts";
import { shapes, takes } from "../../bench/gateway/shapes.ts";
import { judge, type Row, summarise } from "../../bench/gateway/summary.ts";
import { measured, shape } from "./run.ts";

function rows(shapeName: string, measurements: readonly Measurement[]): Map<string, Row> {
  const names = peers.map((peer) => peer.name);
  return new Map(summarise([shape(shapeName)], names, measurements)[0]?.rows.map((row) => [row.peer, row]));
}

test("ratios are of the same round, not of medians", () => {
  const found = rows("headline", [...measured("headline", "tfs", [1, 2, 4]), ...measured("headline", "envoy", [10, 30, 20])]);
  assert.deepEqual(found.get("envoy")?.ratios, { min: 5, median: 10, max: 15 });
  assert.deepEqual(found.get("envoy")?.figures, { min: 10, median: 20, max: 30 });
  assert.equal(found.get("tfs")?.ratios, undefined);
});

test("a rate is better when it is higher, so its ratio is ours by theirs", () => {
  const found = rows("inflight", [...measured("inflight", "tfs", [90_000]), ...measured("inflight", "go", [30_000])]);
  assert.deepEqual(found.get("go")?.ratios, { min: 3, median: 3, max: 3 });
});

test("latency is what a proxy adds to a call without one", () => {
  const found = rows("latency", [
    ...measured("latency", "tfs", [80, 95]),
    ...measured("latency", "envoy", [170, 185]),
    ...measured("latency", "direct", [50, 65]),
  ]);
  assert.deepEqual(found.get("tfs")?.figures, { min: 30, median: 30, max: 30 });
  assert.deepEqual(found.get("envoy")?.ratios, { min: 4, median: 4, max: 4 });
  assert.deepEqual(found.get("direct")?.figures, { min: 50, median: 57.5, max: 65 });
});

test("a round without a figure leaves the others standing, and says why", () => {
  const row = rows("headline", [...measured("headline", "tfs", [1, 1]), ...measured("headline", "go", [undefined, 7])]).get("go");
  assert.equal(row?.rounds, 1);
  assert.deepEqual(row?.ratios, { min: 7, median: 7, max: 7 });
  assert.deepEqual(row?.problems, ["does not listen"]);
});

const envoyHeadline = known["headline"]?.["envoy"] ?? 0;
const goInflight = known["inflight"]?.["go"] ?? 0;
for (const tc of [
  { name: "peers as known make a valid run", of: [measured("headline", "envoy", [envoyHeadline])], want: "valid" },
  { name: "a peer 20 % worse is still as known", of: [measured("headline", "envoy", [envoyHeadline * 1.2])], want: "valid" },
  { name: "a peer more than 20 % worse makes the run invalid", of: [measured("headline", "envoy", [envoyHeadline * 1.21])], want: "invalid" },
  { name: "one bad round of three does not", of: [measured("headline", "envoy", [1, 1, envoyHeadline * 3])], want: "valid" },
  { name: "a peer that is much better does not", of: [measured("headline", "envoy", [1])], want: "valid" },
  { name: "a rate is worse when it is lower", of: [measured("inflight", "tfs", [90_000]), measured("inflight", "go", [goInflight / 1.21])], want: "invalid" },
  { name: "a higher rate is no fault", of: [measured("inflight", "tfs", [90_000]), measured("inflight", "go", [goInflight * 2])], want: "valid" },
  { name: "a peer that gives nothing is reported, no more", of: [measured("headline", "go", [undefined])], want: "valid" },
  { name: "one failed call of ours fails the run", of: [measured("small", "tfs", [5], { failed: 1 })], want: "failed" },
  { name: "so does one in the warm-up", of: [measured("small", "tfs", [5], { warmFailed: 1 })], want: "failed" },
  { name: "ours without a figure fails the run", of: [measured("small", "tfs", [5, undefined])], want: "failed" },
  { name: "ours failing weighs more than a suspect peer", of: [measured("headline", "envoy", [1e6]), measured("small", "tfs", [undefined])], want: "failed" },
])
  test(`judge: ${tc.name}`, () => {
    const measurements = [...measured("headline", "tfs", [5, 5, 5]), ...tc.of.flat()];
    const names = peers.map((peer) => peer.name);
    assert.equal(judge(summarise(shapes, names, measurements)), tc.want);
  });

for (const tc of [
  {
    name: "our figure may be the target",
    shape: "headline",
    own: [9],
    peer: "tfs",
    other: [],
    want: [{ of: "figure", bound: "greatest", wanted: 9, met: true }],
  },
  {
    name: "our figure may not be above it",
    shape: "headline",
    own: [9.1],
    peer: "tfs",
    other: [],
    want: [{ of: "figure", bound: "greatest", wanted: 9, met: false }],
  },
  {
    name: "a ratio may be the target",
    shape: "headline",
    own: [1],
    peer: "envoy",
    other: [12],
    want: [{ of: "ratio", bound: "least", wanted: 12, met: true }],
  },
  {
    name: "a ratio may not be below it",
    shape: "headline",
    own: [1],
    peer: "envoy",
    other: [11.9],
    want: [{ of: "ratio", bound: "least", wanted: 12, met: false }],
  },
  {
    name: "a rate of ours is met from the target on",
    shape: "inflight",
    own: [80_000],
    peer: "tfs",
    other: [],
    want: [
      { of: "figure", bound: "least", wanted: 80_000, met: true },
      { of: "p99", bound: "greatest", wanted: 150_000, met: true },
    ],
  },
  { name: "nobody aims at what has no target", shape: "small", own: [1], peer: "envoy", other: [12], want: [] },
])
  test(`goal: ${tc.name}`, () => {
    const found = rows(tc.shape, [...measured(tc.shape, "tfs", tc.own), ...measured(tc.shape, "envoy", tc.other)]);
    assert.deepEqual(found.get(tc.peer)?.goals, tc.want);
  });

test("known figures and targets are of shapes and peers that are measured", () => {
  for (const [name, figures] of [...Object.entries(known), ...Object.entries(targets).map(([n, t]) => [n, t.ratios] as const)]) {
    for (const peer of Object.keys(figures)) assert.ok(peers.some((p) => p.name === peer) && takes(peer, shape(name)), `${peer} in ${name}`);
  }
});
