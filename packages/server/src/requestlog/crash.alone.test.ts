// A server that is killed while it writes its request log, one small file after the other.
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { fromMessage } from "@tfs/tensor";
import { crashed, launch, logConfig, logFiles, scratch } from "../testing/index.ts";

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

const noProc = !existsSync("/proc/self/fd") && "needs Linux's /proc";
for (const folder of ["/proc/tfs/deep", "/dev/fd"])
  test(`a log where no folder can be made (${folder}) is lost, and nothing else`, { skip: noProc, timeout: 60_000 }, async () => {
    await using server = await launch([`--model_config_file=${logConfig(dir.path, folder)}`]);
    for (let i = 0; i < 3; i++) {
      const response = await fetch(`${server.rest}/v1/models/m:predict`, { method: "POST", body: `{"instances":[${i}]}` });
      assert.deepEqual(await response.json(), { predictions: [i / 2 + 3] });
    }
    await server.logged("records are lost until writing succeeds", "ENOENT");
    const lost = /^tfs_request_log_lost_total\{[^}]*write failed[^}]*\} (\d+)$/m;
    for (;;) {
      const page = await (await fetch(`${server.rest}/metrics`)).text();
      if (lost.exec(page)?.[1] === "3") break;
    }
    assert.equal(await server.stop(), 0);
  });

test("a disk that takes nothing at all keeps the logs that are there", async () => {
  const folder = join(dir.path, "none");
  const config = logConfig(dir.path, folder);
  mkdirSync(folder);
  const old = ["m-20260101T000000.000Z-000001.tfrecord", "m-20260101T000000.000Z-000002.tfrecord"];
  for (const name of old) writeFileSync(join(folder, name), "");
  await using server = await launch([`--model_config_file=${config}`, "--request_log_files=3"], undefined, 'trap "" XFSZ; ulimit -f 0');
  for (let i = 0; i < 10; i++) {
    await fetch(`${server.rest}/v1/models/m:predict`, { method: "POST", body: `{"instances":[${i}]}` }).then((r) => r.arrayBuffer());
  }
  assert.equal(await server.stop(), 0);
  assert.deepEqual(readdirSync(folder).sort(), old);
});
test("a disk that takes no more in the middle of a record leaves files of whole records, and the server answers on", async () => {
  const folder = join(dir.path, "full");
  const config = logConfig(dir.path, folder);
  // No file may pass 2 × 512 bytes, and a write that would stops there: as of a disk that is full.
  await using server = await launch([`--model_config_file=${config}`], undefined, 'trap "" XFSZ; ulimit -f 2');
  const count = 50;
  for (let i = 0; i < count; i++) {
    const response = await fetch(`${server.rest}/v1/models/m:predict`, { method: "POST", body: `{"instances":[${i}]}` });
    assert.equal(response.status, 200);
    await response.arrayBuffer();
  }
  assert.equal(await server.stop(), 0);
  assert.equal(
    server.lines.some((line) => line.includes("records are lost until writing succeeds")),
    true,
  );
  const files = await logFiles(folder);
  assert.ok(files.length > 3, `${files.length} files`);
  assert.deepEqual(
    files.flatMap(({ name, logs, failure }) => (failure === undefined && logs.length > 0 ? [] : [name])),
    [],
    "files that are torn or empty",
  );
  const logs = files.flatMap((file) => file.logs);
  assert.ok(logs.length < count, `${logs.length} records: none was lost`); // how many depends on how many come together in a write that fails
});
