// Holds the one-pass reader to the general way: whatever the body, both give the same tensors or the same error.
import assert from "node:assert/strict";
import { test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { type SignatureDef, SignatureDefSchema } from "@tfs/proto";
import { toFailure } from "@tfs/std";
import { DType } from "@tfs/tensor";
import fc from "fast-check";
import { parseDocument } from "./document.ts";
import { newFloats } from "./floats.ts";
import { readAny, typesOf } from "./general.ts";
import { readHead } from "./head.ts";
import { parsePredict } from "./index.ts";
import { readTyped } from "./typed.ts";

const floats = newFloats(0);
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const sig = (inputs: Record<string, DType>): SignatureDef =>
  create(SignatureDefSchema, { inputs: Object.fromEntries(Object.entries(inputs).map(([k, dtype]) => [k, { dtype: dtype as never }])) });

/** outcome makes what a reader gives or throws comparable. */
function outcome(read: () => unknown): unknown {
  try {
    return read();
  } catch (err) {
    const { code, message } = toFailure(err);
    return { code, message };
  }
}

function assertSame(body: Uint8Array, signature: SignatureDef): void {
  const want = outcome(() => {
    const document = parseDocument(body);
    return { name: document.signatureName, ...readAny(document, signature) };
  });
  for (const options of [{}, { floats }]) {
    const got = outcome(() => {
      const document = parsePredict(body);
      return { name: document.signatureName, ...document.inputs(signature, options) };
    });
    assert.deepEqual(got, want, new TextDecoder().decode(body));
  }
}

const x = sig({ x: DType.Float });
const xy = sig({ x: DType.Float, y: DType.Int32 });
const usual: { name: string; body: string; sig?: SignatureDef }[] = [
  { name: "rows of scalars", body: '{"instances":[1,2.5,-3e2]}' },
  { name: "rows of lists", body: '{"instances": [[1.0, 2.0], [3.0, 4.0]]}' },
  { name: "three levels, spread over lines", body: '{\n  "instances": [\n    [\n      [1, 2],\n      [3, 4]\n    ],\n    [ [5, 6] , [7, 8] ]\n  ]\n}\n' },
  { name: "named rows", body: '{"instances":[{"x":[1,2]},{"x":[3,4]}]}' },
  { name: "named rows of two inputs, in any order", body: '{"instances":[{"x":1.5,"y":2},{"y":3,"x":4}]}', sig: xy },
  { name: "a column", body: '{"inputs":[[1],[2]]}' },
  { name: "a scalar column", body: '{"inputs":4}' },
  { name: "named columns", body: '{"inputs":{"y":[1,2,3],"x":[[0.5]]}}', sig: xy },
  { name: "a signature name in front", body: '{"signature_name":"s","inputs":[1]}' },
  { name: "a name beyond ASCII", body: '{"inputs":{"größe":[1]}}', sig: sig({ größe: DType.Float }) },
  ...[DType.Double, DType.Int32, DType.Int16, DType.Int8, DType.UInt8, DType.UInt32, DType.Int64, DType.UInt64].map((dtype) => ({
    name: `dtype ${dtype}`,
    body: '{"inputs":[[0,1,12345678],[98765432,300,7]]}',
    sig: sig({ x: dtype }),
  })),
  { name: "bools", body: '{"inputs":[[true,false],[false,true]]}', sig: sig({ x: DType.Bool }) },
];
for (const tc of usual)
  test(`one pass reads ${tc.name}`, () => {
    const body = bytes(tc.body);
    const head = readHead(body);
    assert.ok(head !== undefined && readTyped(body, head.at, typesOf(tc.sig ?? x)!, head.format) !== undefined);
    assertSame(body, tc.sig ?? x);
  });

const unusual: { name: string; body: string; sig?: SignatureDef }[] = [
  { name: "a signature name behind", body: '{"instances":[1],"signature_name":"s"}' },
  { name: "a signature name in front and behind", body: '{"signature_name":"a","instances":[1],"signature_name":"s"}' },
  { name: "a signature name spelled with an escape", body: '{"instances":[1],"signature\\u005fname":"s"}' },
  { name: "a signature name with an escape", body: '{"signature_name":"\\u0061","instances":[1]}' },
  { name: "a signature name behind the document", body: '{"instances":[1]} {"signature_name":"s"}' },
  { name: "a signature name inside a row", body: '{"instances":[{"signature_name":1}]}', sig: sig({ signature_name: DType.Float }) },
  { name: "a signature name that is no string", body: '{"signature_name":1,"instances":[1]}' },
  { name: "both keys", body: '{"instances":[1],"inputs":[1]}' },
  { name: "the key twice", body: '{"instances":[1],"instances":[2]}' },
  { name: "other keys", body: '{"a":1,"instances":[1],"b":{"c":["instances"]}}' },
  { name: "an escape in a key", body: '{"inst\\u0061nces":[1]}' },
  { name: "a mark twice", body: '\ufeff\ufeff{"instances":[1]}' },
  { name: "what follows", body: '{"instances":[1]} }' },
  { name: "lists past the value of a name", body: '{"instances":[{"x":[1,2]},{"x":[1,2],[3,4]}]}' },
  { name: "a name twice in a row", body: '{"instances":[{"x":1,"x":2},{"x":3}]}' },
  { name: "a name twice for another", body: '{"instances":[{"x":1,"x":2}]}', sig: xy },
  { name: "a row too short", body: '{"instances":[[1,2],[3]]}' },
  { name: "a row too long", body: '{"instances":[[1,2],[3,4,5]]}' },
  { name: "a row as long as two", body: '{"instances":[[1,2],[3,4,5,6]]}' },
  { name: "a list among scalars", body: '{"instances":[1,[2]]}' },
  { name: "a scalar among lists", body: '{"instances":[[1],2]}' },
  { name: "lists of two depths", body: '{"instances":[[[1]],[2]]}' },
  { name: "empty lists", body: '{"instances":[[],[]]}' },
  { name: "an empty list", body: '{"inputs":[]}' },
  { name: "20 dimensions", body: `{"inputs":${"[".repeat(20)}1${"]".repeat(20)}}` },
  { name: "NaN and infinities", body: '{"inputs":[NaN,-Infinity,Inf]}' },
  { name: "numbers past double", body: '{"inputs":[1e999]}' },
  { name: "numbers of 400 digits", body: `{"inputs":[${"7".repeat(300)},0.${"3".repeat(400)}]}` },
  { name: "a number of 2000 digits", body: `{"inputs":[0.${"3".repeat(2000)}]}` },
  { name: "a name that only an escape spells", body: '{"inputs":{"a\\"b":[1]}}', sig: sig({ 'a"b': DType.Float }) },
  { name: "a name that is not escaped", body: '{"inputs":{"a"b":[1]}}', sig: sig({ 'a"b': DType.Float }) },
  { name: "an input called b64", body: '{"instances":[{"b64":1}]}', sig: sig({ b64: DType.Float }) },
  { name: "an unknown dtype", body: '{"inputs":[1]}', sig: sig({ x: 99 as DType }) },
  { name: "no inputs", body: '{"inputs":[1]}', sig: sig({}) },
  { name: "a word that goes on", body: '{"inputs":[truely]}', sig: sig({ x: DType.Bool }) },
  { name: "a minus alone", body: '{"inputs":[-]}' },
  { name: "two minuses", body: '{"inputs":[--1]}' },
  { name: "the end after a number", body: '{"inputs":[1' },
  { name: "a brace for a bracket", body: '{"inputs":[1}}' },
  { name: "nothing after the key", body: '{"inputs":' },
  { name: "no colon", body: '{"inputs"[1]}' },
  { name: "no name", body: "{}" },
];
for (const tc of unusual)
  test(`both ways agree on ${tc.name}`, () => {
    for (const signature of [tc.sig ?? x, xy]) assertSame(bytes(tc.body), signature);
    for (const cut of [1, 2, 3, 5]) assertSame(bytes(tc.body).subarray(0, -cut), tc.sig ?? x);
  });

const digits = fc.string({ unit: fc.constantFrom(..."0123456789"), maxLength: 19 });
const number = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: -300, max: 300 }).map(String) },
  { weight: 4, arbitrary: fc.float().map((v) => (Number.isFinite(v) ? String(v) : "0.1")) },
  { weight: 4, arbitrary: fc.double().map((v) => (Number.isFinite(v) ? String(v) : "0.1")) },
  { weight: 2, arbitrary: fc.bigInt({ min: -(2n ** 65n), max: 2n ** 65n }).map(String) },
  {
    weight: 3,
    arbitrary: fc
      .tuple(fc.constantFrom("", "-", "+"), digits, fc.constantFrom("", "."), digits, fc.constantFrom("", "e", "E+", "e-"), fc.integer({ min: 0, max: 330 }))
      .map(([sign, whole, point, fraction, e, exponent]) => `${sign}${whole}${point}${point === "" ? "" : fraction}${e}${e === "" ? "" : exponent}`),
  },
  { weight: 1, arbitrary: fc.constantFrom("true", "false", "NaN", "null", '"s"', "{}", "[1]", "[]", "-0", "0.0", "-0e5", "2147483648", "1.5") },
);
const some = <T>(one: fc.Arbitrary<T>): fc.Arbitrary<T[]> => fc.array(one, { minLength: 1, maxLength: 3 });
const real = fc.constantFrom(DType.Float, DType.Double);
const whole = fc.constantFrom(DType.Int32, DType.Int16, DType.Int8, DType.UInt8, DType.UInt32, DType.Int64, DType.UInt64);
const any = fc.oneof(real, whole, fc.constantFrom(DType.Bool, DType.Half, DType.String));
/** What fits together, so that many documents are sound, and what does not. */
const kinds: fc.Arbitrary<{ dtypes: DType[]; numbers: string[] }> = fc.oneof(
  fc.record({ dtypes: some<DType>(real), numbers: some(fc.oneof(fc.float(), fc.double()).map((v) => (Number.isFinite(v) ? String(v) : "1.5e-3"))) }),
  fc.record({ dtypes: some<DType>(whole), numbers: some(fc.integer({ min: 0, max: 2 ** 31 - 1 }).map(String)) }),
  fc.record({ dtypes: some<DType>(fc.constant(DType.Bool)), numbers: some(fc.constantFrom("true", "false")) }),
  fc.record({ dtypes: some<DType>(any), numbers: some(number) }),
);
const between = fc.constantFrom(",", ", ", " ,", ",\n  ", ",\t");
const plan = fc.record({
  kinds,
  shape: fc.array(fc.integer({ min: 1, max: 3 }), { maxLength: 3 }),
  rows: fc.integer({ min: 1, max: 3 }),
  between,
  named: fc.boolean(),
  format: fc.constantFrom("row", "columnar"),
  name: fc.constantFrom("", "before", "after"),
  change: fc.option(
    fc.record({
      at: fc.nat(),
      drop: fc.integer({ min: 0, max: 2 }),
      put: fc.constantFrom("", "[", "]", "{", "}", ",", ":", '"', "0", ".", "-", "e", " ", "\\", "é", "],["),
    }),
    { freq: 1 },
  ),
});

