import assert from "node:assert/strict";
import { test } from "node:test";
import { latestOnly, type VersionPolicy } from "../config/index.ts";
import { select, versionsIn } from "./versions.ts";

const rows: { name: string; names: string[]; want: [bigint, string][] }[] = [
  { name: "what is no number is skipped", names: ["non_numerical_child", "1a", "-1", "2.denied", ""], want: [] },
  { name: "leading zeros are allowed", names: ["00000123"], want: [[123n, "00000123"]] },
  {
    name: "versions come highest first",
    names: ["2", "10", "9"],
    want: [
      [10n, "10"],
      [9n, "9"],
      [2n, "2"],
    ],
  },
  { name: "of two names for one number the last in order wins", names: ["0001", "001", "00001"], want: [[1n, "001"]] },
  {
    name: "versions are 64-bit",
    names: ["20170111173521", "9223372036854775807"],
    want: [
      [2n ** 63n - 1n, "9223372036854775807"],
      [20170111173521n, "20170111173521"],
    ],
  },
  { name: "past 64 bits is no version", names: ["9223372036854775808"], want: [] },
  { name: "white space and a plus sign are tolerated", names: [" +7 "], want: [[7n, " +7 "]] },
  { name: "version 0 is one", names: ["0"], want: [[0n, "0"]] },
];
for (const tc of rows) {
  test(tc.name, () =>
    assert.deepEqual(
      versionsIn(tc.names).versions.map((v) => [v.version, v.name]),
      tc.want,
    ),
  );
}
test("each name that loses is told", () => {
  assert.deepEqual(versionsIn(["0001", "001", "00001", "2"]).warnings, [
    "Duplicate version directories detected. Version 1 will be loaded from 0001, 00001 will be ignored.",
    "Duplicate version directories detected. Version 1 will be loaded from 001, 0001 will be ignored.",
  ]);
});

const none = "No versions of servable m found under base path /m. Did you forget to name your leaf directory as a number (eg. '/1/')?";
const missing = (version: number) =>
  `Version ${version} of servable m, which was requested to be served as a 'specific' version in the servable's configuration, was not found in the file system under /m`;
const policies: { name: string; policy: VersionPolicy; names?: string[]; want: bigint[]; warnings?: string[] }[] = [
  { name: "no policy is the greatest only", policy: latestOnly, want: [42n] },
  { name: "latest 3 is the three greatest, descending", policy: { kind: "latest", count: 3 }, want: [42n, 33n, 30n] },
  { name: "latest may want more than there are", policy: { kind: "latest", count: 9 }, want: [42n, 33n, 30n, 21n, 17n] },
  { name: "all is all", policy: { kind: "all" }, want: [42n, 33n, 30n, 21n, 17n] },
  { name: "specific is those listed", policy: { kind: "specific", versions: [17n, 30n] }, want: [30n, 17n] },
  { name: "specific finds another way to write the number", policy: { kind: "specific", versions: [1n] }, names: ["00001"], want: [1n] },
  { name: "a specific version that is missing is told", policy: { kind: "specific", versions: [17n, 18n] }, want: [17n], warnings: [missing(18)] },
  { name: "no specific version that is there", policy: { kind: "specific", versions: [18n] }, want: [], warnings: [missing(18), none] },
  { name: "an empty list wants nothing", policy: { kind: "specific", versions: [] }, want: [], warnings: ["No specific versions requested for servable m."] },
  { name: "nothing found is told", policy: latestOnly, names: ["non_numerical_child"], want: [], warnings: [none] },
];
for (const tc of policies) {
  test(tc.name, () => {
    const { versions, warnings } = select("m", "/m", tc.policy, versionsIn(tc.names ?? ["17", "21", "30", "33", "42"]).versions);
    assert.deepEqual([versions.map((v) => v.version), warnings], [tc.want, tc.warnings ?? []]);
  });
}
