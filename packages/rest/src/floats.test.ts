// Floats by WebAssembly, in documents larger than its window: whatever stands where one window ends, what is read is what numbers.ts reads.
import assert from "node:assert/strict";
import { test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { type SignatureDef, SignatureDefSchema } from "@tfs/proto";
import { toFailure } from "@tfs/std";
import { DType } from "@tfs/tensor";
import { newFloats, newReader } from "./floats.ts";
import { parsePredict, type PredictInputs } from "./index.ts";
import { anyNumber, newRandom, type Random } from "./testing/index.ts";

const floats = newFloats();
const signatureOf = (...aliases: readonly string[]): SignatureDef =>
  create(SignatureDefSchema, { inputs: Object.fromEntries(aliases.map((alias) => [alias, { dtype: DType.Float as never }])) });
const x = signatureOf("x");

function outcome(body: Uint8Array, signature: SignatureDef, options: Parameters<ReturnType<typeof parsePredict>["inputs"]>[1]): unknown {
  try {
    return parsePredict(body).inputs(signature, options);
  } catch (err) {
    const { code, message } = toFailure(err);
    return { code, message };
  }
}

/** same holds both readers to each other, and tells whether there was something to read. */
function same(text: string, signature: SignatureDef): boolean {
  const body = new TextEncoder().encode(text);
  const [want, got] = [outcome(body, signature, {}), outcome(body, signature, { floats })];
  assert.deepEqual(got, want, `${text.slice(0, 100)} …`);
  return (got as Partial<PredictInputs>).inputs !== undefined;
}

const windowBytes = 32 * 1024;
const usual = (r: Random): string => (r.next() * 4 - 2).toPrecision(1 + r.below(9));
const many = (r: Random, count: number, number: (r: Random) => string): string[] => Array.from({ length: count }, () => number(r));

test("WebAssembly has SIMD here", () => assert.ok(newReader() !== undefined));

const rows: readonly { readonly name: string; readonly text: (r: Random) => string; readonly signature?: SignatureDef; readonly sound?: false }[] = [
  { name: "usual numbers", text: (r) => `{"instances":[${many(r, 20_000, usual).join(",")}]}` },
  { name: "of every kind", text: (r) => `{"instances":[${many(r, 20_000, anyNumber).join(", ")}]}` },
  { name: "in lists of three in lists", text: (r) => `{"instances":[[[${many(r, 9_000, (one) => many(one, 3, usual).join(",")).join("],[")}]]]}` },
  {
    name: "with blanks after commas and between lists",
    text: (r) => `{"instances": [[${many(r, 9_000, (one) => many(one, 3, usual).join(", ")).join("], [")}]]}`,
  },
  { name: "one on each line", text: (r) => `{"instances":[\n  ${many(r, 9_000, usual).join(",\n  ")}\n]}` },
  { name: "with blanks in front of commas", text: (r) => `{"instances":[${many(r, 9_000, usual).join(" ,")} ]}` },
  {
    name: "with blanks as long as two windows",
    text: (r) => `{"instances":[${usual(r)},${" ".repeat(2 * windowBytes)}${usual(r)}${" ".repeat(2 * windowBytes)},1.5]}`,
  },
  { name: "a number as long as two windows", text: () => `{"instances":[1.5,0.${"3".repeat(2 * windowBytes)},2.5]}` },
  { name: "a whole one as long as 300 digits", text: (r) => `{"instances":[${many(r, 100, (one) => `1${one.digits(299)}`).join(",")}]}` },
  {
    name: "two inputs in turn",
    text: (r) => `{"instances":[${many(r, 3_000, (one) => `{"x":[${many(one, 3, usual).join(",")}],"y":[${usual(one)}]}`).join(",")}]}`,
    signature: signatureOf("x", "y"),
  },
  { name: "lists of two lengths", text: (r) => `{"instances":[[${many(r, 9_000, (one) => many(one, 3, usual).join(",")).join("],[")},1]]}`, sound: false },
  { name: "a list that is not closed", text: (r) => `{"instances":[${many(r, 9_000, usual).join(",")}}`, sound: false },
  { name: "a number that ends with the body", text: (r) => `{"instances":[${many(r, 9_000, usual).join(",")}`, sound: false },
  { name: "a comma too many", text: (r) => `{"instances":[${many(r, 9_000, usual).join(",")},]}`, sound: false },
  { name: "a word among them", text: (r) => `{"instances":[${many(r, 9_000, usual).join(",")},true]}`, sound: false },
  { name: "a zero in front", text: (r) => `{"instances":[${many(r, 9_000, usual).join(",")},01.5]}`, sound: false },
  { name: "a point without digits", text: (r) => `{"instances":[${many(r, 9_000, usual).join(",")},1.]}`, sound: false },
  { name: "a letter among the digits", text: (r) => `{"instances":[${many(r, 9_000, usual).join(",")},1.2x4]}`, sound: false },
  { name: "two signs", text: (r) => `{"instances":[${many(r, 9_000, usual).join(",")},--1.5]}`, sound: false },
];
for (const { name, text, signature = x, sound = true } of rows)
  test(`floats: ${name}`, () => {
    const r = newRandom(7);
    assert.equal(same(text(r), signature), sound);
  });

test("floats: a number of each kind across the end of the window, byte by byte", () => {
  const tails = ["-1.5", "0.12345678", "12345678.25", "1e-7", "0.123456789012345678", "-0.0", "7", "123456789012345678901234567890"];
  for (const tail of tails)
    for (let shift = 0; shift < 100; shift++) {
      const before = "1.5,".repeat((windowBytes - 100) >> 2);
      same(`{"instances":[${"2.5,".repeat(2)}${before}${"9".repeat(1 + (shift % 7))},${"1,".repeat(shift >> 1)}${tail},${tail},[]]}`.replace(",[]", ""), x);
    }
});