test("both ways agree on random documents, sound and broken", () => {
  let sound = 0;
  fc.assert(
    fc.property(plan, (p) => {
      const { dtypes, numbers } = p.kinds;
      let next = 0;
      const nest = (shape: readonly number[]): string => {
        const [size, ...rest] = shape;
        if (size === undefined) return numbers[next++ % numbers.length]!;
        return `[${Array.from({ length: size }, () => nest(rest)).join(p.between)}]`;
      };
      const names = dtypes.map((_, i) => `in_${i}`);
      const named = p.named || dtypes.length > 1;
      const one = (): string => (named ? `{${names.map((name) => `"${name}":${nest(p.shape)}`).join(p.between)}}` : nest(p.shape));
      const value = p.format === "row" ? `"instances": [${Array.from({ length: p.rows }, one).join(p.between)}]` : `"inputs":${one()}`;
      const name = '"signature_name":"s"';
      let text = `{${p.name === "before" ? `${name},` : ""}${value}${p.name === "after" ? `,${name}` : ""}}`;
      const { change } = p;
      if (change !== null) {
        const at = change.at % text.length;
        text = text.slice(0, at) + change.put + text.slice(at + change.drop);
      }
      const signature = sig(Object.fromEntries(dtypes.map((d, i) => [names[i]!, d])));
      assertSame(bytes(text), signature);
      const head = readHead(bytes(text));
      if (head !== undefined && readTyped(bytes(text), head.at, typesOf(signature)!, head.format) !== undefined) sound++;
    }),
    { seed: 11, numRuns: 5000 },
  );
  assert.ok(sound > 1000, `only ${sound} documents went the short way`);
});
