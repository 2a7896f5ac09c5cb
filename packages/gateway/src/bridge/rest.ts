import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  ClassificationRequestSchema,
  ClassificationResponseSchema,
  GetModelMetadataRequestSchema,
  GetModelMetadataResponseSchema,
  GetModelStatusRequestSchema,
  GetModelStatusResponseSchema,
  type ModelSpec,
  ModelSpecSchema,
  PredictRequestEnvelopeSchema,
  PredictResponseEnvelopeSchema,
  RegressionRequestSchema,
  RegressionResponseSchema,
} from "@tfs/proto";
import { parseExamples, parsePredict, printClassify, printMetadata, printPredict, printRegress, printStatus, type Route, type Target } from "@tfs/rest";
import type { Clock, Ctx } from "@tfs/std";
import { decode, encode } from "@tfs/tensor";
import { metadataPath, newSignatures, type Signatures } from "./signatures.ts";

/** Unary sends one message to a method of the fleet and gives the answer's bytes. */
export type Unary = (ctx: Ctx, path: string, message: Uint8Array) => Promise<Uint8Array>;

/** Bridge turns a REST call into gRPC calls and prints the answer. Throws what the fleet answers, code and text as they are. */
export interface Bridge {
  answer(ctx: Ctx, call: Exclude<Route, { kind: "preflight" }>, body: Uint8Array): Promise<Uint8Array>;
}

const service = "/tensorflow.serving.PredictionService";
const statusPath = "/tensorflow.serving.ModelService/GetModelStatus";

export function newBridge(unary: Unary, clock: Clock): Bridge {
  const signatures = newSignatures(unary, clock);
  return {
    async answer(ctx, call, body) {
      switch (call.kind) {
        case "predict":
          return await predict(ctx, call, body, unary, signatures);
        case "classify": {
          const { signatureName, input } = parseExamples(body);
          const request = create(ClassificationRequestSchema, { modelSpec: specOf(call, signatureName), input });
          const response = fromBinary(ClassificationResponseSchema, await unary(ctx, `${service}/Classify`, toBinary(ClassificationRequestSchema, request)));
          return printClassify(response.result!);
        }
        case "regress": {
          const { signatureName, input } = parseExamples(body);
          const request = create(RegressionRequestSchema, { modelSpec: specOf(call, signatureName), input });
          const response = fromBinary(RegressionResponseSchema, await unary(ctx, `${service}/Regress`, toBinary(RegressionRequestSchema, request)));
          return printRegress(response.result!);
        }
        case "metadata": {
          const request = create(GetModelMetadataRequestSchema, { modelSpec: specOf(call, ""), metadataField: ["signature_def"] });
          return printMetadata(fromBinary(GetModelMetadataResponseSchema, await unary(ctx, metadataPath, toBinary(GetModelMetadataRequestSchema, request))));
        }
        case "status": {
          const request = create(GetModelStatusRequestSchema, { modelSpec: specOf(call, "") });
          return printStatus(fromBinary(GetModelStatusResponseSchema, await unary(ctx, statusPath, toBinary(GetModelStatusRequestSchema, request))));
        }
      }
    },
  };
}

async function predict(ctx: Ctx, call: Target, body: Uint8Array, unary: Unary, signatures: Signatures): Promise<Uint8Array> {
  const document = parsePredict(body);
  const spec = specOf(call, document.signatureName);
  const known = await signatures.of(ctx, spec);
  const { format, inputs } = document.inputs(known[document.signatureName || "serving_default"]);
  const request = create(PredictRequestEnvelopeSchema, { modelSpec: spec, inputs: Object.fromEntries([...inputs].map(([alias, t]) => [alias, encode(t)])) });
  const response = fromBinary(PredictResponseEnvelopeSchema, await unary(ctx, `${service}/Predict`, toBinary(PredictRequestEnvelopeSchema, request)));
  const outputs = new Map(Object.entries(response.outputs).map(([alias, bytes]) => [alias, decode(bytes, { name: alias })]));
  return printPredict(outputs, format);
}

function specOf(target: Target, signatureName: string): ModelSpec {
  const { model, version, label } = target;
  const base = { name: model, signatureName };
  if (version !== undefined) return create(ModelSpecSchema, { ...base, versionChoice: { case: "version", value: { value: version } } });
  return create(ModelSpecSchema, label === undefined ? base : { ...base, versionChoice: { case: "versionLabel", value: label } });
}
