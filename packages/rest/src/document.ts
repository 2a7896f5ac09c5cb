import { Code, type Failure, newError } from "@tfs/std";
import { dump } from "./dump.ts";
import { blank, kindOf, members, type Range, skip, syntax, text } from "./scan.ts";

/** Names that are asked for, of requests and answers: others are passed over, however many there are. */
const known = new Set(["signature_name", "instances", "inputs", "context", "examples", "predictions", "outputs", "error"]);

/** Document is a parsed body: its top-level members of known names, the first of a name winning. */
export interface Document {
  readonly bytes: Uint8Array;
  readonly range: Range;
  get(name: string): Range | undefined;
  /** signatureName gives the optional `signature_name`, "" without one. */
  readonly signatureName: string;
}

/** withoutMark steps over a byte-order mark. */
export function withoutMark(body: Uint8Array): Uint8Array {
  return body[0] === 0xef && body[1] === 0xbb && body[2] === 0xbf ? body.subarray(3) : body;
}

/** parseDocument reads one JSON object; what follows it is ignored, as TensorFlow Serving does. Throws InvalidArgument. */
export function parseDocument(body: Uint8Array): Document {
  if (body.length === 0) throw newError(Code.InvalidArgument, "JSON Parse error: The document is empty");
  const bytes = body; // with its mark: offsets count it
  const start = blank(bytes, body.length - withoutMark(body).length);
  if (isNoValue(bytes[start])) throw syntax("The document is empty.", start);
  const range = { start, end: skip(bytes, start) };
  if (kindOf(bytes, start) !== "Object") throw newError(Code.InvalidArgument, `JSON Value: ${dump(bytes, range)} Is not object`);
  const found = new Map<string, Range>();
  for (const { name, value } of members(bytes, range)) if (known.has(name) && !found.has(name)) found.set(name, value);
  const signature = found.get("signature_name");
  if (signature !== undefined && kindOf(bytes, signature.start) !== "String") {
    throw newError(Code.InvalidArgument, `JSON Value: ${dump(bytes, range)} not formatted correctly. 'signature_name' key must be a string value.`);
  }
  return { bytes, range, get: (name) => found.get(name), signatureName: signature === undefined ? "" : text(bytes, signature) };
}

/** isNoValue tells whether a byte cannot even begin a value; NUL ends a document. */
function isNoValue(c: number | undefined): boolean {
  return c === undefined || c === 0 || c === 0x2c || c === 0x3a || c === 0x5d || c === 0x7d;
}

/** invalid makes an error that shows the document first. */
export function invalid({ bytes, range }: Document, what: string): Failure {
  return newError(Code.InvalidArgument, `JSON Value: ${dump(bytes, range)} ${what}`);
}
