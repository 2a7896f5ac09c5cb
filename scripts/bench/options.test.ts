import assert from "node:assert/strict";
import { test } from "node:test";
import { main } from "../../bench/gateway/main.ts";
import { parseOptions, usage } from "../../bench/gateway/options.ts";
import { peers } from "../../bench/gateway/peers/index.ts";
import { shapes } from "../../bench/gateway/shapes.ts";

const allShapes = shapes.map((s) => s.name);
const allPeers = peers.map((p) => p.name);
for (const tc of [
  {
    name: "without arguments everything is measured and published",
    args: [],
    want: { shapes: allShapes, peers: allPeers, rounds: 3, seconds: 2.5, name: "gateway", quick: false },
  },
  {
    name: "a quick run has fewer shapes, short windows, and rounds enough",
    args: ["--quick"],
    want: { shapes: shapes.filter((s) => s.quick).map((s) => s.name), rounds: 3, seconds: 1, name: "gateway-quick" },
  },
  { name: "a chosen shape makes a run that is not published", args: ["--shape", "large"], want: { shapes: ["large"], peers: allPeers, name: undefined } },
  { name: "so do chosen peers", args: ["--peers", "tfs,haproxy"], want: { shapes: allShapes, peers: ["tfs", "haproxy"], name: undefined } },
  { name: "a name publishes what was chosen", args: ["--shape=large", "--name=large-bodies"], want: { shapes: ["large"], name: "large-bodies" } },
  {
    name: "shapes may be repeated or joined, and keep their order",
    args: ["--shape=small,headline", "--shape=large"],
    want: { shapes: ["headline", "small", "large"] },
  },
  { name: "numbers are taken", args: ["--rounds=5", "--seconds=0.5", "--json"], want: { rounds: 5, seconds: 0.5, json: true } },
  { name: "numbers win over --quick", args: ["--quick", "--rounds=1"], want: { rounds: 1, seconds: 1 } },
])
  test(`parseOptions: ${tc.name}`, () => assert.partialDeepStrictEqual(parseOptions(tc.args), tc.want));

for (const tc of [
  { args: ["--shape=big"], want: /no shape big; there are headline/ },
  { args: ["--peers=tfs,apache"], want: /no peer apache; there are tfs/ },
  { args: ["--rounds=1.5"], want: /--rounds=1.5/ },
  { args: ["--rounds=0"], want: /--rounds=0/ },
  { args: ["--seconds=soon"], want: /--seconds=soon/ },
  { args: ["--name=../x"], want: /--name=..\/x/ },
  { args: ["--fast"], want: /--fast/ },
  { args: ["small"], want: /small/ },
])
  test(`parseOptions: ${tc.args.join(" ")} is refused by name`, () => assert.throws(() => parseOptions(tc.args), tc.want));

test("usage names every shape and peer", () => {
  for (const name of [...allShapes, ...allPeers]) assert.ok(usage().includes(`  ${name} `), name);
});

test("the harness has one door, and coming in starts nothing", () => assert.equal(typeof main, "function"));
