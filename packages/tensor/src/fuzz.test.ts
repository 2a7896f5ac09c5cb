import assert from "node:assert/strict";
import { test } from "node:test";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { TensorProtoSchema } from "@tfs/proto";
import { Code, codeOf, isFailure } from "@tfs/std";
import fc from "fast-check";
import { allocate, DType, decode, encode, type Form, fromBytes, fromMessage, layoutOf, newTensor, numeric, type Tensor, toBytes, toMessage } from "./index.ts";

const forms = fc.constantFrom<Form>("content", "values");

const anyTensor: fc.Arbitrary<Tensor> = fc
  .record({
    dtype: fc.constantFrom(...Object.values(DType).filter((d) => d !== DType.Resource && d !== DType.Variant)),
    shape: fc.array(fc.nat(4), { maxLength: 4 }),
    seed: fc.array(fc.nat(255), { minLength: 16, maxLength: 64 }),
  })
  .map(({ dtype, shape, seed }) => {
    const zeros = allocate(dtype, shape);
    if (dtype === DType.String) {
      const strings = Array.from({ length: zeros.data.length }, (_, i) => Uint8Array.from(seed.slice(0, i % 9)));
      return newTensor(dtype, shape, strings);
    }
    const raw = toBytes(zeros).map((_, i) => (dtype === DType.Bool ? seed[i % seed.length]! & 1 : seed[(i * 7) % seed.length]!));
    return fromBytes(dtype, shape, raw);
  });

test("any tensor survives both forms, and generated code agrees", () => {
  fc.assert(
    fc.property(anyTensor, forms, (t, form) => {
      const wire = encode(t, form);
      assert.deepEqual(toBytes(decode(wire)), toBytes(t));
      assert.deepEqual(decode(wire).shape, t.shape);
      const message = fromBinary(TensorProtoSchema, wire);
      if (t.data.length > 0) assert.deepEqual(toBinary(TensorProtoSchema, message), wire); // an empty tensor differs in nothing but that it is empty
      assert.deepEqual(toBytes(fromMessage(message)), toBytes(t));
      assert.deepEqual(toBytes(fromMessage(toMessage(t, form))), toBytes(t));
    }),
    { seed: 1, numRuns: 1000 },
  );
});

/** pieces cuts a message into its top-level fields, and each packed list of varints or fixed numbers into single values. */
function pieces(wire: Uint8Array, field: number, kind: string): Uint8Array[] {
  const out: Uint8Array[] = [];
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = wire[at++]!;
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  };
  while (at < wire.length) {
    const start = at;
    const key = varint();
    if ((key & 7) === 0) {
      varint();
      out.push(wire.slice(start, at));
      continue;
    }
    const length = varint();
    const body = at;
    at += length;
    if (key >>> 3 !== field || kind === "bytes" || kind === "raw") {
      out.push(wire.slice(start, at));
      continue;
    }
    const tag = (type: number): number[] => (field < 16 ? [field * 8 + type] : [((field * 8 + type) & 127) | 128, (field * 8 + type) >> 7]);
    for (let from = body; from < at; ) {
      let to = from + (kind === "fixed32" ? 4 : kind === "fixed64" ? 8 : 1);
      if (kind === "varint") while (wire[to - 1]! >= 128) to++;
      out.push(Uint8Array.of(...tag(kind === "varint" ? 0 : kind === "fixed64" ? 1 : 5), ...wire.subarray(from, to)));
      from = to;
    }
  }
  return out;
}

test("single values, fields in any order and unknown fields between them mean what generated code says they mean", () => {
  const unknown = [
    Uint8Array.of(0xf8, 7, 1),
    Uint8Array.of(0xfa, 7, 2, 9, 9),
    Uint8Array.of(0xfd, 7, 1, 2, 3, 4),
    Uint8Array.of(0xf9, 7, 1, 2, 3, 4, 5, 6, 7, 8),
  ];
  fc.assert(
    fc.property(anyTensor, fc.array(fc.nat(3), { maxLength: 3 }), fc.boolean(), (t, extra, valuesFirst) => {
      const { field, kind } = layoutOf(t.dtype);
      const parts = pieces(encode(t, "values"), field, kind);
      for (const i of extra) parts.splice((i * 5) % (parts.length + 1), 0, unknown[i]!);
      const header = parts.filter((p) => p[0] === 8 || p[0] === 18);
      const rest = parts.filter((p) => p[0] !== 8 && p[0] !== 18);
      const wire = Buffer.concat(valuesFirst ? [...rest, ...header.reverse()] : [...header, ...rest]);
      const got = decode(wire);
      assert.deepEqual(toBytes(got), toBytes(t));
      assert.deepEqual(got.shape, t.shape);
      assert.deepEqual(toBytes(fromMessage(fromBinary(TensorProtoSchema, wire))), toBytes(t));
    }),
    { seed: 4, numRuns: 1000 },
  );
});

test("no bytes make decode do anything but answer or fail clearly, within its limits", () => {
  const maxBytes = 1 << 20;
  const check = (wire: Uint8Array): void => {
    try {
      const got = decode(wire, { maxBytes, maxFillBytes: 1 << 16 });
      assert.ok((numeric(got.data)?.byteLength ?? got.data.length * 128) <= maxBytes);
    } catch (err) {
      assert.ok(isFailure(err), String(err));
      assert.equal(codeOf(err), Code.InvalidArgument);
    }
  };
  const damaged = fc.property(anyTensor, forms, fc.array(fc.tuple(fc.nat(400), fc.nat(255)), { maxLength: 6 }), fc.nat(400), (t, form, flips, cut) => {
    const wire = encode(t, form);
    for (const [at, value] of flips) wire[at % wire.length] = value;
    check(wire.subarray(0, Math.max(1, wire.length - (cut % 5))));
  });
  fc.assert(damaged, { seed: 2, numRuns: 5000 });
  fc.assert(fc.property(fc.uint8Array({ maxLength: 64 }), check), { seed: 3, numRuns: 5000 });
  // Fields that are plausible one by one, in any combination: bare bytes seldom get past the first tag.
  const plausible = fc.oneof(
    fc.integer({ min: 0, max: 140 }).map((d) => Uint8Array.of(8, d)),
    fc.array(fc.bigInt({ min: -2n, max: 2n ** 40n }), { maxLength: 4 }).map((dims) => {
      const m = create(TensorProtoSchema, { tensorShape: { dim: dims.map((size) => ({ size })) } });
      return toBinary(TensorProtoSchema, m);
    }),
    fc.tuple(fc.integer({ min: 4, max: 15 }), fc.uint8Array({ maxLength: 24 })).map(([field, body]) => Uint8Array.of(field * 8 + 2, body.length, ...body)),
    fc
      .tuple(fc.integer({ min: 16, max: 19 }), fc.uint8Array({ maxLength: 24 }))
      .map(([field, body]) => Uint8Array.of(((field * 8 + 2) & 127) | 128, 1, body.length, ...body)),
  );
  fc.assert(
    fc.property(fc.array(plausible, { maxLength: 6 }), (fields) => check(Buffer.concat(fields))),
    { seed: 5, numRuns: 10000 },
  );
});
