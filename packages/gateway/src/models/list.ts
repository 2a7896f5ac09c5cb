import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  type ListModelsRequest,
  ListModelsRequestSchema,
  type ListModelsResponse,
  ListModelsResponseSchema,
  ServingService,
} from "@tfs/proto/gen/tfs/serving/v1/serving_pb.js";
import { type AskOptions, type Metadata, metadataFields, toMetadata, type UnaryReply } from "@tfs/rpc";
import { type Methods, newUnary, pathOf } from "@tfs/services";
import { Code, type Ctx, codeOf, type Failure, newError, newGroup, remainingMs, toFailure, withTimeout } from "@tfs/std";
import { merge } from "./merge.ts";

/** Backend is a model server that can be asked by itself. */
export interface Backend {
  unary(ctx: Ctx, path: string, message: Uint8Array, options: AskOptions): Promise<UnaryReply>;
}

/** Model servers get this long, or most of the caller's time if that is less: one that takes longer is told of as not having answered, while the caller still hears it. */
const askMs = 5000;
const askShare = 0.8;
/** Of one question so many are asked at a time, */
const maxAsked = 16;
/** and so many questions may be on their way: each is as many calls as there are model servers. */
const maxQuestions = 32;
/** Signatures of a model are some kilobytes. */
const maxAnswerBytes = 64 << 20;
/** A request is a list of names. */
const maxRequestBytes = 256 << 10;

/** newModels answers ListModels by asking every model server. It is one that knows nothing of the service itself that fails the call, if no other has answered. */
export function newModels(backends: () => readonly Backend[]): Methods {
  let questions = 0;
  const { listModels } = ServingService.method;
  const answer = async (ctx: Ctx, request: ListModelsRequest, metadata: Metadata): Promise<ListModelsResponse> => {
    if (questions >= maxQuestions) throw newError(Code.ResourceExhausted, `${maxQuestions} lists of models are being made already`);
    questions++;
    try {
      return await ask(ctx, backends(), { message: toBinary(ListModelsRequestSchema, request), metadata });
    } finally {
      questions--;
    }
  };
  return new Map([newUnary(listModels, (ctx, request, { fields }) => answer(ctx, request, toMetadata(metadataFields(fields))), { maxRequestBytes })]);
}

async function ask(
  parent: Ctx,
  backends: readonly Backend[],
  { message, metadata }: { readonly message: Uint8Array; readonly metadata: Metadata },
): Promise<ListModelsResponse> {
  using ctx = withTimeout(parent, Math.min(askMs, askShare * remainingMs(parent)));
  const path = pathOf(ServingService.method.listModels);
  const answers: ListModelsResponse[] = [];
  const failures: Failure[] = [];
  const left = [...backends];
  const group = newGroup(ctx);
  for (let i = 0; i < Math.min(maxAsked, backends.length); i++) {
    group.go(async (task) => {
      for (let backend = left.shift(); backend !== undefined; backend = left.shift()) {
        try {
          const reply = await backend.unary(task, path, message, { metadata, maxMessageBytes: maxAnswerBytes });
          answers.push(fromBinary(ListModelsResponseSchema, reply.message));
        } catch (err) {
          failures.push(toFailure(err));
        }
      }
    });
  }
  await group.wait();
  if (answers.length === 0) throw failureFor(failures);
  const { models, serversAnswered } = merge(answers);
  const behind = answers.reduce((sum, answer) => sum + answer.serversAsked, 0); // a gateway's answer is that of many
  return create(ListModelsResponseSchema, { models, serversAnswered, serversAsked: behind + failures.length });
}

/** failureFor says why there is no answer at all. A failure of ours names an address, which is not for strangers: it stays in the cause. */
function failureFor(failures: readonly Failure[]): Failure {
  const failure = failures.find(({ code }) => code !== Code.Unimplemented) ?? failures[0];
  switch (codeOf(failure)) {
    case Code.Unauthenticated:
    case Code.PermissionDenied:
    case Code.InvalidArgument:
      return failure!; // the model server's word to the caller
    case Code.Unimplemented:
      return newError(Code.Unimplemented, `no model server has ${ServingService.typeName}`, failure);
    case Code.DeadlineExceeded:
      return newError(Code.DeadlineExceeded, "no model server has answered in time", failure);
    default:
      return newError(Code.Unavailable, "no model server is available", failure);
  }
}
