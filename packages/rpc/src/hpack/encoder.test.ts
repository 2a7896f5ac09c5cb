import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { fieldsOf, newField, newFields } from "../fields.ts";
import { encodeField, encodeFields, encodeTableSize, newDecoder, writeField } from "./index.ts";
import { newReference } from "./testing/index.ts";

for (const { name, field, hex } of [
  { name: "a static field is its index", field: newField(":method", "POST"), hex: "83" },
  { name: "a static name is its index, the value a literal", field: newField(":path", "/a"), hex: "04022f61" },
  { name: "a static name past the prefix takes another byte", field: newField("content-type", "a"), hex: "0f100161" },
  { name: "another name is a literal", field: newField("te", "t"), hex: "000274650174" },
  { name: "a sensitive field is never indexed", field: newField("authorization", "a", true), hex: "1f080161" },
  { name: "a sensitive field is a literal even if the static table has it", field: newField(":method", "POST", true), hex: "1204504f5354" },
  { name: "an empty value that is no static field", field: newField("x", ""), hex: "00017800" },
  { name: "bytes past ASCII stay bytes", field: newField("x", "\xff"), hex: "00017801ff" },
])
  test(name, () => {
    assert.equal(Buffer.from(encodeField(field)).toString("hex"), hex);
    assert.equal(encodeField(field), encodeField(field));
  });

test("a list is encoded once", () => {
  const fields = fieldsOf([":method", "GET"], ["x", "1"]);
  assert.equal(encodeFields(fields), encodeFields(fields));
  assert.equal(Buffer.from(encodeFields(fields)).toString("hex"), "8200017801" + "31");
});

for (const { bytes, hex } of [
  { bytes: 0, hex: "20" },
  { bytes: 30, hex: "3e" },
  { bytes: 4096, hex: "3fe11f" },
])
  test(`a table of ${bytes} bytes is ${hex}`, () => assert.equal(Buffer.from(encodeTableSize(bytes)).toString("hex"), hex));

const text = fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes).toString("latin1"));
const name = fc.oneof(text, fc.constantFrom(":path", "content-type", "authorization", "x"));

test("whatever is encoded decodes to itself, by both decoders", () => {
  const pairs = fc.array(fc.tuple(name, text, fc.boolean()), { maxLength: 20 });
  fc.assert(
    fc.property(pairs, (list) => {
      const block = Buffer.from(encodeFields(newFields(list.map(([n, v, sensitive]) => newField(n, v, sensitive)))));
      assert.deepEqual(newReference(0).decode(block), list);
      const { fields } = newDecoder({ maxTableBytes: 0, maxListBytes: 1 << 20, kind: "request" }).decode(block, 0, block.length);
      assert.deepEqual(
        fields.list.map((field) => [field.name, field.value, field.sensitive]),
        list,
      );
    }),
  );
});

test("a field written in place is the same bytes as one made, and nothing else is touched", () => {
  fc.assert(
    fc.property(name, text, fc.nat(9), (n, v, offset) => {
      const target = Buffer.alloc(512, 0xee);
      const end = writeField(target, offset, n, v);
      const block = target.subarray(offset, end);
      assert.deepEqual(newReference(0).decode(block), [[n, v, false]]);
      assert.ok(target.subarray(0, offset).every((byte) => byte === 0xee) && target.subarray(end).every((byte) => byte === 0xee));
    }),
  );
});

test("no number of names makes writing in place remember without bound, or wrong", () => {
  const target = Buffer.alloc(64);
  for (let i = 0; i < 200; i++) {
    const end = writeField(target, 0, `name-${i}`, "v");
    assert.deepEqual(newReference(0).decode(target.subarray(0, end)), [[`name-${i}`, "v", false]]);
  }
});
