import { create, toBinary } from "@bufbuild/protobuf";
import { PredictRequestEnvelopeSchema, type SignatureDef, SignatureDefSchema } from "@tfs/proto";
import { toFailure } from "@tfs/std";
import { encode } from "@tfs/tensor";
import { parseDocument } from "../document.ts";
import { newPredictEncoder, type PredictEncoder } from "../envelope.ts";
import { newFloats } from "../floats.ts";
import type { PredictInputs } from "../format.ts";
import { readAny } from "../general.ts";
import { parsePredict } from "../predict_request.ts";
import { newScratch } from "../sink.ts";
import { anyDocument } from "./documents.ts";
import { newRandom } from "./random.ts";

/** What a body comes to: a message on the wire, or an error's code and text. */
type Outcome = { readonly name: string; readonly format: string; readonly message: Uint8Array } | { readonly code: number; readonly text: string };

function outcome(read: () => Outcome): Outcome {
  try {
    return read();
  } catch (err) {
    const { code, message } = toFailure(err);
    return { code, text: message };
  }
}

/** general is the plain way: a checked document, tensors, a message by generated code. */
function general(body: Uint8Array, signature: SignatureDef): Outcome {
  return outcome(() => {
    const document = parseDocument(body);
    const { format, inputs } = readAny(document, signature);
    // Not an object literal of names: one may be __proto__.
    const tensors: Record<string, Uint8Array> = Object.create(null) as Record<string, Uint8Array>;
    for (const [alias, tensor] of inputs) tensors[alias] = encode(tensor);
    const message = toBinary(
      PredictRequestEnvelopeSchema,
      create(PredictRequestEnvelopeSchema, { modelSpec: { name: "m", signatureName: document.signatureName }, inputs: tensors }),
    );
    return { name: document.signatureName, format, message };
  });
}

/**
 * holdDocuments holds the way that requests take, one document after the other through the same encoders and scratch, to the general one: the same bytes on the wire,
 * or the same error, as `equal` sees it. Throws where they differ, or if too few documents of either kind came up.
 */
export function holdDocuments(seed: number, count: number, equal: (got: unknown, want: unknown) => void): void {
  const r = newRandom(seed);
  const [scratch, floats] = [newScratch(), newFloats(0)];
  const encoders = new Map<string, PredictEncoder>();
  let sound = 0;
  for (let i = 0; i < count; i++) {
    const { text, types } = anyDocument(r);
    const body = new TextEncoder().encode(text);
    const signature = create(SignatureDefSchema, { inputs: inputsOf(types) });
    const want = general(body, signature);
    const got = outcome(() => {
      const document = parsePredict(body);
      const name = document.signatureName;
      const { format, inputs }: PredictInputs = document.inputs(signature, { scratch, floats });
      let encoder = encoders.get(name);
      if (encoder === undefined) encoders.set(name, (encoder = newPredictEncoder({ model: "m" }, name)));
      return { name, format, message: encoder.encode(sorted(inputs)).subarray(5) };
    });
    if ("message" in got) sound++;
    try {
      equal(got, want);
    } catch (err) {
      throw new Error(`document ${i} of seed ${seed}: ${JSON.stringify(text)} for ${JSON.stringify([...types])}`, { cause: err });
    }
  }
  if (sound < count / 4 || sound > (count * 9) / 10) throw new Error(`${sound} of ${count} documents were sound`);
}

function inputsOf(types: ReadonlyMap<string, number>): Record<string, { dtype: never }> {
  return Object.fromEntries([...types].map(([name, dtype]) => [name, { dtype: dtype as never }]));
}

/** Generated code writes names that look like numbers first; so does this. */
function sorted(inputs: PredictInputs["inputs"]): PredictInputs["inputs"] {
  const isIndex = (name: string): boolean => /^(0|[1-9]\d*)$/.test(name);
  return new Map([
    ...[...inputs].filter(([name]) => isIndex(name)).sort(([a], [b]) => Number(a) - Number(b)),
    ...[...inputs].filter(([name]) => !isIndex(name)),
  ]);
}
