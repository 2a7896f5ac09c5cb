// The numbers of JSON, ten million of them: what is read is what JSON.parse reads, rounded to the dtype.
import assert from "node:assert/strict";
import { test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { type SignatureDef, SignatureDefSchema } from "@tfs/proto";
import { DType } from "@tfs/tensor";
import { parseDocument } from "./document.ts";
import { newFloats } from "./floats.ts";
import { readAny } from "./general.ts";
import { parsePredict } from "./predict_request.ts";
import { anyNumber, newRandom } from "./testing/index.ts";

const short = process.env["TFS_SHORT"] === "1";
const scale = short ? 1 : 20;
/** A short run reads the same numbers each time; a full one says its seed. */
const seed = short ? 1 : Date.now() >>> 0;

const encoder = new TextEncoder();
const signatureOf = (dtype: DType): SignatureDef => create(SignatureDefSchema, { inputs: { x: { dtype: dtype as never } } });
const float = signatureOf(DType.Float);
const double = signatureOf(DType.Double);

const batch = 1000;
const floats = newFloats(0);
assert.ok(floats !== undefined);

test(`${500_000 * scale} numbers are JSON.parse's, as float32 and as float64 (seed ${seed})`, () => {
  const r = newRandom(seed);
  const separators = [",", ", ", ",\n    ", " , "];
  for (let round = 0; round < (500_000 * scale) / batch; round++) {
    const tokens = Array.from({ length: batch }, () => anyNumber(r));
    // Lists of one number, of a width that the reader knows by then, and of all.
    const width = r.pick([1, 10, batch]);
    const rows = Array.from({ length: batch / width }, (_, i) => `[${tokens.slice(i * width, (i + 1) * width).join(separators[round % separators.length])}]`);
    const body = encoder.encode(`{"inputs":[${rows.join(",")}]}`);
    const want = Float64Array.from(tokens, (token) => JSON.parse(token) as number);
    check(float, body, tokens, Float32Array.from(want), round);
    check(double, body, tokens, want, round);
  }
});

/** check reads the body the short way, and now and then the general way too. */
function check(signature: SignatureDef, body: Uint8Array, tokens: readonly string[], want: Float32Array | Float64Array, round: number): void {
  const read = [parsePredict(body).inputs(signature), parsePredict(body).inputs(signature, { floats })];
  if (round % 16 === 0) read.push(readAny(parseDocument(body), signature));
  for (const { inputs } of read) {
    const got = inputs.get("x")!.data as Float32Array | Float64Array;
    assert.equal(got.length, want.length);
    for (let i = 0; i < want.length; i++) if (!Object.is(got[i], want[i])) assert.fail(`${tokens[i]} is ${want[i]}, and ${got[i]} was read (seed ${seed})`);
  }
}

test("numbers around the largest double: what JSON.parse makes infinite is refused", () => {
  const r = newRandom(seed);
  for (let i = 0; i < 20_000 * scale; i++) {
    const digits = `${1 + r.below(9)}${r.digits(r.below(330))}`;
    const text = r.pick([
      () => digits,
      () => `${digits.slice(0, 20)}e${295 + r.below(20)}`,
      () => `1.797693134862315${r.digits(r.below(30))}e308`,
      () => `0.${"0".repeat(r.below(20))}${digits.slice(0, 30)}e+${300 + r.below(40)}`,
      () => `${digits}e-${r.below(40)}`,
    ])();
    const value = JSON.parse(text) as number;
    const body = encoder.encode(`{"inputs":[${text}]}`);
    for (const [signature, want] of [
      [float, Math.fround(value)],
      [double, value],
    ] as const) {
      if (Number.isFinite(value)) assert.equal((parsePredict(body).inputs(signature).inputs.get("x")!.data as Float64Array)[0], want, text);
      else assert.throws(() => parsePredict(body).inputs(signature), /Number too big to be stored in double/, text);
    }
  }
});
