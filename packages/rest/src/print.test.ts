// Holds the printer that writes straight into bytes to a plain one made of strings, and its numbers to what reading them back gives.
import assert from "node:assert/strict";
import { test } from "node:test";
import { create, toBinary } from "@bufbuild/protobuf";
import { PredictResponseSchema } from "@tfs/proto";
import { Code, isFailure } from "@tfs/std";
import { DType, elementCount, fromStrings, newTensor, type Tensor, toMessage } from "@tfs/tensor";
import fc from "fast-check";
import { type Format, printPredict, printPredictResponse } from "./index.ts";
import { printDouble, printFloat, shortestDouble, shortestFloat } from "./number.ts";
import { putFloat, putInteger } from "./print_number.ts";
import { base64, quoted } from "./writer.ts";

const string = (body: Uint8Array): string => new TextDecoder("utf-8", { ignoreBOM: true }).decode(body);
const f32 = new Float32Array(1);
const u32 = new Uint32Array(f32.buffer);

function floatText(word: number, shortest = false): string {
  u32[0] = word;
  const bytes = new Uint8Array(32);
  const end = putFloat(bytes, 0, f32[0]!, u32[0]!, shortest);
  assert.ok(end <= 15, `${end} bytes`);
  return string(bytes.subarray(0, end));
}

// Rows of Python's "%.6g" and "%.9g", by TensorFlow's rule (FloatToBuffer in tensorflow/tsl/platform/numbers.cc).
const floats: { value: number; want: string; shortest?: string }[] = [
  { value: 1, want: "1.0" },
  { value: 0, want: "0.0" },
  { value: -0, want: "-0.0" },
  { value: 0.2, want: "0.2" },
  { value: 1 / 3, want: "0.333333343", shortest: "0.33333334" },
  { value: 9e6, want: "9e+06", shortest: "9000000.0" },
  { value: 999999, want: "999999.0" },
  { value: 999999.5, want: "999999.5" },
  { value: 1e6, want: "1e+06", shortest: "1000000.0" },
  { value: 555557.5, want: "555557.5" },
  { value: 16777216, want: "16777216.0" },
  { value: 131072.0625, want: "131072.062", shortest: "131072.06" },
  { value: 1e-4, want: "0.0001" },
  { value: 1e-5, want: "1e-05" },
  { value: 0.000099999997, want: "0.0001" },
  { value: 0.00009999999, want: "9.99999902e-05", shortest: "9.999999e-05" },
  { value: 1e9, want: "1e+09" },
  { value: 123456789, want: "123456792.0", shortest: "123456790.0" },
  { value: 3.4028234663852886e38, want: "3.40282347e+38", shortest: "3.4028235e+38" },
  { value: 1.1754943508222875e-38, want: "1.17549435e-38", shortest: "1.1754944e-38" },
  { value: 1.401298464324817e-45, want: "1.4013e-45", shortest: "1e-45" },
  { value: 1.17549421069e-38, want: "1.17549421e-38", shortest: "1.1754942e-38" },
  { value: Number.NaN, want: "NaN" },
  { value: Number.POSITIVE_INFINITY, want: "Infinity" },
  { value: Number.NEGATIVE_INFINITY, want: "-Infinity" },
];
for (const tc of floats)
  test(`float ${tc.value} is ${tc.want}`, () => {
    f32[0] = tc.value;
    const word = u32[0]!;
    assert.equal(floatText(word), tc.want);
    assert.equal(printFloat(f32[0]), tc.want);
    assert.equal(floatText(word, true), tc.shortest ?? tc.want);
  });

const significant = (number: string): number => number.replace(/e.*|[-.]/g, "").replace(/^0+|0+$/g, "").length;

test("floats are written as text made the long way, and read back the same", () => {
  const word = fc.oneof(
    fc.integer({ min: 0, max: 2 ** 32 - 1 }),
    fc.tuple(fc.integer({ min: 0, max: 511 }), fc.constantFrom(0, 1, 2, 3, 0x3fffff, 0x400000, 0x7ffffe, 0x7fffff)).map(([e, m]) => e * 2 ** 23 + m),
    fc.tuple(fc.integer({ min: -1e7, max: 1e7 }), fc.integer({ min: -44, max: 38 })).map(([m, e]) => {
      f32[0] = Number(`${m}e${e}`);
      return u32[0]!;
    }),
  );
  fc.assert(
    fc.property(word, (w) => {
      const [text, short] = [floatText(w), floatText(w, true)];
      u32[0] = w;
      const value = f32[0]!;
      assert.equal(text, printFloat(value));
      assert.equal(short, shortestFloat(value));
      for (const t of [text, short]) assert.ok(Object.is(Math.fround(Number(t)), value), `${t} for ${value}`);
      assert.ok(significant(short) <= significant(text), `${short} for ${text}`);
    }),
    { seed: 5, numRuns: 20_000 },
  );
});
test("doubles read back the same", () => {
  fc.assert(
    fc.property(fc.double(), (value) => {
      for (const text of [printDouble(value), shortestDouble(value)]) {
        assert.ok(Object.is(Number(text), value), `${text} for ${value}`);
        assert.match(text, /[.eIN]/);
      }
    }),
    { seed: 6, numRuns: 3000 },
  );
});
test("integers of up to 53 bits are written as they are", () => {
  const bytes = new Uint8Array(32);
  fc.assert(
    fc.property(fc.oneof(fc.integer({ min: -2000, max: 2000 }), fc.maxSafeInteger()), (value) => {
      assert.equal(string(bytes.subarray(0, putInteger(bytes, 0, value))), String(value));
    }),
    { seed: 7, numRuns: 3000 },
  );
});

