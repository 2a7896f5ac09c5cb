import { create, type DescMessage, fromBinary, type MessageInitShape, type MessageShape, toBinary } from "@bufbuild/protobuf";
import {
  ClassificationRequestSchema,
  ClassificationResponseSchema,
  ClassificationResultSchema,
  GetModelMetadataRequestSchema,
  GetModelMetadataResponseSchema,
  GetModelStatusRequestSchema,
  GetModelStatusResponseSchema,
  RegressionRequestSchema,
  RegressionResponseSchema,
  RegressionResultSchema,
} from "@tfs/proto";
import {
  newFloats,
  newScratch,
  type Numbers,
  parseExamples,
  printClassify,
  printMetadata,
  printRegress,
  printStatus,
  type Route,
  type Target,
} from "@tfs/rest";
import { callUnary, type Field, moreFields, type Opener } from "@tfs/rpc";
import { type Clock, Code, type Ctx, messageOf, newError, unreachable } from "@tfs/std";
import { newPrediction, type PredictCall, type PredictHandler, type Prediction } from "./predict.ts";
import { newSignatures, specOf } from "./signatures.ts";
import { authority, classifyPath, maxAnswerBytes, metadataPath, regressPath, statusPath, type Unary } from "./unary.ts";

/** Asked is a call that is no prediction. */
export interface Asked {
  readonly target: Target;
  readonly body: Uint8Array;
  /** metadata goes to the fleet beside the message. */
  readonly metadata: readonly Field[];
}

/** Bridge turns REST calls into gRPC calls and prints the answers. */
export interface Bridge {
  /** predict gives a call ready to start. */
  predict(call: PredictCall, handler: PredictHandler): Prediction;
  /** answer is for every other verb. Throws what the fleet answers, code and text as they are. */
  answer(ctx: Ctx, kind: Exclude<Route["kind"], "preflight" | "predict">, call: Asked): Promise<Uint8Array>;
}

export interface BridgeOptions {
  /** opener starts calls on some backend. */
  readonly opener: Opener;
  readonly clock: Clock;
  /** numbers is how floats are printed. */
  readonly numbers: Numbers;
}

export function newBridge({ opener, clock, numbers }: BridgeOptions): Bridge {
  const unaryOver =
    (over: Opener): Unary =>
    async (ctx, path, message) =>
      (await callUnary(ctx, over, { path, message, clock, authority, scheme: "http", maxMessageBytes: maxAnswerBytes })).message;
  const options = { opener, signatures: newSignatures(unaryOver(opener), clock), clock, scratch: newScratch(), floats: newFloats(), numbers };

  async function ask<I extends DescMessage, O extends DescMessage>(
    ctx: Ctx,
    metadata: readonly Field[],
    path: string,
    input: I,
    output: O,
    request: MessageInitShape<I>,
  ): Promise<MessageShape<O>> {
    const unary = unaryOver({ open: (fields, handler, how) => opener.open(moreFields(fields, metadata), handler, how) });
    const bytes = await unary(ctx, path, toBinary(input, create(input, request)));
    try {
      return fromBinary(output, bytes);
    } catch (err) {
      throw newError(Code.Internal, `the model server's answer is no ${output.name}: ${messageOf(err)}`, err);
    }
  }

  return {
    predict: (call, handler) => newPrediction(call, handler, options),
    async answer(ctx, kind, { target, body, metadata }) {
      switch (kind) {
        case "classify": {
          const { signatureName, input } = parseExamples(body);
          const request = { modelSpec: specOf(target, signatureName), input };
          const { result } = await ask(ctx, metadata, classifyPath, ClassificationRequestSchema, ClassificationResponseSchema, request);
          return printClassify(result ?? create(ClassificationResultSchema), options);
        }
        case "regress": {
          const { signatureName, input } = parseExamples(body);
          const request = { modelSpec: specOf(target, signatureName), input };
          const { result } = await ask(ctx, metadata, regressPath, RegressionRequestSchema, RegressionResponseSchema, request);
          return printRegress(result ?? create(RegressionResultSchema), options);
        }
        case "metadata": {
          const request = { modelSpec: specOf(target, ""), metadataField: ["signature_def"] };
          return printMetadata(await ask(ctx, metadata, metadataPath, GetModelMetadataRequestSchema, GetModelMetadataResponseSchema, request));
        }
        case "status":
          return printStatus(
            await ask(ctx, metadata, statusPath, GetModelStatusRequestSchema, GetModelStatusResponseSchema, { modelSpec: specOf(target, "") }),
          );
        default:
          return unreachable(kind);
      }
    },
  };
}
