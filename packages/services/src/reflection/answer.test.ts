import assert from "node:assert/strict";
import { test } from "node:test";
import { create, createFileRegistry, fromBinary, type MessageInitShape } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { type ServerReflectionRequest, ServerReflectionRequestSchema, type ServerReflectionResponse } from "@tfs/proto/gen/grpc/reflection/v1/reflection_pb.js";
import { newDescriptors, shippedFiles, standardServices } from "../descriptors/index.ts";
import { newAnswerer } from "./answer.ts";

type Asked = NonNullable<MessageInitShape<typeof ServerReflectionRequestSchema>["messageRequest"]>;

function ask(messageRequest: Asked | undefined): ServerReflectionRequest {
  return create(ServerReflectionRequestSchema, messageRequest === undefined ? { host: "h:1" } : { host: "h:1", messageRequest });
}

/** A file of proto2 with extensions, and one that it imports, as somebody's --descriptor_set. */
const linked = createFileRegistry(
  create(FileDescriptorSetSchema, {
    file: [
      { name: "x/base.proto", package: "x", syntax: "proto2", messageType: [{ name: "Base", extensionRange: [{ start: 100, end: 200 }] }, { name: "Bare" }] },
      {
        name: "x/more.proto",
        package: "x",
        syntax: "proto2",
        dependency: ["x/base.proto"],
        extension: [110, 105].map((number) => ({ name: `e${number}`, number, extendee: ".x.Base", type: 5, label: 1 })),
        service: [{ name: "Extra", method: [{ name: "Do", inputType: ".x.Base", outputType: ".x.Bare" }] }],
      },
    ],
  }),
);
const extended = { files: new Map([...linked.files].map((file) => [file.proto.name, file])) };
const descriptors = newDescriptors([extended, standardServices, { files: shippedFiles() }]);
const answerer = newAnswerer({ descriptors });

function answer(messageRequest: Asked | undefined, had: Set<string> = new Set()): ServerReflectionResponse {
  return answerer.answer(ask(messageRequest), had);
}

function filesIn({ messageResponse }: ServerReflectionResponse): string[] {
  assert.equal(messageResponse.case, "fileDescriptorResponse");
  return messageResponse.value.fileDescriptorProto.map((bytes) => fromBinary(FileDescriptorProtoSchema, bytes).name);
}

test("reflection: the services are those of all descriptor sets, ours and our own", () => {
  const { messageResponse, validHost } = answer({ case: "listServices", value: "" });
  assert.equal(validHost, "h:1");
  assert.equal(messageResponse.case, "listServicesResponse");
  assert.deepEqual(
    messageResponse.value.service.map(({ name }) => name),
    [
      "grpc.health.v1.Health",
      "grpc.reflection.v1.ServerReflection",
      "grpc.reflection.v1alpha.ServerReflection",
      "tensorflow.serving.ModelService",
      "tensorflow.serving.PredictionService",
      "tensorflow.serving.SessionService",
      "tfs.serving.v1.ServingService",
      "x.Extra",
    ],
  );
});

const files: readonly { readonly name: string; readonly asked: Asked; readonly want: readonly string[] }[] = [
  { name: "a file by its name", asked: { case: "fileByFilename", value: "x/base.proto" }, want: ["x/base.proto"] },
  { name: "a file comes before what it imports", asked: { case: "fileByFilename", value: "x/more.proto" }, want: ["x/more.proto", "x/base.proto"] },
  { name: "the file of a service", asked: { case: "fileContainingSymbol", value: "grpc.health.v1.Health" }, want: ["grpc/health/v1/health.proto"] },
  { name: "the file of a method", asked: { case: "fileContainingSymbol", value: "x.Extra.Do" }, want: ["x/more.proto", "x/base.proto"] },
  {
    name: "the file of an enum's value",
    asked: { case: "fileContainingSymbol", value: "grpc.health.v1.HealthCheckResponse.SERVING" },
    want: ["grpc/health/v1/health.proto"],
  },
  {
    name: "the file of an extension",
    asked: { case: "fileContainingExtension", value: { containingType: "x.Base", extensionNumber: 105 } },
    want: ["x/more.proto", "x/base.proto"],
  },
];
for (const tc of files) test(`reflection: ${tc.name}`, () => assert.deepEqual(filesIn(answer(tc.asked)), tc.want));

test("reflection: an owner that serves less than is described tells of what it serves", () => {
  const { messageResponse } = newAnswerer({ descriptors, services: () => ["x.Extra"] }).answer(ask({ case: "listServices", value: "" }), new Set());
  assert.equal(messageResponse.case, "listServicesResponse");
  assert.deepEqual(
    messageResponse.value.service.map(({ name }) => name),
    ["x.Extra"],
  );
});

test("reflection: a stream gets what is imported once, and what it asks for always", () => {
  const had = new Set<string>();
  assert.deepEqual(filesIn(answer({ case: "fileByFilename", value: "x/base.proto" }, had)), ["x/base.proto"]);
  assert.deepEqual(filesIn(answer({ case: "fileByFilename", value: "x/more.proto" }, had)), ["x/more.proto"]);
  assert.deepEqual(filesIn(answer({ case: "fileByFilename", value: "x/base.proto" }, had)), ["x/base.proto"]);
});

test("reflection: the files of a service are all that it takes to call it", () => {
  const { messageResponse } = answer({ case: "fileContainingSymbol", value: "tensorflow.serving.PredictionService" });
  assert.equal(messageResponse.case, "fileDescriptorResponse");
  const file = messageResponse.value.fileDescriptorProto.map((bytes) => fromBinary(FileDescriptorProtoSchema, bytes));
  const names = new Set(file.map(({ name }) => name));
  assert.equal(names.size, file.length);
  for (const { dependency } of file) for (const name of dependency) assert.ok(names.has(name), name);
  assert.ok(file[0]!.service.some(({ name }) => name === "PredictionService"));
});

test("reflection: the numbers of a message's extensions, and none where there are none", () => {
  for (const [value, want] of [
    ["x.Base", [105, 110]],
    ["x.Bare", []],
  ] as const) {
    const { messageResponse } = answer({ case: "allExtensionNumbersOfType", value });
    assert.equal(messageResponse.case, "allExtensionNumbersResponse");
    assert.deepEqual([messageResponse.value.baseTypeName, messageResponse.value.extensionNumber], [value, want]);
  }
});

const errors: readonly { readonly asked: Asked | undefined; readonly want: readonly [number, string] }[] = [
  { asked: { case: "fileByFilename", value: "x/none.proto" }, want: [5, "no file x/none.proto"] },
  { asked: { case: "fileContainingSymbol", value: "x.None" }, want: [5, "no symbol x.None"] },
  { asked: { case: "fileContainingExtension", value: { containingType: "x.Base", extensionNumber: 106 } }, want: [5, "no extension 106 of x.Base"] },
  { asked: { case: "allExtensionNumbersOfType", value: "x.None" }, want: [5, "no message x.None"] },
  { asked: undefined, want: [3, "the request asks for nothing that is known here"] },
];
for (const tc of errors) {
  test(`reflection: ${tc.want[1]} is an error in the answer, which repeats the question`, () => {
    const { messageResponse, originalRequest } = answer(tc.asked);
    assert.equal(messageResponse.case, "errorResponse");
    assert.deepEqual([messageResponse.value.errorCode, messageResponse.value.errorMessage], tc.want);
    assert.deepEqual(originalRequest, ask(tc.asked));
  });
}
