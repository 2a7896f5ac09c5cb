import { create, type DescMessage, fromBinary, type MessageInitShape, type MessageShape, toBinary } from "@bufbuild/protobuf";
import {
  ClassificationRequestSchema,
  ClassificationResponseSchema,
  ClassificationResultSchema,
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
  RegressionResultSchema,
} from "@tfs/proto";
import { parseExamples, parsePredict, printClassify, printMetadata, printPredict, printRegress, printStatus, type Route, type Target } from "@tfs/rest";
import { type Clock, Code, type Ctx, messageOf, newError, unreachable } from "@tfs/std";
import { decode, encode } from "@tfs/tensor";
import { newSignatures, type Signatures } from "./signatures.ts";
import { classifyPath, metadataPath, predictPath, regressPath, statusPath, type Unary } from "./unary.ts";

/** Bridge turns a REST call into gRPC calls and prints the answer. Throws what the fleet answers, code and text as they are. */
export interface Bridge {
  answer(ctx: Ctx, call: Exclude<Route, { kind: "preflight" }>, body: Uint8Array): Promise<Uint8Array>;
}

export function newBridge(unary: Unary, clock: Clock): Bridge {
  const signatures = newSignatures(unary, clock);

  async function ask<I extends DescMessage, O extends DescMessage>(
    ctx: Ctx,
    path: string,
    input: I,
    output: O,
    request: MessageInitShape<I>,
  ): Promise<MessageShape<O>> {
    const bytes = await unary(ctx, path, toBinary(input, create(input, request)));
    try {
      return fromBinary(output, bytes);
    } catch (err) {
      throw newError(Code.Internal, `the model server's answer is no ${output.name}: ${messageOf(err)}`, err);
    }
  }

  async function predict(ctx: Ctx, target: Target, body: Uint8Array): Promise<Uint8Array> {
    const document = parsePredict(body);
    const modelSpec = specOf(target, document.signatureName);
    const { format, inputs } = document.inputs(await signatureOf(ctx, modelSpec, signatures));
    const tensors = Object.fromEntries([...inputs].map(([alias, tensor]) => [alias, encode(tensor)]));
    const response = await ask(ctx, predictPath, PredictRequestEnvelopeSchema, PredictResponseEnvelopeSchema, { modelSpec, inputs: tensors });
    return printPredict(new Map(Object.entries(response.outputs).map(([alias, bytes]) => [alias, decode(bytes, { name: alias })])), format);
  }

  return {
    async answer(ctx, call, body) {
      switch (call.kind) {
        case "predict":
          return await predict(ctx, call, body);
        case "classify": {
          const { signatureName, input } = parseExamples(body);
          const request = { modelSpec: specOf(call, signatureName), input };
          const { result } = await ask(ctx, classifyPath, ClassificationRequestSchema, ClassificationResponseSchema, request);
          return printClassify(result ?? create(ClassificationResultSchema));
        }
        case "regress": {
          const { signatureName, input } = parseExamples(body);
          const request = { modelSpec: specOf(call, signatureName), input };
          const { result } = await ask(ctx, regressPath, RegressionRequestSchema, RegressionResponseSchema, request);
          return printRegress(result ?? create(RegressionResultSchema));
        }
        case "metadata": {
          const request = { modelSpec: specOf(call, ""), metadataField: ["signature_def"] };
          return printMetadata(await ask(ctx, metadataPath, GetModelMetadataRequestSchema, GetModelMetadataResponseSchema, request));
        }
        case "status":
          return printStatus(await ask(ctx, statusPath, GetModelStatusRequestSchema, GetModelStatusResponseSchema, { modelSpec: specOf(call, "") }));
        default:
          return unreachable(call.kind);
      }
    },
  };
}

async function signatureOf(ctx: Ctx, spec: ModelSpec, signatures: Signatures) {
  const known = await signatures.of(ctx, spec);
  const name = spec.signatureName || "serving_default";
  return Object.hasOwn(known, name) ? known[name] : undefined;
}

function specOf(target: Target, signatureName: string): ModelSpec {
  const { model, version, label } = target;
  const base = { name: model, signatureName };
  if (version !== undefined) return create(ModelSpecSchema, { ...base, versionChoice: { case: "version", value: { value: version } } });
  return create(ModelSpecSchema, label === undefined ? base : { ...base, versionChoice: { case: "versionLabel", value: label } });
}