/** plain is the answer's text made of strings, element by element. */
function plain(outputs: ReadonlyMap<string, Tensor>, format: Format, shortest: boolean): string {
  const pad = (depth: number): string => "    ".repeat(depth);
  const element = (alias: string, t: Tensor, i: number, depth: number): string => {
    const v = t.data[i];
    if (t.dtype === DType.Float) return (shortest ? shortestFloat : printFloat)(v as number);
    if (t.dtype === DType.Double) return (shortest ? shortestDouble : printDouble)(v as number);
    if (t.dtype === DType.Bool) return v === 0 ? "false" : "true";
    if (t.dtype !== DType.String) return String(v);
    return alias.endsWith("_bytes") ? `{\n${pad(depth + 1)}"b64": "${base64(v as Uint8Array)}"\n${pad(depth)}}` : quoted(v as Uint8Array);
  };
  const list = (alias: string, t: Tensor, shape: readonly number[], from: number, depth: number, lines: boolean): string => {
    const [size, ...rest] = shape;
    if (size === undefined) return element(alias, t, from, depth);
    const inner = lines ? depth + 1 : depth;
    const parts = Array.from({ length: size }, (_, i) => list(alias, t, rest, from + i * elementCount(rest), inner, lines));
    if (!lines) return `[${parts.join(", ")}]`;
    return size === 0 ? "[]" : `[\n${parts.map((p) => pad(inner) + p).join(",\n")}\n${pad(depth)}]`;
  };
  const named = [...outputs];
  if (format === "columnar") {
    if (named.length === 1) return `{\n    "outputs": ${list(...named[0]!, named[0]![1].shape, 0, 1, true)}\n}`;
    return `{\n    "outputs": {\n${named.map(([a, t]) => `${pad(2)}"${a}": ${list(a, t, t.shape, 0, 2, true)}`).join(",\n")}\n    }\n}`;
  }
  const rows = named[0]![1].shape[0]!;
  const row = (a: string, t: Tensor, i: number, depth: number): string => {
    const shape = t.shape.slice(1);
    return list(a, t, shape, i * elementCount(shape), depth, false);
  };
  const each = (of: (i: number) => string): string[] => Array.from({ length: rows }, (_, i) => of(i));
  if (rows === 0) return '{\n    "predictions": []\n}';
  if (named.length === 1) return `{\n    "predictions": [${each((i) => row(...named[0]!, i, 2)).join(", ")}\n    ]\n}`;
  const items = each((i) => `${pad(2)}{\n${named.map(([a, t]) => `${pad(3)}"${a}": ${row(a, t, i, 3)}`).join(",\n")}\n${pad(2)}}`);
  return `{\n    "predictions": [\n${items.join(",\n")}\n    ]\n}`;
}

const words = fc.array(fc.integer({ min: 0, max: 2 ** 32 - 1 }), { minLength: 8, maxLength: 40 });
const small = fc.array(fc.integer({ min: 0, max: 300 }), { minLength: 8, maxLength: 40 });
const texts = fc.array(
  fc.oneof(
    fc.uint8Array({ maxLength: 9 }),
    fc.string({ unit: "binary", maxLength: 6 }).map((s) => new TextEncoder().encode(s)),
  ),
  { minLength: 1, maxLength: 5 },
);
const dtypes = [
  DType.Float,
  DType.Float,
  DType.Double,
  DType.Int32,
  DType.Int16,
  DType.Int8,
  DType.UInt8,
  DType.UInt32,
  DType.Int64,
  DType.UInt64,
  DType.Bool,
  DType.String,
] as const;
const part = fc.record({
  dtype: fc.constantFrom(...dtypes),
  inner: fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 3 }),
  bits: fc.oneof(words, small),
  texts,
  alias: fc.constantFrom("y", "probabilities", "größe", "raw_bytes", "7"),
});

