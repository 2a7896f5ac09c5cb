import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { anyUnpack } from "@bufbuild/protobuf/wkt";
import { GetModelMetadataRequestSchema, GetModelMetadataResponseSchema, type ModelSpec, type SignatureDef, SignatureDefMapSchema } from "@tfs/proto";
import { type Clock, Code, type Ctx, newError } from "@tfs/std";
import type { Unary } from "./rest.ts";

/** Signatures of one model spec, as the fleet last told them. */
export interface Signatures {
  /** of gives the signatures of a spec by name; one question per spec is on its way at a time. */
  of(ctx: Ctx, spec: ModelSpec): Promise<{ readonly [name: string]: SignatureDef }>;
}

/** How long an answer is trusted: a new version may bring other signatures. */
const trustMs = 5_000;
/** Specs remembered; clients choose names, so that there must be a limit. */
const maxSpecs = 1_024;

interface Entry {
  readonly until: number;
  readonly answer: Promise<{ readonly [name: string]: SignatureDef }>;
}

export const metadataPath = "/tensorflow.serving.PredictionService/GetModelMetadata";

export function newSignatures(unary: Unary, clock: Clock): Signatures {
  const entries = new Map<string, Entry>();
  return {
    of(ctx, spec) {
      const { versionChoice: choice } = spec;
      const key = `${spec.name}\0${choice.case ?? ""}\0${choice.case === "version" ? choice.value.value : (choice.value ?? "")}`;
      const found = entries.get(key);
      if (found !== undefined && found.until > clock.now()) return found.answer;
      entries.delete(key);
      if (entries.size >= maxSpecs) entries.delete(entries.keys().next().value!); // the oldest
      const answer = ask(ctx, unary, spec);
      entries.set(key, { until: clock.now() + trustMs, answer });
      answer.catch(() => entries.delete(key)); // a failure is not remembered
      return answer;
    },
  };
}

async function ask(ctx: Ctx, unary: Unary, spec: ModelSpec): Promise<{ readonly [name: string]: SignatureDef }> {
  const bytes = await unary(
    ctx,
    metadataPath,
    toBinary(GetModelMetadataRequestSchema, create(GetModelMetadataRequestSchema, { modelSpec: spec, metadataField: ["signature_def"] })),
  );
  const packed = fromBinary(GetModelMetadataResponseSchema, bytes).metadata["signature_def"];
  const map = packed === undefined ? undefined : anyUnpack(packed, SignatureDefMapSchema);
  if (map === undefined) throw newError(Code.Internal, "the model server sent metadata without signatures");
  return map.signatureDef;
}
