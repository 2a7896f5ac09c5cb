import { create } from "@bufbuild/protobuf";
import { type ModelSpec, SessionService, type TensorProto } from "@tfs/proto";
import type { RunOptions } from "@tfs/proto/gen/tensorflow/core/protobuf/config_pb.js";
import { SessionRunRequestSchema, SessionRunResponseSchema } from "@tfs/proto/gen/tensorflow_serving/apis/session_service_pb.js";
import { SessionRunRequestEnvelopeSchema, SessionRunResponseEnvelopeSchema } from "@tfs/proto/gen/tfs/serving/v1/session_envelope_pb.js";
import { newForm, pathOf, type Unary } from "@tfs/services";
import type { Ctx } from "@tfs/std";
import { decode, encode, fromMessage, type Tensor, toMessage } from "@tfs/tensor";
import { type Seen, type SessionResult, sessionRun } from "../infer/index.ts";
import type { Counting } from "./counted.ts";
import type { MethodOptions } from "./methods.ts";
import { readerOf } from "./tensors.ts";

interface Request<T> {
  readonly modelSpec?: ModelSpec | undefined;
  readonly feed: readonly { readonly name: string; readonly tensor?: T | undefined }[];
  readonly fetch: readonly string[];
  readonly target: readonly string[];
  readonly tensorNameIsAlias: boolean;
  readonly options?: RunOptions | undefined;
}

/** newSessionRun serves SessionRun. In binary each tensor is left as bytes, as for Predict. */
export function newSessionRun({ infer, form }: Pick<MethodOptions, "infer" | "form">, { answer }: Counting): [path: string, method: Unary] {
  const desc = SessionService.method.sessionRun;
  const binary = newForm({ input: SessionRunRequestEnvelopeSchema, output: SessionRunResponseEnvelopeSchema }, "proto");
  const text = newForm({ input: SessionRunRequestSchema, output: SessionRunResponseSchema }, "json");
  const asked = { method: "session_run", modelOf: (request: Request<unknown>) => request.modelSpec?.name ?? "" } as const;
  const run = <T>(ctx: Ctx, request: Request<T>, seen: Seen, read: (tensor: T | undefined) => Tensor): Promise<SessionResult> => {
    const feeds = request.feed.map(({ name, tensor }) => [name, readerOf(name, tensor, read)] as const);
    const { modelSpec: spec, fetch: fetches, target: targets, tensorNameIsAlias: byAlias, options } = request;
    return sessionRun(ctx, { spec, feeds, fetches, targets, byAlias, options, seen }, infer);
  };
  const proto = answer(asked, binary, async (ctx, request, seen) => {
    const { tensors, spec } = await run(ctx, request, seen, (bytes: Uint8Array | undefined) => decode(bytes ?? new Uint8Array()));
    return create(SessionRunResponseEnvelopeSchema, { modelSpec: spec, tensor: tensors.map(([name, t]) => ({ name, tensor: encode(t, form) })) });
  });
  const json = answer(asked, text, async (ctx, request, seen) => {
    const { tensors, spec } = await run(ctx, request, seen, (message: TensorProto | undefined) =>
      message === undefined ? decode(new Uint8Array()) : fromMessage(message),
    );
    return create(SessionRunResponseSchema, { modelSpec: spec, tensor: tensors.map(([name, t]) => ({ name, tensor: toMessage(t, form) })) });
  });
  return [pathOf(desc), { kind: "unary", name: desc.name, proto, json }];
}
