import { anyUnpack } from "@bufbuild/protobuf/wkt";
import { type ModelSpec, type SignatureDef, SignatureDefMapSchema } from "@tfs/proto";
import { type Clock, Code, type Ctx, newError, race } from "@tfs/std";
import type { Headers, Transport } from "../transport/transport.ts";

/** SignatureMap is a model's signatures by name. */
export type SignatureMap = Readonly<Record<string, SignatureDef>>;

/** How long an answer is trusted, and how many are kept. */
const trustMs = 60_000;
const maxSpecs = 256;

interface Entry {
  readonly until: number;
  readonly answer: Promise<SignatureMap>;
}

/** newSignatureCache asks once per model, version or label; calls that come meanwhile share the question. */
export function newSignatureCache(transport: Transport, clock: Clock): (ctx: Ctx, spec: ModelSpec, headers: Headers) => Promise<SignatureMap> {
  const entries = new Map<string, Entry>();
  return async (ctx, spec, headers) => {
    const choice = spec.versionChoice;
    const key = [spec.name, choice.case ?? "", choice.case === "version" ? choice.value.value : (choice.value ?? "")].join("\0");
    const found = entries.get(key);
    if (found !== undefined && found.until > clock.now()) return await race(ctx, found.answer);
    entries.delete(key);
    if (entries.size >= maxSpecs) entries.delete(entries.keys().next().value!); // the oldest
    const answer = ask(ctx, transport, spec, headers);
    entries.set(key, { until: clock.now() + trustMs, answer });
    answer.catch(() => entries.delete(key)); // a failure is not remembered
    return await answer;
  };
}

async function ask(ctx: Ctx, transport: Transport, spec: ModelSpec, headers: Headers): Promise<SignatureMap> {
  return unpack(await transport.metadata(ctx, spec, headers));
}

/** unpack opens the one kind of metadata there is. Throws DataLoss if it is not there. */
export function unpack(response: Awaited<ReturnType<Transport["metadata"]>>): SignatureMap {
  const packed = response.metadata["signature_def"];
  const map = packed === undefined ? undefined : anyUnpack(packed, SignatureDefMapSchema);
  if (map === undefined) throw newError(Code.DataLoss, "the server sent metadata without signatures");
  return map.signatureDef;
}
