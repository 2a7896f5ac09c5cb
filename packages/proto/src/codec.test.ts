// Both generators, and the envelopes, speak the same bytes.
import assert from "node:assert/strict";
import { test } from "node:test";
import { create, type DescMessage, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import {
  GetModelStatusResponseSchema,
  ModelServerConfigSchema,
  PredictRequestEnvelopeSchema,
  PredictRequestSchema,
  PredictResponseEnvelopeSchema,
  PredictResponseSchema,
  SignatureDefSchema,
  TensorProtoSchema,
} from "./index.ts";
import { TensorProto } from "./plain/tensorflow/core/framework/tensor.ts";
import { SignatureDef } from "./plain/tensorflow/core/protobuf/meta_graph.ts";
import { GetModelStatusResponse } from "./plain/tensorflow_serving/apis/get_model_status.ts";
import { PredictRequest, PredictResponse } from "./plain/tensorflow_serving/apis/predict.ts";
import { PredictionServiceDefinition } from "./plain/tensorflow_serving/apis/prediction_service.ts";
import { ModelServerConfig } from "./plain/tensorflow_serving/config/model_server_config.ts";

interface Plain<T> {
  encode(message: T): { finish(): Uint8Array };
  decode(bytes: Uint8Array): T;
}

/** same holds one message, given to each generator in its own form, to the same bytes both ways. */
function same<D extends DescMessage, T>(name: string, schema: D, init: MessageInitShape<D>, codec: Plain<T>, plain: T): void {
  test(`${name}: both codecs write the same bytes and read each other's`, () => {
    const es = toBinary(schema, create(schema, init));
    const ts = codec.encode(plain).finish();
    assert.deepEqual(Buffer.from(ts).toString("hex"), Buffer.from(es).toString("hex"));
    assert.deepEqual(toBinary(schema, fromBinary(schema, ts)), es);
    assert.deepEqual(codec.encode(codec.decode(es)).finish(), ts);
  });
}

const spec = { name: "m", signatureName: "s" };
const dims = [
  { size: -1n, name: "" },
  { size: 2n ** 53n, name: "d" },
];
for (const [name, es, ts] of [
  ["floats", { dtype: 1, floatVal: [1.5, Number.NaN] }, { dtype: 1, floatVal: [1.5, Number.NaN] }],
  ["doubles", { dtype: 2, doubleVal: [1e300] }, { dtype: 2, doubleVal: [1e300] }],
  ["ints", { dtype: 3, intVal: [-1, 2 ** 31 - 1] }, { dtype: 3, intVal: [-1, 2 ** 31 - 1] }],
  ["strings", { dtype: 7, stringVal: [new Uint8Array(0), Uint8Array.of(0xff)] }, { dtype: 7, stringVal: [new Uint8Array(0), Uint8Array.of(0xff)] }],
  ["int64 extremes", { dtype: 9, int64Val: [2n ** 63n - 1n, -(2n ** 63n)] }, { dtype: 9, int64Val: [2n ** 63n - 1n, -(2n ** 63n)] }],
  ["uint64 extremes", { dtype: 23, uint64Val: [2n ** 64n - 1n] }, { dtype: 23, uint64Val: [2n ** 64n - 1n] }],
  ["bools", { dtype: 10, boolVal: [true, false] }, { dtype: 10, boolVal: [true, false] }],
  ["content", { dtype: 1, tensorContent: Uint8Array.of(1, 2, 3, 4) }, { dtype: 1, tensorContent: Uint8Array.of(1, 2, 3, 4) }],
] as const) {
  same(
    `TensorProto of ${name}`,
    TensorProtoSchema,
    { ...es, tensorShape: { dim: dims } } as MessageInitShape<typeof TensorProtoSchema>,
    TensorProto,
    TensorProto.fromPartial({ ...ts, tensorShape: { dim: dims } } as never),
  );
}
same(
  "PredictRequest by version",
  PredictRequestSchema,
  { modelSpec: { ...spec, versionChoice: { case: "version", value: { value: 7n } } }, inputs: { x: { dtype: 1, floatVal: [1] } }, outputFilter: ["y"] },
  PredictRequest,
  PredictRequest.fromPartial({
    modelSpec: { ...spec, versionChoice: { $case: "version", value: 7n } },
    inputs: { x: { dtype: 1, floatVal: [1] } },
    outputFilter: ["y"],
  } as never),
);
same(
  "PredictRequest by label",
  PredictRequestSchema,
  { modelSpec: { name: "m", versionChoice: { case: "versionLabel", value: "canary" } } },
  PredictRequest,
  PredictRequest.fromPartial({ modelSpec: { name: "m", versionChoice: { $case: "versionLabel", value: "canary" } } } as never),
);
same(
  "GetModelStatusResponse",
  GetModelStatusResponseSchema,
  { modelVersionStatus: [{ version: -1n, state: 30, status: { errorCode: 5, errorMessage: "é" } }] },
  GetModelStatusResponse,
  GetModelStatusResponse.fromPartial({ modelVersionStatus: [{ version: -1n, state: 30, status: { errorCode: 5, errorMessage: "é" } }] } as never),
);
same(
  "ModelServerConfig",
  ModelServerConfigSchema,
  {
    config: {
      case: "modelConfigList",
      value: {
        config: [
          {
            name: "m",
            basePath: "/m",
            modelPlatform: "tensorflow",
            versionLabels: { a: 1n },
            modelVersionPolicy: { policyChoice: { case: "latest", value: { numVersions: 2 } } },
          },
        ],
      },
    },
  },
  ModelServerConfig,
  ModelServerConfig.fromPartial({
    config: {
      $case: "modelConfigList",
      value: {
        config: [
          {
            name: "m",
            basePath: "/m",
            modelPlatform: "tensorflow",
            versionLabels: { a: 1n },
            modelVersionPolicy: { policyChoice: { $case: "latest", value: { numVersions: 2 } } },
          },
        ],
      },
    },
  } as never),
);
same(
  "SignatureDef",
  SignatureDefSchema,
  {
    inputs: { x: { encoding: { case: "name", value: "x:0" }, dtype: 1, tensorShape: { unknownRank: true } } },
    methodName: "p",
    defaults: { x: { dtype: 1, floatVal: [3] } },
  },
  SignatureDef,
  SignatureDef.fromPartial({
    inputs: { x: { encoding: { $case: "name", value: "x:0" }, dtype: 1, tensorShape: { unknownRank: true } } },
    methodName: "p",
    defaults: { x: { dtype: 1, floatVal: [3] } },
  } as never),
);

test("where a oneof lies around another field the order differs, the message does not", () => {
  // ts-proto writes a oneof where it is declared, protobuf-es by field number; protobuf leaves the order open (encoding guide, "Field order").
  const es = toBinary(PredictRequestSchema, create(PredictRequestSchema, { modelSpec: { ...spec, versionChoice: { case: "versionLabel", value: "canary" } } }));
  const ts = PredictRequest.encode(
    PredictRequest.fromPartial({ modelSpec: { ...spec, versionChoice: { $case: "versionLabel", value: "canary" } } } as never),
  ).finish();
  assert.equal(ts.length, es.length);
  assert.deepEqual(toBinary(PredictRequestSchema, fromBinary(PredictRequestSchema, ts)), es);
});

test("the plain service definition names the same paths", () => {
  assert.equal(PredictionServiceDefinition.fullName, "tensorflow.serving.PredictionService");
  assert.deepEqual(
    Object.values(PredictionServiceDefinition.methods)
      .map((m) => m.name)
      .sort(),
    ["Classify", "GetModelMetadata", "MultiInference", "Predict", "Regress"],
  );
});

test("a request envelope is the request, with its tensors left as bytes and unknown fields kept", () => {
  const request = create(PredictRequestSchema, {
    modelSpec: { name: "m", versionChoice: { case: "version", value: { value: 0n } } },
    inputs: { x: { dtype: 1, floatVal: [1, 2] }, y: { dtype: 7, stringVal: [Uint8Array.of(1)] } },
    outputFilter: ["z"],
    clientId: Uint8Array.of(9),
  });
  const bytes = toBinary(PredictRequestSchema, request);
  const envelope = fromBinary(PredictRequestEnvelopeSchema, bytes);
  assert.deepEqual(fromBinary(TensorProtoSchema, envelope.inputs["x"]!), request.inputs["x"]);
  assert.deepEqual(fromBinary(PredictRequestSchema, toBinary(PredictRequestEnvelopeSchema, envelope)), request);
});
test("a response envelope is the response likewise", () => {
  const response = create(PredictResponseSchema, {
    modelSpec: { name: "m", signatureName: "s" },
    outputs: { y: { dtype: 1, tensorContent: Uint8Array.of(0, 0, 128, 63) } },
  });
  const envelope = fromBinary(PredictResponseEnvelopeSchema, toBinary(PredictResponseSchema, response));
  assert.deepEqual(fromBinary(PredictResponseSchema, toBinary(PredictResponseEnvelopeSchema, envelope)), response);
  assert.deepEqual(PredictResponse.decode(toBinary(PredictResponseEnvelopeSchema, envelope)).outputs["y"]?.tensorContent, Uint8Array.of(0, 0, 128, 63));
});
