import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { anyUnpack } from "@bufbuild/protobuf/wkt";
import { GetModelMetadataRequestSchema, GetModelMetadataResponseSchema, type ModelSpecSchema, type SignatureDef, SignatureDefMapSchema } from "@tfs/proto";
import { newPredictEncoder, type PredictEncoder, type Target } from "@tfs/rest";
import { background, type Clock, Code, newError, sleep, withTimeout } from "@tfs/std";
import { metadataPath, type Unary } from "./unary.ts";

/** Signatures are what the fleet last said about models, versions and labels. */
export interface Signatures {
  /** known gives what `of` would give, if it would not have to ask. */
  known(target: Target): Known | undefined;
  /** of gives the signatures of a target. Callers that ask for the same one at the same time share one question, which ends with none of them. Throws what the fleet answers. */
  of(target: Target): Promise<Known>;
  /**
   * since gives what the fleet says when it is asked no earlier than at `time`, for callers whom what is known does not fit. They too share one question, which
   * waits until 100 ms have passed since the last one: bad requests become no flood of questions. Throws what the fleet answers.
   */
  since(target: Target, time: number): Promise<Known>;
}

/** Known are a target's signatures. */
export interface Known {
  /** asked is when the fleet was asked, on the clock. */
  readonly asked: number;
  /** version is the one that they are of, as a number as `versionOf` gives it. */
  readonly version: number;
  readonly names: readonly string[];
  /** plan gives what a call with this signature needs; "" is the default one. */
  plan(signatureName: string): Plan;
}

/** Plan is what all calls to one signature of a target share. */
export interface Plan {
  /** signature is undefined if the target has none of that name. */
  readonly signature: SignatureDef | undefined;
  readonly encoder: PredictEncoder;
}

/** How long an answer is trusted: a new version may bring other signatures. */
const trustMs = 5000;
/** The least time between two questions about one target. */
const pauseMs = 100;
/** How long the fleet may take to answer. */
const askMs = 10_000;
/** Targets remembered; clients choose the names, so there must be a limit. */
const maxTargets = 1024;

interface Entry {
  readonly asked: number;
  readonly answer: Promise<Known>;
  /** known is the answer, or until it has come the one before. */
  known: Known | undefined;
  /** next is the question after this one, once somebody waits for it. */
  next: Promise<Known> | undefined;
}

export function newSignatures(unary: Unary, clock: Clock): Signatures {
  const entries = new Map<string, Entry>();

  function find(key: string): Entry | undefined {
    const entry = entries.get(key);
    return entry === undefined || entry.asked + trustMs <= clock.now() ? undefined : entry;
  }
  function add(key: string, target: Target): Entry {
    const asked = clock.now();
    const entry: Entry = { asked, answer: ask(unary, target, asked), known: find(key)?.known, next: undefined };
    entries.delete(key); // to the end of the line
    entries.set(key, entry);
    if (entries.size > maxTargets) entries.delete(entries.keys().next().value!); // the oldest
    entry.answer.then(
      (known) => {
        entry.known = known;
      },
      () => {
        if (entries.get(key) === entry) entries.delete(key); // a failure is not remembered
      },
    );
    return entry;
  }
  async function after(entry: Entry, key: string, target: Target): Promise<Known> {
    await Promise.allSettled([entry.answer, sleep(clock, Math.max(0, entry.asked + pauseMs - clock.now()))]);
    const now = entries.get(key);
    return (now === undefined || now === entry ? add(key, target) : now).answer;
  }
  return {
    known: (target) => find(keyOf(target))?.known,
    of(target) {
      const key = keyOf(target);
      return (find(key) ?? add(key, target)).answer;
    },
    since(target, time) {
      const key = keyOf(target);
      const entry = entries.get(key);
      if (entry === undefined) return add(key, target).answer;
      return entry.asked >= time ? entry.answer : (entry.next ??= after(entry, key, target));
    },
  };
}

/** Neither a version, which is a number, nor the letter in front of it can be mistaken for a part of a name. */
function keyOf({ model, version, label }: Target): string {
  if (version !== undefined) return `v${version}/${model}`;
  return label === undefined ? `m/${model}` : `l${JSON.stringify(label)}/${model}`;
}

async function ask(unary: Unary, target: Target, asked: number): Promise<Known> {
  using ctx = withTimeout(background(), askMs);
  const request = create(GetModelMetadataRequestSchema, { modelSpec: specOf(target, ""), metadataField: ["signature_def"] });
  const response = fromBinary(GetModelMetadataResponseSchema, await unary(ctx, metadataPath, toBinary(GetModelMetadataRequestSchema, request)));
  const packed = response.metadata["signature_def"];
  const map = packed === undefined ? undefined : anyUnpack(packed, SignatureDefMapSchema);
  if (map === undefined) throw newError(Code.Internal, "the model server sent metadata without signatures");
  const { versionChoice } = response.modelSpec ?? {};
  return knownOf(target, map.signatureDef, { asked, version: versionChoice?.case === "version" ? Number(versionChoice.value.value) : 0 });
}

function knownOf(target: Target, signatures: { readonly [name: string]: SignatureDef }, of: Pick<Known, "asked" | "version">): Known {
  const names = Object.keys(signatures);
  const plans = new Map<string, Plan>();
  return {
    ...of,
    names,
    plan(signatureName) {
      let plan = plans.get(signatureName);
      if (plan === undefined) {
        const name = signatureName || "serving_default";
        const signature = Object.hasOwn(signatures, name) ? signatures[name] : undefined;
        plan = { signature, encoder: newPredictEncoder(target, signatureName) };
        if (signature !== undefined) plans.set(signatureName, plan); // names that do not exist are without number
      }
      return plan;
    },
  };
}

/** specOf makes the fleet's form of a target. */
export function specOf({ model, version, label }: Target, signatureName: string): MessageInitShape<typeof ModelSpecSchema> {
  const base = { name: model, signatureName };
  if (version !== undefined) return { ...base, versionChoice: { case: "version", value: { value: version } } };
  return label === undefined ? base : { ...base, versionChoice: { case: "versionLabel", value: label } };
}
