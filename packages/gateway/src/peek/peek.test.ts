import assert from "node:assert/strict";
import { test } from "node:test";
import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { BinaryWriter } from "@bufbuild/protobuf/wire";
import { ModelSpecSchema, MultiInferenceRequestSchema, PredictRequestSchema } from "@tfs/proto";
import { frameMessage } from "@tfs/rpc";
// biome-ignore lint/correctness/noUndeclaredDependencies: a tool of the whole repository, which the root declares
import fc from "fast-check";
import { headBytes, newPeeker, type Peeked, peek, type Shape, type Spec } from "./index.ts";

const m = (...bytes: readonly (number | string | Uint8Array)[]): Buffer =>
  Buffer.concat(bytes.map((part) => (typeof part === "number" ? Uint8Array.of(part) : Buffer.from(part as string))));
const spec = (over: Partial<Spec> = {}): Spec => ({ name: "m", signature: "", version: undefined, label: undefined, ...over });
const named = m(0x0a, 3, 0x0a, 1, "m");

const rows: readonly { readonly name: string; readonly message: Uint8Array; readonly shape?: Shape; readonly want: Peeked }[] = [
  { name: "a name", message: named, want: spec() },
  { name: "a name in front of tensors", message: m(named, 0x12, 4, "junk"), want: spec() },
  { name: "a name behind tensors", message: m(0x12, 4, "junk", 0x12, 0, named), want: spec() },
  { name: "a name behind fields of every wire type", message: m(0x10, 0x96, 1, 0x19, "8 bytes.", 0x25, "four", 0x32, 1, "x", named), want: spec() },
  { name: "a signature", message: m(0x0a, 6, 0x0a, 1, "m", 0x1a, 1, "s"), want: spec({ signature: "s" }) },
  { name: "a version", message: m(0x0a, 8, 0x0a, 1, "m", 0x12, 3, 0x08, 0x80, 1), want: spec({ version: 128n }) },
  { name: "version 0, which is there", message: m(0x0a, 5, 0x0a, 1, "m", 0x12, 0), want: spec({ version: 0n }) },
  { name: "a label", message: m(0x0a, 6, 0x0a, 1, "m", 0x22, 1, "l"), want: spec({ label: "l" }) },
  { name: "a label after a version, of which the last counts", message: m(0x0a, 10, 0x0a, 1, "m", 0x12, 2, 8, 7, 0x22, 1, "l"), want: spec({ label: "l" }) },
  { name: "a version after a label", message: m(0x0a, 10, 0x0a, 1, "m", 0x22, 1, "l", 0x12, 2, 8, 7), want: spec({ version: 7n }) },
  { name: "unknown fields beside the name", message: m(0x0a, 8, 0x38, 1, 0x42, 1, "x", 0x0a, 1, "m"), want: spec() },
  { name: "a name of two lengths of a byte", message: m(0x0a, 0x83, 0, 0x0a, 1, "m"), want: spec() },
  { name: "an empty spec", message: m(0x0a, 0), want: spec({ name: "" }) },
  { name: "no spec", message: m(0x12, 4, "junk"), want: "none" },
  { name: "nothing", message: m(), want: "none" },
  { name: "field 1 of another type", message: m(0x08, 1), want: "none" },
  { name: "a length past the message", message: m(0x0a, 9, 0x0a, 1, "m"), want: "none" },
  { name: "a name past its spec", message: m(0x0a, 3, 0x0a, 9, "m"), want: "none" },
  { name: "a field past the message", message: m(0x12, 9, "junk"), want: "none" },
  { name: "a varint without end", message: m(0x10, Buffer.alloc(11, 0xff), named), want: "none" },
  { name: "a group, which proto3 has not", message: m(0x0b, 0x0c, named), want: "none" },
  { name: "a spec behind as much as is looked at", message: m(0x12, 0x80, 0x80, 1, Buffer.alloc(headBytes), named), want: "none" },
  { name: "a task", message: m(0x0a, 8, 0x12, 1, "c", 0x0a, 3, 0x0a, 1, "m"), shape: "task", want: spec() },
  { name: "two tasks, of which the first counts", message: m(0x0a, 5, named, 0x0a, 5, 0x0a, 3, 0x0a, 1, "n"), shape: "task", want: spec() },
  { name: "a task behind the input", message: m(0x12, 4, "junk", 0x0a, 5, named), shape: "task", want: spec() },
  { name: "a task without a spec", message: m(0x0a, 3, 0x12, 1, "c"), shape: "task", want: "none" },
];
for (const tc of rows) {
  test(`peek: ${tc.name}`, () => {
    const bytes = Buffer.from(frameMessage(tc.message));
    assert.deepEqual(peek(bytes, 0, bytes.length, tc.shape ?? "spec"), tc.want);
    // In the middle of a buffer, and with another message behind it, it is the same.
    const among = Buffer.concat([Buffer.from("before"), bytes, bytes]);
    assert.deepEqual(peek(among, 6, among.length, tc.shape ?? "spec"), tc.want);
  });
}

