import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { anyUnpack } from "@bufbuild/protobuf/wkt";
import { GetModelMetadataRequestSchema, GetModelMetadataResponseSchema, type ModelSpec, type SignatureDef, SignatureDefMapSchema } from "@tfs/proto";
import { background, type Clock, Code, type Ctx, newError, race, withTimeout } from "@tfs/std";
import { metadataPath, type Unary } from "./unary.ts";

/** SignatureMap is a model version's signatures by name. */
export interface SignatureMap {
  readonly [name: string]: SignatureDef;
}

/** Signatures are what the fleet last said about model specs. */
export interface Signatures {
  /** of gives the signatures of a spec by name. Callers that ask for the same spec at the same time share one question; one of them going away does not end it. */
  of(ctx: Ctx, spec: ModelSpec): Promise<SignatureMap>;
}

/** How long an answer is trusted: a new version may bring other signatures. */
const trustMs = 5000;
/** How long the fleet may take to answer. */
const askMs = 10_000;
/** Specs remembered; clients choose the names, so there must be a limit. */
const maxSpecs = 1024;

interface Entry {
  readonly until: number;
  readonly answer: Promise<SignatureMap>;
}

export function newSignatures(unary: Unary, clock: Clock): Signatures {
  const entries = new Map<string, Entry>();
  return {
    async of(ctx, spec) {
      const key = keyOf(spec);
      let entry = entries.get(key);
      if (entry === undefined || entry.until <= clock.now()) {
        entry = { until: clock.now() + trustMs, answer: ask(unary, spec) };
        entries.delete(key); // to the end of the line
        entries.set(key, entry);
        forgetFailed(key, entry);
        if (entries.size > maxSpecs) entries.delete(entries.keys().next().value!); // the oldest
      }
      return await race(ctx, entry.answer);
    },
  };

  /** A failure is not remembered. */
  function forgetFailed(key: string, entry: Entry): void {
    entry.answer.catch(() => {
      if (entries.get(key) === entry) entries.delete(key);
    });
  }
}

function keyOf({ name, versionChoice: choice }: ModelSpec): string {
  return JSON.stringify([name, choice.case ?? "", choice.case === "version" ? String(choice.value.value) : (choice.value ?? "")]);
}

async function ask(unary: Unary, spec: ModelSpec): Promise<SignatureMap> {
  using ctx = withTimeout(background(), askMs);
  const request = create(GetModelMetadataRequestSchema, { modelSpec: { ...spec, signatureName: "" }, metadataField: ["signature_def"] });
  const response = fromBinary(GetModelMetadataResponseSchema, await unary(ctx, metadataPath, toBinary(GetModelMetadataRequestSchema, request)));
  const packed = response.metadata["signature_def"];
  const map = packed === undefined ? undefined : anyUnpack(packed, SignatureDefMapSchema);
  if (map === undefined) throw newError(Code.Internal, "the model server sent metadata without signatures");
  return map.signatureDef;
}
