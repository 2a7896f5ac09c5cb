import type { ModelSpec } from "@tfs/proto";
import { codeFromHttp, parseError, parseMetadata, parsePredictResponse, parseStatus, printPredictRequest } from "@tfs/rest";
import { Code, type Ctx, deadlineExceeded, isFailure, newError } from "@tfs/std";
import { urlOf } from "./target.ts";
import type { Headers, Transport, TransportOptions } from "./transport.ts";

/** An answer past this is not read to its end. */
const maxBodyBytes = 1 << 30;

/** newRestTransport speaks TensorFlow Serving's REST API through fetch. */
export function newRestTransport(options: TransportOptions): Transport {
  const base = urlOf(options);
  async function send(ctx: Ctx, path: string, headers: Headers, body?: Uint8Array): Promise<Uint8Array> {
    const init: RequestInit = {
      method: body === undefined ? "GET" : "POST",
      headers: { ...headers, ...(body === undefined ? {} : { "content-type": "application/json" }) },
      signal: ctx.signal,
    };
    if (body !== undefined) init.body = body as unknown as NonNullable<RequestInit["body"]>; // a view is a body in every runtime; the types differ
    let status: number;
    let bytes: Uint8Array;
    try {
      const response = await fetch(base + path, init);
      status = response.status;
      bytes = await read(response);
    } catch (err) {
      if (isFailure(err)) throw err;
      if (ctx.signal.aborted) throw isFailure(ctx.signal.reason) ? ctx.signal.reason : newError(Code.Canceled, "the call was cancelled", ctx.signal.reason);
      if (ctx.deadline <= performance.now()) throw deadlineExceeded;
      const cause = err instanceof Error && err.cause instanceof Error ? err.cause.message : err instanceof Error ? err.message : String(err);
      throw newError(Code.Unavailable, `cannot reach ${base}: ${cause}`, err);
    }
    if (status === 200) return bytes;
    throw newError(codeFromHttp(status), parseError(bytes) ?? `HTTP status ${status}`);
  }
  return {
    name: "rest",
    needsSignature: true,
    async predict(ctx, call) {
      if (call.outputFilter.length > 0) throw newError(Code.Unimplemented, "REST has no output filter: use gRPC, Connect or gRPC-Web");
      if (call.signature === undefined) throw newError(Code.Internal, "a REST answer cannot be read without a signature");
      const signatureName = call.spec.signatureName;
      const body = printPredictRequest(call.inputs, signatureName === "" ? {} : { signatureName });
      const answer = await send(ctx, `${pathOf(call.spec)}:predict`, call.headers, body);
      return { outputs: parsePredictResponse(answer, call.signature), spec: undefined };
    },
    metadata: async (ctx, spec, headers) => parseMetadata(await send(ctx, `${pathOf(spec)}/metadata`, headers)),
    status: async (ctx, spec, headers) => parseStatus(await send(ctx, pathOf(spec), headers)),
    close: async () => {},
  };
}

async function read(response: Response): Promise<Uint8Array> {
  const length = Number(response.headers.get("content-length") ?? 0);
  if (length > maxBodyBytes) throw newError(Code.ResourceExhausted, `the answer has ${length} bytes, the limit is ${maxBodyBytes}`);
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.length;
    if (size > maxBodyBytes) throw newError(Code.ResourceExhausted, `the answer is larger than ${maxBodyBytes} bytes`);
    chunks.push(chunk);
  }
  const out = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    out.set(chunk, at);
    at += chunk.length;
  }
  return out;
}

function pathOf(spec: ModelSpec): string {
  const choice = spec.versionChoice;
  const which =
    choice.case === "version" ? `/versions/${choice.value.value}` : choice.case === "versionLabel" ? `/labels/${encodeURIComponent(choice.value)}` : "";
  return `/v1/models/${encodeURIComponent(spec.name)}${which}`;
}
