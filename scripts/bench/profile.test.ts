import assert from "node:assert/strict";
import { test } from "node:test";
import { byRoom, type Profile } from "../../bench/server/profile.ts";

const frames: readonly (readonly [name: string, url: string, children?: readonly number[]])[] = [
  ["(root)", "", [1, 2, 3, 4]],
  ["(idle)", ""],
  ["(program)", ""],
  ["(garbage collector)", ""],
  ["run", "file:///r/packages/server/dist/meter/meter.js", [5, 6]],
  ["now", "", [7]],
  ["toBinary", "file:///r/node_modules/@bufbuild/protobuf/dist/esm/to-binary.js"],
  ["at", ""],
  ["main", "file:///r/packages/std/dist/ctx.js"],
  ["emit", "node:events"],
];
const nodes: Profile["nodes"] = frames.map(([functionName, url, children = []], id) => ({ id, callFrame: { functionName, url }, children }));

test("a profile is summed up by rooms: what has no file counts where it was called, idle time nowhere", () => {
  const samples = [4, 1, 5, 7, 6, 8, 9, 2, 3, 1];
  const shares = byRoom({ nodes, samples, timeDeltas: samples.map(() => 1000) }, { root: "/r", lastMs: 100 });
  assert.deepEqual(Object.fromEntries([...shares].map(([room, share]) => [room, Math.round(share * 8)])), {
    "the collector": 1,
    "outside JavaScript": 1,
    Node: 1,
    std: 1,
    "npm: @bufbuild/protobuf": 1,
    "server/meter": 3,
  });
});

test("of a profile only the end is looked at", () => {
  const profile = { nodes, samples: [4, 4, 8, 1, 8], timeDeltas: [1000, 1000, 1000, 1000, 1000] };
  assert.deepEqual([...byRoom(profile, { root: "/r", lastMs: 2 })], [["std", 1]]);
});
