import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { SavedModelSchema } from "@tfs/proto";
import { decodeSavedModel } from "./decode.ts";

const models = fileURLToPath(new URL("../../../testdata/models/", import.meta.url));
const bytesOf = (model: MessageInitShape<typeof SavedModelSchema>): Uint8Array => toBinary(SavedModelSchema, create(SavedModelSchema, model));
const withNode = (name: string): Uint8Array => bytesOf({ metaGraphs: [{ graphDef: { node: [{ name }] } }] });
/** message gives a field of length-delimited bytes; lengths stay below 128. */
const message = (number: number, bytes: Uint8Array): Uint8Array => Uint8Array.of((number << 3) | 2, bytes.length, ...bytes);
const body = (bytes: Uint8Array, depth: number): Uint8Array => (depth === 0 ? bytes : body(bytes.subarray(2), depth - 1));

for (const file of globSync("*/*/saved_model.pb", { cwd: models }))
  test(`${file} is what protobuf-es makes of it`, async () => {
    const bytes = new Uint8Array(readFileSync(models + file));
    assert.deepEqual((await decodeSavedModel(bytes)).proto, fromBinary(SavedModelSchema, bytes));
  });

const graphTwice = message(2, Uint8Array.of(...body(withNode("a"), 1), ...body(withNode("b"), 1)));
const cases: { readonly name: string; readonly bytes: Uint8Array }[] = [
  { name: "nothing", bytes: new Uint8Array() },
  { name: "no graph", bytes: bytesOf({ savedModelSchemaVersion: 1n, metaGraphs: [{ metaInfoDef: { tags: ["serve"] } }, {}] }) },
  { name: "a graph in two parts, which are merged", bytes: graphTwice },
  { name: "fields that nobody knows, between those that are known", bytes: Uint8Array.of(...withNode("a"), 0xf8, 0x7f, 7, ...withNode("b")) },
  { name: "functions, their nodes and the rest of them", bytes: bytesOf({ metaGraphs: [{ graphDef: library() }] }) },
];
function library(): MessageInitShape<typeof SavedModelSchema>["metaGraphs"] extends undefined ? never : object {
  return {
    library: {
      function: [{ signature: { name: "f" }, nodeDef: [{ name: "n", op: "Neg", input: ["a"] }], ret: { r: "n:y:0" } }],
      gradient: [{ functionName: "f" }],
    },
  };
}
for (const { name, bytes } of cases)
  test(`decoded as protobuf-es does: ${name}`, async () => {
    assert.deepEqual((await decodeSavedModel(bytes)).proto, fromBinary(SavedModelSchema, bytes));
  });

test("what is cut off anywhere is refused, or is what protobuf-es makes of it", async () => {
  const whole = bytesOf({ metaGraphs: [{ metaInfoDef: { tags: ["serve"] }, graphDef: { node: [{ name: "a", op: "Neg", input: ["b"] }], ...library() } }] });
  let refused = 0;
  for (let end = 0; end < whole.length; end++) {
    const bytes = whole.subarray(0, end);
    let want: unknown;
    try {
      want = fromBinary(SavedModelSchema, bytes);
    } catch {
      refused++;
      await assert.rejects(decodeSavedModel(bytes), `cut at ${end}`);
      continue;
    }
    assert.deepEqual((await decodeSavedModel(bytes)).proto, want, `cut at ${end}`);
  }
  assert.ok(refused > whole.length / 2);
});

test("others have their turns while a graph of many nodes is read", async () => {
  const node = Array.from({ length: 60_000 }, (_, i) => ({ name: `n${i}`, op: "Neg", input: [`n${i - 1}`] }));
  const bytes = bytesOf({ metaGraphs: [{ graphDef: { node } }] });
  let turns = 0;
  let reading = true;
  const tick = (): void => {
    turns++;
    if (reading) setImmediate(tick);
  };
  setImmediate(tick);
  const { proto: model } = await decodeSavedModel(bytes);
  reading = false;
  assert.equal(model.metaGraphs[0]!.graphDef!.node.length, node.length);
  assert.ok(turns > 2, `${turns} turns`);
});
