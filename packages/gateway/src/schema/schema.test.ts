import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { Code, isFailure } from "@tfs/std";
import { newSchema, parseDescriptorSet, readDescriptorSet } from "./index.ts";

type Files = NonNullable<MessageInitShape<typeof FileDescriptorSetSchema>["file"]>;

/** set writes descriptors down as buf and protoc do. */
const set = (...file: Files): Uint8Array => toBinary(FileDescriptorSetSchema, create(FileDescriptorSetSchema, { file }));

const stringType = 9;
const messageType = 11;
const optional = 1;
const base: Files[number] = {
  name: "shop/base.proto",
  package: "shop",
  syntax: "proto3",
  messageType: [{ name: "Thing", field: [{ name: "name", jsonName: "name", number: 1, type: stringType, label: optional }] }],
};
const shop: Files[number] = {
  name: "shop/shop.proto",
  package: "shop",
  syntax: "proto3",
  dependency: ["shop/base.proto", "google/protobuf/any.proto"],
  messageType: [
    {
      name: "Order",
      field: [
        { name: "a_thing", jsonName: "aThing", number: 1, type: messageType, label: optional, typeName: ".shop.Thing" },
        { name: "more", jsonName: "more", number: 2, type: messageType, label: optional, typeName: ".google.protobuf.Any" },
      ],
    },
  ],
  service: [
    {
      name: "Shop",
      method: [
        { name: "Look", inputType: ".shop.Order", outputType: ".shop.Order", options: { idempotencyLevel: 1 } },
        { name: "Buy", inputType: ".shop.Order", outputType: ".shop.Order", options: { idempotencyLevel: 2 } },
        { name: "Watch", inputType: ".shop.Order", outputType: ".shop.Order", serverStreaming: true },
        { name: "Fill", inputType: ".shop.Order", outputType: ".shop.Order", clientStreaming: true },
        { name: "Talk", inputType: ".shop.Order", outputType: ".shop.Order", clientStreaming: true, serverStreaming: true },
      ],
    },
  ],
};
const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
const schema = newSchema([parseDescriptorSet(set(shop, base), "shop.binpb")]);
const look = schema.method("/shop.Shop/Look")!;

for (const [name, kind, idempotent] of [
  ["Look", "unary", true],
  ["Buy", "unary", false], // IDEMPOTENT still has effects: only NO_SIDE_EFFECTS may be asked for by GET
  ["Watch", "server_streaming", false],
  ["Fill", "client_streaming", false],
  ["Talk", "bidi_streaming", false],
] as const) {
  test(`schema: ${name} is ${kind}`, () => {
    const method = schema.method(`/shop.Shop/${name}`)!;
    assert.deepEqual([method.path, method.kind, method.idempotent], [`/shop.Shop/${name}`, kind, idempotent]);
  });
}
for (const path of ["/shop.Shop/look", "/shop.Shop/", "/shop.Shop", "shop.Shop/Look", "/shop.Shop/Look/", "/__proto__", ""]) {
  test(`schema: ${JSON.stringify(path)} is no method`, () => assert.equal(schema.method(path), undefined));
}
test("schema: what we ship is there without being told", () => {
  const method = newSchema().method("/tensorflow.serving.PredictionService/Predict");
  assert.deepEqual([method?.kind, method?.idempotent], ["unary", false]);
  assert.deepEqual(newSchema().descriptors.services(), [
    "tensorflow.serving.ModelService",
    "tensorflow.serving.PredictionService",
    "tensorflow.serving.SessionService",
    "tfs.serving.v1.ServingService",
  ]);
});

/** Thing of name "x", and an Order of it. */
const thing = Buffer.of(0x0a, 1, 0x78);
const order = Buffer.concat([Buffer.of(0x0a, 3), thing]);
/** An Order whose `more` is an Any of type `name`. */
function orderWith(name: string, value: Uint8Array): Buffer {
  const url = Buffer.from(`type.googleapis.com/${name}`);
  const any = Buffer.concat([Buffer.of(0x0a, url.length), url, Buffer.of(0x12, value.length), value]);
  return Buffer.concat([Buffer.of(0x12, any.length), any]);
}

const requests = [
  { name: "names as JSON has them", json: '{"aThing":{"name":"x"}}', want: order },
  { name: "names as the .proto file has them", json: '{"a_thing":{"name":"x"}}', want: order },
  { name: "fields that nobody knows are left out", json: '{"aThing":{"name":"x","size":3},"__proto__":{"name":"y"}}', want: order },
  { name: "an Any of the set's own type", json: '{"more":{"@type":"type.googleapis.com/shop.Thing","name":"x"}}', want: orderWith("shop.Thing", thing) },
  {
    name: "an Any of a type that we ship",
    json: '{"more":{"@type":"type.googleapis.com/tensorflow.serving.ModelSpec","name":"x"}}',
    want: orderWith("tensorflow.serving.ModelSpec", thing),
  },
  { name: "nothing", json: "{}", want: Buffer.alloc(0) },
];
for (const tc of requests) {
  test(`schema: a request with ${tc.name}`, () => assert.deepEqual(Buffer.from(look.requestFromJson(utf8(tc.json))), tc.want));
}

