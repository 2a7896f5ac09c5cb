import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { type MemoryOptions, newMemory } from "./memory.ts";

const dir = mkdtempSync(join(tmpdir(), "tfs-memory-"));
after(() => rmSync(dir, { recursive: true }));
let files = 0;
const newPath = (): string => join(dir, String(files++), "engines.json");

function memoryOf(path: string, more: Partial<MemoryOptions> = {}): { readonly memory: ReturnType<typeof newMemory>; readonly said: string[] } {
  const said: string[] = [];
  return { memory: newMemory({ path, onTrouble: (text) => void said.push(text), ...more }), said };
}
const chosen = { engine: "openvino", why: "the quickest" } as const;

test("memory: what was put is there for the next one, and nothing else lies beside it", async () => {
  const path = newPath();
  const { memory, said } = memoryOf(path);
  assert.equal(await memory.get("k"), undefined);
  await memory.put("k", chosen);
  assert.deepEqual(await memoryOf(path).memory.get("k"), chosen);
  assert.equal(await memory.get("other"), undefined);
  assert.deepEqual([said, readdirSync(dirname(path))], [[], ["engines.json"]]);
});
test("memory: what is put again takes the place of what was there", async () => {
  const { memory } = memoryOf(newPath());
  await memory.put("k", chosen);
  await memory.put("k", { engine: "tensorflow", why: "now" });
  assert.deepEqual(await memory.get("k"), { engine: "tensorflow", why: "now" });
});
test("memory: the oldest make room", async () => {
  const { memory } = memoryOf(newPath(), { entriesMax: 2 });
  for (const key of ["a", "b", "c"]) await memory.put(key, chosen);
  assert.deepEqual([await memory.get("a"), await memory.get("b"), await memory.get("c")], [undefined, chosen, chosen]);
});
test("memory: many at a time are all kept", async () => {
  const path = newPath();
  const { memory } = memoryOf(path);
  await Promise.all(Array.from({ length: 20 }, (_, i) => memory.put(`k${i}`, chosen)));
  assert.equal((JSON.parse(readFileSync(path, "utf8")) as { readonly entries: unknown[] }).entries.length, 20);
});

const foreign: readonly { readonly name: string; readonly text: string; readonly says: RegExp }[] = [
  {
    name: "a file that is cut short",
    text: '{"format":"tfs-engine-choices-1","entries":[["k",{"eng',
    says: /what was chosen before is not known: .*engines\.json: /,
  },
  { name: "an empty file", text: "", says: /is not known/ },
  { name: "another's JSON", text: '{"hello":1}', says: /it is not a list of chosen engines/ },
  { name: "null", text: "null", says: /it is not a list of chosen engines/ },
  { name: "entries that are none", text: '{"format":"tfs-engine-choices-1","entries":[["k"]]}', says: /an entry is not a chosen engine/ },
  { name: "entries of numbers", text: '{"format":"tfs-engine-choices-1","entries":[1]}', says: /an entry is not a chosen engine/ },
  { name: "engines that there are not", text: '{"format":"tfs-engine-choices-1","entries":[["k",{"engine":"toString","why":""}]]}', says: /an entry is not/ },
  { name: "a file that is too great", text: " ".repeat((1 << 20) + 1), says: /it has 1048577 bytes, more than 1048576/ },
];
for (const { name, text, says } of foreign) {
  test(`memory: ${name} is ignored with one line, and written anew`, async () => {
    const path = newPath();
    mkdirSync(dirname(path));
    writeFileSync(path, text);
    const { memory, said } = memoryOf(path);
    assert.equal(await memory.get("k"), undefined);
    assert.equal(await memory.get("k"), undefined);
    assert.equal(said.length, 1);
    assert.match(said[0]!, says);
    await memory.put("k", chosen);
    assert.deepEqual(await memory.get("k"), chosen);
  });
}
test("memory: a folder that cannot be is told once, and nothing fails", async () => {
  const path = join(newPath(), "x");
  mkdirSync(dirname(dirname(path)));
  writeFileSync(dirname(path), "a file in the way");
  const { memory, said } = memoryOf(path);
  await memory.put("k", chosen);
  await memory.put("k", chosen);
  assert.equal(await memory.get("k"), undefined);
  assert.equal(said.length, 1);
});
