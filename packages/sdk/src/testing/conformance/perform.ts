import { setTimeout as sleep } from "node:timers/promises";
import { fromBinary } from "@bufbuild/protobuf";
import { AnySchema } from "@bufbuild/protobuf/wkt";
import { background, type CancelCtx, failureOf, withTimeout } from "@tfs/std";
import type { GrpcTransport } from "../../transport/grpc.ts";
import { type ClientCompatRequest, gzip, type Header, type Result, type Schema, streamType } from "./schema.ts";

type AskOptions = NonNullable<Parameters<GrpcTransport["calls"]["stream"]>[3]>;
type Metadata = NonNullable<AskOptions["metadata"]>;

/** Outcome gathers what a call came to. */
interface Outcome {
  readonly answers: Uint8Array[];
  headers: Metadata;
  trailers: Metadata;
  sent: number;
}

/** perform makes the call that the suite asks for, through a transport of the SDK. */
export async function perform(transport: GrpcTransport, schema: Schema, request: ClientCompatRequest): Promise<Result> {
  const { service, method = "" } = request;
  const path = `/${service}/${method}`;
  const options: AskOptions = {
    metadata: Object.fromEntries(request.requestHeaders.map(({ name, value }) => [name.toLowerCase(), value])),
    ...(request.compression === gzip ? { compression: "gzip" } : {}),
    ...(request.messageReceiveLimit > 0 ? { maxMessageBytes: request.messageReceiveLimit } : {}),
  };
  using ctx = withTimeout(background(), request.timeoutMs ?? Number.POSITIVE_INFINITY);
  const outcome: Outcome = { answers: [], headers: {}, trailers: {}, sent: 0 };
  let error: Result["error"];
  try {
    if (request.streamType === streamType.unary) await unary(ctx, transport, path, request, options, outcome);
    else await stream(ctx, transport, path, request, options, outcome);
  } catch (err) {
    const failure = failureOf(err);
    if (failure === undefined) throw err;
    error = { code: failure.code, message: failure.message, details: failure.details.map((detail) => fromBinary(AnySchema, detail)) };
  }
  const output = schema.output(service, method);
  return {
    responseHeaders: headersOf(outcome.headers),
    payloads: outcome.answers.map((bytes) => (fromBinary(output, bytes) as { payload?: unknown }).payload ?? {}), // each of the suite's answers has one field, payload
    ...(error === undefined ? {} : { error }),
    responseTrailers: headersOf(outcome.trailers),
    numUnsentRequests: request.requestMessages.length - outcome.sent,
  };
}

async function unary(
  ctx: CancelCtx,
  transport: GrpcTransport,
  path: string,
  request: ClientCompatRequest,
  options: AskOptions,
  outcome: Outcome,
): Promise<void> {
  const timing = request.cancel?.cancelTiming;
  if (timing?.case === "afterCloseSendMs") setTimeout(() => ctx.cancel(), timing.value);
  outcome.sent = 1;
  const { message } = await transport.calls.unary(ctx, path, request.requestMessages[0]!.value, {
    ...options,
    onMetadata(headers, trailers) {
      outcome.headers = headers;
      outcome.trailers = trailers;
    },
  });
  outcome.answers.push(message);
}

async function stream(
  ctx: CancelCtx,
  transport: GrpcTransport,
  path: string,
  request: ClientCompatRequest,
  options: AskOptions,
  outcome: Outcome,
): Promise<void> {
  const timing = request.cancel?.cancelTiming;
  let over = false;
  let onAnswer = (): void => {};
  async function* messages(): AsyncGenerator<Uint8Array> {
    for (const { value } of request.requestMessages) {
      if (request.requestDelayMs > 0) await sleep(request.requestDelayMs);
      if (over) return;
      outcome.sent++;
      const answered = new Promise<void>((resolve) => (onAnswer = resolve));
      yield value;
      if (request.streamType === streamType.fullDuplex && !over) await answered;
    }
    if (timing?.case === "beforeCloseSend") ctx.cancel();
    else if (timing?.case === "afterCloseSendMs") setTimeout(() => ctx.cancel(), timing.value);
  }
  const call = transport.calls.stream(ctx, path, messages(), { ...options, one: request.streamType === streamType.client });
  try {
    if (timing?.case === "afterNumResponses" && timing.value === 0) ctx.cancel();
    for await (const message of call.messages) {
      outcome.answers.push(message);
      if (timing?.case === "afterNumResponses" && timing.value === outcome.answers.length) ctx.cancel();
      onAnswer();
    }
  } finally {
    over = true;
    onAnswer();
    outcome.headers = await call.headers;
    outcome.trailers = await call.trailers;
  }
}

function headersOf(metadata: Metadata): readonly Header[] {
  return Object.entries(metadata).map(([name, value]) => ({ name, value: typeof value === "string" ? [value] : value }));
}
