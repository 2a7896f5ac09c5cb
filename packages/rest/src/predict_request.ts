import type { SignatureDef } from "@tfs/proto";
import { type Document, parseDocument, withoutMark } from "./document.ts";
import type { PredictInputs } from "./format.ts";
import { readAny, typesOf } from "./general.ts";
import { type Head, readHead } from "./head.ts";
import { blank } from "./scan.ts";
import { type ReadOptions, readTyped } from "./typed.ts";

/** PredictDocument is a predict body that waits for its signature. */
export interface PredictDocument {
  /** signatureName is "" if the body names none. */
  readonly signatureName: string;
  /**
   * check holds the whole body to JSON's syntax, as inputs does by itself. To be called before saying that there is no such model or signature, and before
   * asking somebody for one: a body that is not JSON is the first thing to complain about. Throws InvalidArgument.
   */
  check(): void;
  /** inputs builds the tensors by the signature's dtypes; `undefined` means that there is no such signature. Errors have TensorFlow Serving's texts and order. */
  inputs(signature: SignatureDef | undefined, options?: ReadOptions): PredictInputs;
}

/** parsePredict reads the signature's name; of an ordinary body it reads no more yet. Throws InvalidArgument for a body that is no JSON object, where it has to look. */
export function parsePredict(body: Uint8Array): PredictDocument {
  const bytes = withoutMark(body);
  const head = readHead(bytes);
  let parsed = head === undefined ? parseDocument(body) : undefined;
  const whole = (): Document => (parsed ??= parseDocument(body));
  return {
    signatureName: head?.signatureName ?? whole().signatureName,
    check: () => void whole(),
    inputs(signature, options) {
      if (signature !== undefined) {
        const inputs = head === undefined ? fastOf(whole(), signature, options) : fast(bytes, head, signature, options);
        if (inputs !== undefined) return inputs;
      }
      return readAny(whole(), signature);
    },
  };
}

/** fast reads a body of the usual form in one pass, up to the brace that closes it; undefined for any other. */
function fast(bytes: Uint8Array, head: Head, signature: SignatureDef, options: ReadOptions | undefined): PredictInputs | undefined {
  const types = typesOf(signature);
  const read = types === undefined ? undefined : readTyped(bytes, head.at, types, head.format, options);
  return read === undefined || bytes[blank(bytes, read.end)] !== 0x7d ? undefined : { format: head.format, inputs: read.inputs };
}

/** fastOf does the same for a body that has been checked and may hold more: the values are where the check has found them. */
function fastOf(document: Document, signature: SignatureDef, options: ReadOptions | undefined): PredictInputs | undefined {
  const [instances, inputs] = [document.get("instances"), document.get("inputs")];
  const range = instances ?? inputs;
  const types = typesOf(signature);
  if (range === undefined || types === undefined || (instances !== undefined && inputs !== undefined)) return undefined;
  const format = instances === undefined ? "columnar" : "row";
  const read = readTyped(document.bytes.subarray(0, document.range.end), range.start, types, format, options);
  return read?.end === range.end ? { format, inputs: read.inputs } : undefined;
}
