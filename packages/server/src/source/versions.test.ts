import assert from "node:assert/strict";
import { test } from "node:test";
import { Code } from "@tfs/std";
import { latestVersion, listVersions, versionsIn } from "./index.ts";

// Section 13.9 of the behaviour spec.
const rows: { name: string; names: string[]; want: [bigint, string][] }[] = [
  { name: "what is no number is skipped", names: ["non_numerical_child", "1a", "-1", "2.denied", ""], want: [] },
  { name: "leading zeros are allowed", names: ["00000123"], want: [[123n, "/m/00000123"]] },
  {
    name: "versions come highest first",
    names: ["2", "10", "9"],
    want: [
      [10n, "/m/10"],
      [9n, "/m/9"],
      [2n, "/m/2"],
    ],
  },
  { name: "of two names for one number the last in order wins", names: ["0001", "001", "00001"], want: [[1n, "/m/001"]] },
  {
    name: "versions are 64-bit",
    names: ["20170111173521", "9223372036854775807"],
    want: [
      [2n ** 63n - 1n, "/m/9223372036854775807"],
      [20170111173521n, "/m/20170111173521"],
    ],
  },
  { name: "past 64 bits is no version", names: ["9223372036854775808"], want: [] },
  { name: "white space and a plus sign are tolerated", names: [" +7 "], want: [[7n, "/m/ +7 "]] },
  { name: "version 0 is one", names: ["0"], want: [[0n, "/m/0"]] },
];
for (const tc of rows) {
  test(tc.name, () =>
    assert.deepEqual(
      versionsIn("/m", tc.names).map((v) => [v.version, v.path]),
      tc.want,
    ),
  );
}
test("the latest is the greatest number", () => assert.equal(latestVersion(versionsIn("/m", ["9", "10"]))?.version, 10n));
test("a base path that is not there is named", async () => {
  await assert.rejects(listVersions("m", "/nowhere"), {
    code: Code.InvalidArgument,
    message: "Could not find base path /nowhere for servable m with error NOT_FOUND: /nowhere not found",
  });
});
