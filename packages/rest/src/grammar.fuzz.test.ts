// The grammar of JSON: what JSON.parse refuses is refused, be it a number or a whole document.
import assert from "node:assert/strict";
import { test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { type SignatureDef, SignatureDefSchema } from "@tfs/proto";
import { isFailure } from "@tfs/std";
import { DType } from "@tfs/tensor";
import { parseDocument } from "./document.ts";
import { type PredictDocument, parsePredict } from "./predict_request.ts";
import { newRandom } from "./testing/index.ts";

const short = process.env["TFS_SHORT"] === "1";
const scale = short ? 1 : 20;
/** A short run reads the same texts each time; a full one says its seed. */
const seed = short ? 1 : Date.now() >>> 0;

const encoder = new TextEncoder();
const signatureOf = (dtype: DType): SignatureDef => create(SignatureDefSchema, { inputs: { x: { dtype: dtype as never } } });
const float = signatureOf(DType.Float);
const double = signatureOf(DType.Double);

/** accepts tells whether a body is read; what is thrown otherwise must be a complaint, not an accident. */
function accepts(read: () => unknown): boolean {
  try {
    read();
    return true;
  } catch (err) {
    if (!isFailure(err)) throw err;
    return false;
  }
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

const alphabet = ["0", "1", "9", ".", "e", "E", "+", "-"];
const longest = short ? 4 : 6;

test(`every text of up to ${longest} of ${alphabet.join(" ")} is a number where JSON says so, and else is none`, () => {
  const int = signatureOf(DType.Int64);
  let numbers = 0;
  const visit = (text: string): void => {
    if (text !== "") {
      const value = isJson(text) ? (JSON.parse(text) as number) : undefined;
      // JSON has no bound; TensorFlow Serving's parser stops at a double's.
      const want = value !== undefined && Number.isFinite(value);
      for (const body of [encoder.encode(`{"inputs":${text}}`), encoder.encode(`{"inputs":[2,${text},3]}`)]) {
        for (const signature of [float, double])
          assert.equal(
            accepts(() => parsePredict(body).inputs(signature)),
            want,
            text,
          );
        assert.equal(
          accepts(() => parseDocument(body)),
          want,
          text,
        );
        assert.equal(
          accepts(() => parsePredict(body).inputs(int)),
          want && /^-?\d+$/.test(text),
          text,
        );
      }
      if (want) numbers++;
    }
    if (text.length < longest) for (const c of alphabet) visit(text + c);
  };
  visit("");
  assert.ok(numbers > 100);
});

const pieces = [
  "[",
  "]",
  "{",
  "}",
  ",",
  ":",
  '"',
  "\\",
  "0",
  "1",
  "-",
  ".",
  "e",
  "E",
  "+",
  " ",
  "\n",
  "\t",
  "\u0001",
  "/",
  "u",
  "true",
  "false",
  "null",
  "tru",
  "é",
  "\u00a0",
  "\ufeff",
  "'",
  "#",
  "//",
  "/**/",
  ",,",
  "[]",
  "{}",
];
const starts = [
  '{"instances":[1,2.5,-3e2]}',
  '{"instances": [[1.0, 2.0], [3.0, 4.0]]}',
  '{"instances":[{"x":[1,2]},{"x":[3,4]}]}',
  '{"inputs":{"x":[[0.5]]}}',
  '{"inputs":[true,false]}',
  '{"signature_name":"s","inputs":[1]}',
  '{"inputs":[1],"a":{"b":[null,"c\\u0041\\n"],"d":{}}}',
];
const signatures = [float, double, signatureOf(DType.Int32), signatureOf(DType.UInt64), signatureOf(DType.Bool), signatureOf(DType.String)];

test(`${50_000 * scale} texts that are nearly JSON: what JSON.parse refuses is refused (seed ${seed})`, () => {
  const r = newRandom(seed);
  let refused = 0;
  for (let i = 0; i < 50_000 * scale; i++) {
    let text = r.pick(starts);
    for (let n = 1 + r.below(3); n > 0; n--) {
      const at = r.below(text.length);
      text = text.slice(0, at) + (r.chance(0.3) ? "" : r.pick(pieces)) + text.slice(at + r.below(3));
    }
    const body = encoder.encode(text);
    const document = wholeValue(text);
    const json = document !== undefined && isJson(document);
    const signature = signatures[i % signatures.length]!;
    const read = (): PredictDocument => parsePredict(body);
    const got = accepts(() => read().inputs(signature));
    if (json) continue;
    refused++;
    assert.equal(got, false, `${JSON.stringify(text)} was read (seed ${seed})`);
    assert.equal(
      accepts(() => read().check()),
      false,
      `${JSON.stringify(text)} was taken for JSON (seed ${seed})`,
    );
  }
  assert.ok(refused > 20_000 * scale, `only ${refused} were no JSON`);
});

/** wholeValue cuts off what follows the first object, which TensorFlow Serving's parser does not read, and a mark in front; undefined if none ends. */
function wholeValue(text: string): string | undefined {
  const start = text.startsWith("\ufeff") ? 1 : 0;
  let depth = 0;
  let inString = false;
  for (let i = start; i < text.length; i++) {
    const c = text[i];
    if (inString) {
      if (c === "\\") i++;
      else if (c === '"') inString = false;
    } else if (c === '"') inString = true;
    else if (c === "{" || c === "[") depth++;
    else if ((c === "}" || c === "]") && --depth <= 0) return text.slice(start, i + 1);
  }
  return undefined;
}