/** tensorOf makes a tensor whose bytes are the words, over and over. */
function tensorOf({ dtype, inner, bits, texts: values }: typeof part extends fc.Arbitrary<infer T> ? T : never, rows: number): Tensor {
  const shape = [rows, ...inner];
  const n = elementCount(shape);
  if (dtype === DType.String)
    return newTensor(
      dtype,
      shape,
      Array.from({ length: n }, (_, i) => values[i % values.length]!),
    );
  const raw = Uint32Array.from({ length: 2 * n }, (_, i) => bits[i % bits.length]!);
  const arrays = {
    [DType.Float]: Float32Array,
    [DType.Double]: Float64Array,
    [DType.Int32]: Int32Array,
    [DType.Int16]: Int16Array,
    [DType.Int8]: Int8Array,
    [DType.UInt8]: Uint8Array,
    [DType.UInt32]: Uint32Array,
    [DType.Int64]: BigInt64Array,
    [DType.UInt64]: BigUint64Array,
    [DType.Bool]: Uint8Array,
  };
  const data = new arrays[dtype](raw.buffer, 0, n);
  return newTensor(dtype, shape, dtype === DType.Bool ? Uint8Array.from(data as Uint8Array, (v) => v & 1) : data);
}

test("answers are what strings would give, from tensors and from messages of both forms, in both formats", () => {
  fc.assert(
    fc.property(fc.array(part, { minLength: 1, maxLength: 3 }), fc.integer({ min: 0, max: 3 }), fc.boolean(), fc.boolean(), (parts, rows, shortest, scalar) => {
      const outputs = new Map(parts.map((p, i) => [i === 0 ? p.alias : `out_${i}`, tensorOf(p, rows)]));
      if (scalar) outputs.set("scalar", newTensor(DType.Float, [], Float32Array.of(0.5)));
      const options = shortest ? ({ numbers: "shortest" } as const) : {};
      for (const format of scalar ? (["columnar"] as const) : (["row", "columnar"] as const)) {
        const want = plain(outputs, format, shortest);
        assert.equal(string(printPredict(outputs, format, options)), want);
        for (const form of ["content", "values"] as const) {
          // Generated code sorts names that look like numbers to the front; so does this.
          const message = create(PredictResponseSchema, {
            modelSpec: { name: "m" },
            outputs: Object.fromEntries([...outputs].map(([a, t]) => [a, toMessage(t, form)])),
          });
          assert.equal(string(printPredictResponse(toBinary(PredictResponseSchema, message), format, options)), want);
        }
      }
    }),
    { seed: 8, numRuns: 1500 },
  );
});
test("a mark at the start of a string is kept", () => {
  assert.match(string(printPredict(new Map([["s", fromStrings(["\ufeffé"], [1])]]), "row")), /"\ufeffé"/);
});

test("any bytes for a message give text or a failure", () => {
  const whole = toBinary(
    PredictResponseSchema,
    create(PredictResponseSchema, { modelSpec: { name: "m" }, outputs: { y: toMessage(newTensor(DType.Float, [2], Float32Array.of(1, 2))) } }),
  );
  fc.assert(
    fc.property(fc.nat(whole.length), fc.nat(whole.length), fc.nat(255), (cut, at, byte) => {
      const message = whole.slice(0, cut);
      if (at < cut) message[at] = byte;
      try {
        printPredictResponse(message, "row");
      } catch (err) {
        assert.ok(isFailure(err), String(err));
      }
    }),
    { seed: 9, numRuns: 3000 },
  );
});
const broken: { name: string; message: number[] }[] = [
  { name: "a message that is cut off", message: [0x0a, 0x05, 0x0a] },
  { name: "a tag that never ends", message: [0x8a, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80] },
  { name: "an entry that is shorter than its parts", message: [0x0a, 0x02, 0x0a, 0x03, 0x61, 0x62, 0x63] },
  { name: "a group", message: [0x0b] },
];
for (const tc of broken)
  test(`refusing ${tc.name}`, () =>
    assert.throws(() => printPredictResponse(Uint8Array.from(tc.message), "row"), { code: Code.Internal, message: /no PredictResponse/ }));
test("of two outputs of one name the later one counts, in the place of the first", () => {
  const one = (alias: string, value: number): Uint8Array =>
    toBinary(PredictResponseSchema, create(PredictResponseSchema, { outputs: { [alias]: toMessage(newTensor(DType.Int32, [1], Int32Array.of(value))) } }));
  const message = Uint8Array.of(...one("b", 1), ...one("a", 2), ...one("b", 3), 0x18, 0x01); // and a field that nobody knows
  assert.equal(string(printPredictResponse(message, "row")).replace(/\s/g, ""), '{"predictions":[{"b":3,"a":2}]}');
});