test("peek: a compressed message says nothing", () => {
  const bytes = Buffer.from(frameMessage(named, true));
  assert.equal(peek(bytes, 0, bytes.length, "spec"), "none");
});

test("peek: of a part of a message it says the same as of the whole, or that it needs more", () => {
  for (const tc of rows) {
    const bytes = Buffer.from(frameMessage(tc.message));
    if (bytes.length > 200) continue;
    let told = false;
    for (let end = 0; end <= bytes.length; end++) {
      const found = peek(bytes, 0, end, tc.shape ?? "spec");
      if (found === "more" && !told) continue;
      told = true;
      assert.deepEqual(found, tc.want, `${tc.name}, ${end} bytes`);
    }
    assert.ok(told, tc.name);
  }
});

test("peek: what cannot be told from as much as is looked at is given up, and never asked more for", () => {
  const bytes = Buffer.from(frameMessage(m(0x12, 0x80, 0x80, 4, Buffer.alloc(1 << 16), named)));
  for (const end of [headBytes + 1, bytes.length]) assert.equal(peek(bytes, 0, end, "spec"), "none");
});

/** Any model_spec, as protobuf-es takes it. */
const specs: fc.Arbitrary<MessageInitShape<typeof ModelSpecSchema>> = fc.record({
  name: fc.string({ unit: "grapheme", maxLength: 40 }),
  signatureName: fc.string({ maxLength: 20 }),
  versionChoice: fc.oneof(
    fc.constant({ case: undefined }),
    fc.record({ case: fc.constant("version" as const), value: fc.record({ value: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }) }) }),
    fc.record({ case: fc.constant("versionLabel" as const), value: fc.string({ maxLength: 20 }) }),
  ),
});

/** shuffled writes fields, each as protobuf-es writes it, in any order: of a message's bytes any order of whole fields is the same message. */
function shuffled(fields: readonly Uint8Array[]): fc.Arbitrary<Uint8Array> {
  return fc.shuffledSubarray([...fields], { minLength: fields.length }).map((parts) => Buffer.concat(parts));
}

/** fieldsOf are a spec's fields, apart. */
function fieldsOf(init: MessageInitShape<typeof ModelSpecSchema>): Uint8Array[] {
  const whole = create(ModelSpecSchema, init);
  return [{ name: whole.name }, { signatureName: whole.signatureName }, { versionChoice: whole.versionChoice }].map((part) =>
    toBinary(ModelSpecSchema, create(ModelSpecSchema, part)),
  );
}

function field(number: number, content: Uint8Array): Uint8Array {
  return new BinaryWriter()
    .uint32((number << 3) | 2)
    .bytes(content)
    .finish();
}

