import assert from "node:assert/strict";
import { test } from "node:test";
import { parseBusy, parseParent, parseResident, parseSchedstat, tree } from "../../bench/gateway/cpu.ts";

test("parseSchedstat: the first number is the time run", () => assert.equal(parseSchedstat("526365123 39284 17\n"), 526_365_123));
for (const text of ["", "12 34", "a b c", "1.5 2 3"])
  test(`parseSchedstat: ${JSON.stringify(text)} is refused`, () => assert.throws(() => parseSchedstat(text), /no schedstat/));

for (const tc of [
  { name: "the parent is the second field after the name", stat: "42 (nginx) S 7 42 42 0", want: 7 },
  { name: "a name may hold spaces and brackets", stat: "42 (a) S 9 (b) R 7 42 42 0", want: 7 },
])
  test(`parseParent: ${tc.name}`, () => assert.equal(parseParent(tc.stat), tc.want));
test("parseParent: what is no stat is refused", () => assert.throws(() => parseParent("42"), /no stat/));

test("parseResident: kilobytes become bytes", () =>
  assert.equal(parseResident("Name:\tnode\nVmPeak:\t   99 kB\nVmRSS:\t   51200 kB\nRssAnon:\t 1 kB\n"), 52_428_800));
test("parseResident: a process without memory has none", () => assert.equal(parseResident("Name:\tkthreadd\n"), 0));

const stat = "cpu  9 9 9 9 9 9 9 9 0 0\ncpu0 1 2 4 1000 1000 8 16 32 500 500\ncpu1 100 0 0 7 7 0 0 0 0 0\ncpu10 5 0 0 7 7 0 0 0 0 0\nintr 1\n";
for (const tc of [
  { name: "idle, waiting for disks and guests do not count", cores: [0], want: 63e7 },
  { name: "cores add up", cores: [0, 1], want: 163e7 },
  { name: "core 1 is not core 10", cores: [1], want: 100e7 },
  { name: "no cores were never busy", cores: [], want: 0 },
])
  test(`parseBusy: ${tc.name}`, () => assert.equal(parseBusy(stat, tc.cores), tc.want));
test("parseBusy: a core that is not there is refused", () => assert.throws(() => parseBusy(stat, [2]), /no core 2/));

test("tree: children of children belong to it, others do not", () => {
  const parents = new Map([
    [2, 1],
    [30, 20],
    [20, 10],
    [21, 10],
    [10, 2],
    [40, 4],
  ]);
  assert.deepEqual(tree(10, parents), [10, 20, 21, 30]);
});
