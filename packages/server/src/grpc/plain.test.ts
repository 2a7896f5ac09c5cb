// The plain definitions (@tfs/proto/plain) are all that a client of grpc-js needs: no protobuf runtime of ours on its side.
import assert from "node:assert/strict";
import { test } from "node:test";
import { promisify } from "node:util";
import { credentials, type MethodDefinition, makeGenericClientConstructor, type ServiceError } from "@grpc/grpc-js";
import { DataType } from "@tfs/proto/plain/tensorflow/core/framework/types.js";
import { GetModelStatusRequest, ModelVersionStatus_State } from "@tfs/proto/plain/tensorflow_serving/apis/get_model_status.js";
import { ModelServiceDefinition } from "@tfs/proto/plain/tensorflow_serving/apis/model_service.js";
import { PredictRequest, type PredictResponse } from "@tfs/proto/plain/tensorflow_serving/apis/predict.js";
import { PredictionServiceDefinition } from "@tfs/proto/plain/tensorflow_serving/apis/prediction_service.js";
import { serve } from "../testing/index.ts";

interface Codec {
  encode(message: never): { finish(): Uint8Array };
  decode(bytes: Uint8Array): unknown;
}
interface Definition {
  readonly fullName: string;
  readonly methods: Readonly<Record<string, { readonly name: string; readonly requestType: Codec; readonly responseType: Codec }>>;
}
type Call = (request: unknown) => Promise<unknown>;

/** connect is what a user of grpc-js writes: its service definition out of ours. */
function connect({ fullName, methods }: Definition, target: string): { readonly calls: Readonly<Record<string, Call>>; close(): void } {
  const service: Record<string, MethodDefinition<unknown, unknown>> = {};
  for (const [key, { name, requestType, responseType }] of Object.entries(methods))
    service[key] = {
      path: `/${fullName}/${name}`,
      requestStream: false,
      responseStream: false,
      requestSerialize: (message) => Buffer.from(requestType.encode(message as never).finish()),
      requestDeserialize: (bytes) => requestType.decode(bytes),
      responseSerialize: (message) => Buffer.from(responseType.encode(message as never).finish()),
      responseDeserialize: (bytes) => responseType.decode(bytes),
    };
  const client = new (makeGenericClientConstructor(service, fullName))(target, credentials.createInsecure());
  const calls = Object.fromEntries(Object.keys(methods).map((key) => [key, promisify(client[key]!.bind(client)) as Call]));
  return { calls, close: () => client.close() };
}

test("grpc-js predicts and asks for the state with the plain definitions", async () => {
  await using served = await serve(["half_plus_two"]);
  const target = served.grpc.replace("http://", "");
  const prediction = connect(PredictionServiceDefinition, target);
  const model = connect(ModelServiceDefinition, target);
  try {
    const request = PredictRequest.fromPartial({
      modelSpec: { name: "half_plus_two", versionChoice: { $case: "version", value: 2n } },
      inputs: { x: { dtype: DataType.DT_FLOAT, tensorShape: { dim: [{ size: 3n }] }, floatVal: [1, 2, 5] } },
    });
    const { outputs, modelSpec } = (await prediction.calls["predict"]!(request)) as PredictResponse;
    assert.deepEqual(outputs["y"]?.floatVal, [3.5, 4, 5.5]);
    assert.deepEqual(modelSpec?.versionChoice, { $case: "version", value: 2n });
    const status = await model.calls["getModelStatus"]!(GetModelStatusRequest.fromPartial({ modelSpec: { name: "half_plus_two" } }));
    assert.deepEqual(
      (status as { readonly modelVersionStatus: readonly { readonly version: bigint; readonly state: number }[] }).modelVersionStatus.map((v) => [
        v.version,
        v.state,
      ]),
      [[2n, ModelVersionStatus_State.AVAILABLE]],
    );
    await assert.rejects(
      prediction.calls["predict"]!(PredictRequest.fromPartial({ modelSpec: { name: "none" } })),
      (err: ServiceError) => err.code === 5 && err.details === "Servable not found for request: Latest(none)",
    );
  } finally {
    prediction.close();
    model.close();
  }
});
