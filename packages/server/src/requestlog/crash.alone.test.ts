// A server that is killed while it writes its request log, one small file after the other.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { fromMessage } from "@tfs/tensor";
import { crashed, logFiles, scratch } from "../testing/index.ts";

const dir = scratch();
after(() => dir[Symbol.dispose]());

for (const files of [2, 7, 12, 23, 40]) {
  test(`a server that is killed at its ${files}th file loses no record that was written, and none between two others`, async () => {
    const { folder, seen, asked } = await crashed(dir.path, files);
    const left = await logFiles(folder);
    const xs = left.flatMap(({ logs }) =>
      logs.map(({ logType }) => (logType.case === "predictLog" ? (fromMessage(logType.value.request!.inputs["x"]!).data as Float32Array)[0] : logType.case)),
    );
    assert.deepEqual(
      xs,
      xs.map((_, i) => i),
      "requests came one after the other, and so they are in the log",
    );
    assert.ok(
      left.length >= files && seen > 0 && xs.length >= seen && xs.length <= asked,
      `${xs.length} records in ${left.length} files, ${seen} were seen, ${asked} asked`,
    );
    for (const { name, failure } of left.slice(0, -1)) assert.equal(failure, undefined, `${name} is not the last file`);
  });
}
