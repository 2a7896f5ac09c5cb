import assert from "node:assert/strict";
import { test } from "node:test";
import { tagsFor } from "./machine.ts";
import { bytes, newProgress } from "./progress.ts";

function written(terminal: { readonly isTTY?: boolean; readonly columns?: number }) {
  let text = "";
  const progress = newProgress({ ...terminal, write: (more) => void (text += more) });
  return { progress, text: () => text };
}

test("elsewhere than on a terminal there is a line for each quarter that is reached", () => {
  const { progress, text } = written({});
  for (const done of [0, 10, 24, 25, 30, 80, 99, 100]) progress.at("downloading", done * 1000, 100_000);
  assert.equal(text(), ["0 %, 0 B", "25 %, 25.0 kB", "75 %, 80.0 kB", "100 %, 100.0 kB"].map((line) => `downloading: ${line} of 100.0 kB\n`).join(""));
});
test("on a terminal a bar moves, and lines begin below it", () => {
  const { progress, text } = written({ isTTY: true, columns: 68 });
  progress.at("unpacking", 0, 10);
  progress.at("unpacking", 5, 10);
  progress.say("stopped");
  assert.equal(
    text(),
    `\runpacking [${"-".repeat(20)}]   0 %  0 B of 10 B\u001b[K\runpacking [${"#".repeat(10)}${"-".repeat(10)}]  50 %  5 B of 10 B\u001b[K\nstopped\n`,
  );
});
test("a bar that is full ends its line, and the next stage begins anew", () => {
  const { progress, text } = written({ isTTY: true, columns: 20 });
  progress.at("a", 10, 10);
  progress.at("b", 0, 10);
  assert.equal(text(), "\ra 100 %  10 B of 10 B\u001b[K\n\rb   0 %  0 B of 10 B\u001b[K");
});
test("what nobody knows the size of has no bar", () => {
  const [terminal, lines] = [written({ isTTY: true, columns: 80 }), written({})];
  for (const { progress } of [terminal, lines]) for (const done of [1, 2]) progress.at("downloading", done, undefined);
  assert.deepEqual([terminal.text(), lines.text()], ["\rdownloading 1 B\u001b[K\rdownloading 2 B\u001b[K", "downloading: 1 B\n"]);
});

for (const [n, want] of [
  [999, "999 B"],
  [1000, "1.0 kB"],
  [999_949, "999.9 kB"],
  [999_950, "1.0 MB"],
  [273_829_956, "273.8 MB"],
  [999_950_000, "1.0 GB"],
] as const)
  test(`${n} bytes are ${want}`, () => assert.equal(bytes(n), want));

test("a machine takes wheels of its glibc and older ones", () => {
  assert.deepEqual(tagsFor({ platform: "linux", arch: "arm64", glibc: "2.19" }), [
    "manylinux_2_19_aarch64",
    "manylinux_2_18_aarch64",
    "manylinux_2_17_aarch64",
    "manylinux2014_aarch64",
  ]);
});