const refused = [
  { name: "nothing at all", json: utf8("") },
  { name: "JSON that is none", json: utf8("{") },
  { name: "a list", json: utf8("[]") },
  { name: "a field of another type", json: utf8('{"aThing":{"name":1}}'), says: /shop\.Thing\.name|name/ },
  { name: "an Any whose type nobody knows", json: utf8('{"more":{"@type":"type.googleapis.com/a.B"}}'), says: /a\.B/ },
  { name: "bytes that are not UTF-8", json: Uint8Array.of(0x22, 0xff, 0x22) },
  { name: "nesting without an end", json: utf8('{"aThing":'.repeat(100_000)) },
];
for (const tc of refused) {
  test(`schema: ${tc.name} is no request`, () => {
    assert.throws(
      () => look.requestFromJson(tc.json),
      (err) =>
        isFailure(err) && err.code === Code.InvalidArgument && err.message.startsWith("the request is no shop.Order: ") && (tc.says?.test(err.message) ?? true),
    );
  });
}

test("schema: an answer becomes JSON, as its file names the fields", () => {
  assert.deepEqual(JSON.parse(new TextDecoder().decode(look.responseToJson(order))), { aThing: { name: "x" } });
});
for (const [name, message] of [
  ["bytes that are no message", Buffer.of(0x0a, 9)],
  ["an Any whose type nobody knows", orderWith("a.B", thing)],
] as const) {
  test(`schema: an answer of ${name} is Internal`, () =>
    assert.throws(() => look.responseToJson(message), { code: Code.Internal, message: /^the answer is no shop\.Order/ }));
}

test("schema: of two sets with the same service the first counts, and each reads its own types", () => {
  const other: Files[number] = {
    ...base,
    messageType: [{ name: "Thing", field: [{ name: "title", jsonName: "title", number: 1, type: stringType, label: optional }] }],
  };
  const both = newSchema([parseDescriptorSet(set(other, shop), "a"), parseDescriptorSet(set(base, shop), "b")]);
  assert.deepEqual(Buffer.from(both.method("/shop.Shop/Look")!.requestFromJson(utf8('{"aThing":{"title":"x"}}'))), order);
});

const broken = [
  { name: "no descriptors", bytes: utf8("hello"), says: /^descriptor set x: / },
  { name: "an empty set", bytes: new Uint8Array(0), says: /it names no files/ },
  { name: "an import that is missing", bytes: set(shop), says: /shop\/shop\.proto imports shop\/base\.proto, which is not in the set/ },
  {
    name: "files that import each other",
    bytes: set({ name: "a", dependency: ["b"], syntax: "proto3" }, { name: "b", dependency: ["a"], syntax: "proto3" }),
    says: /imports itself, by way of others/,
  },
  {
    name: "a type that is missing",
    bytes: set({ ...base, messageType: [{ name: "Thing", field: [{ name: "x", number: 1, type: messageType, label: optional, typeName: ".shop.Nothing" }] }] }),
    says: /shop\.Nothing/,
  },
];
for (const tc of broken) {
  test(`schema: a set with ${tc.name} is refused`, () => {
    assert.throws(
      () => parseDescriptorSet(tc.bytes, "x"),
      (err) => isFailure(err) && err.code === Code.InvalidArgument && tc.says.test(err.message),
    );
  });
}
test("schema: sets put behind one another share their imports", () => {
  const bytes = Buffer.concat([set(base, shop), set(base)]);
  assert.deepEqual([...parseDescriptorSet(bytes, "x").files.keys()].sort(), ["google/protobuf/any.proto", "shop/base.proto", "shop/shop.proto"]);
});

test("schema: a set is read from a file; one that is not there is NotFound", () => {
  const dir = mkdtempSync(join(tmpdir(), "tfs-schema-"));
  try {
    writeFileSync(join(dir, "shop.binpb"), set(shop, base));
    assert.equal(readDescriptorSet(join(dir, "shop.binpb")).files.size, 3);
    assert.throws(() => readDescriptorSet(join(dir, "none.binpb")), { code: Code.NotFound, message: /none\.binpb/ });
  } finally {
    rmSync(dir, { recursive: true });
  }
});
test("schema: what buf writes is read", () => {
  const file = fileURLToPath(new URL("../../testdata/conformance/connectrpc.binpb", import.meta.url));
  const method = newSchema([readDescriptorSet(file)]).method("/connectrpc.conformance.v1.ConformanceService/IdempotentUnary");
  assert.deepEqual([method?.kind, method?.idempotent], ["unary", true]);
});