/** wanted is what generated code reads. */
function wanted(bytes: Uint8Array): Peeked {
  const { name, signatureName, versionChoice } = fromBinary(ModelSpecSchema, bytes);
  return {
    name,
    signature: signatureName,
    version: versionChoice.case === "version" ? versionChoice.value.value : undefined,
    label: versionChoice.case === "versionLabel" ? versionChoice.value : undefined,
  };
}

test("peek: reads what protobuf-es reads, whatever the order of fields", () => {
  const tensors = fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 4 });
  const request = fc.record({ spec: specs, tensors }).chain(({ spec: init, tensors: list }) =>
    shuffled(fieldsOf(init)).chain((inner) =>
      fc.record({
        inner: fc.constant(inner),
        predict: shuffled([field(1, inner), ...list.map((bytes) => field(2, bytes))]),
        task: shuffled([field(1, inner), field(2, Buffer.from("method"))]).chain((task) => shuffled([field(1, task), ...list.map((bytes) => field(2, bytes))])),
      }),
    ),
  );
  fc.assert(
    fc.property(request, ({ inner, predict, task }) => {
      const want = wanted(inner);
      for (const [shape, message] of [
        ["spec", predict],
        ["task", task],
      ] as const) {
        const bytes = Buffer.from(frameMessage(message));
        assert.deepEqual(peek(bytes, 0, bytes.length, shape), want);
      }
    }),
  );
});

test("peek: whole requests of protobuf-es", () => {
  const modelSpec = { name: "resnet", signatureName: "serving_default", versionChoice: { case: "version" as const, value: { value: 3n } } };
  const want = { name: "resnet", signature: "serving_default", version: 3n, label: undefined };
  const predict = toBinary(
    PredictRequestSchema,
    create(PredictRequestSchema, { modelSpec, inputs: { x: { dtype: 1, floatVal: [1, 2, 3] } }, outputFilter: ["y"] }),
  );
  const multi = toBinary(MultiInferenceRequestSchema, create(MultiInferenceRequestSchema, { tasks: [{ modelSpec, methodName: "a/b" }, { methodName: "c" }] }));
  for (const [shape, message] of [
    ["spec", predict],
    ["task", multi],
  ] as const) {
    const bytes = Buffer.from(frameMessage(message));
    assert.deepEqual(peek(bytes, 0, bytes.length, shape), want);
  }
});

test("peek: never throws, and never looks past what came, on bytes of any kind", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), fc.nat(60), fc.constantFrom<Shape>("spec", "task"), (message, cut, shape) => {
      const bytes = Buffer.from(frameMessage(message));
      const end = Math.min(bytes.length, cut);
      const other = Buffer.concat([bytes.subarray(0, end), Buffer.alloc(70, 0x0a)]);
      assert.deepEqual(peek(bytes, 0, end, shape), peek(other, 0, end, shape));
    }),
  );
});

test("peeker: gives for every call what peek says, whatever came before it", () => {
  const made: (string | undefined)[] = [];
  const peeker = newPeeker("spec", (found) => {
    made.push(found?.name);
    return found?.name ?? "?";
  });
  const names = Array.from({ length: 2000 }, (_, i) => `model${i}`);
  const message = (name: string): Buffer => Buffer.from(frameMessage(m(0x0a, name.length + 2, 0x0a, name.length, name, 0x12, 1, "t")));
  const look = (bytes: Buffer): string | undefined => peeker.look(bytes, 0, bytes.length);
  for (const _ of [1, 2]) for (const name of names) assert.equal(look(message(name)), name);
  made.length = 0;
  for (let i = 0; i < 100; i++) assert.equal(look(message("model7")), "model7");
  assert.ok(made.length <= 1, "asked once, then remembered");
  assert.equal(look(Buffer.from(frameMessage(named, true))), "?");
  assert.equal(look(Buffer.from(frameMessage(named)).subarray(0, 7)), undefined);
  // Equal first bytes of a message that ends inside them are another message.
  const cut = Buffer.from(frameMessage(named));
  assert.equal(look(cut), "m");
  cut.writeUInt32BE(4, 1);
  assert.equal(look(cut), "?");
});
