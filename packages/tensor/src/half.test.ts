import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { bfloat16ToFloat32, DType, type Float8, float8ToFloat32, float32ToBfloat16, float32ToFloat8, float32ToHalf, halfToFloat32 } from "./index.ts";

interface Golden {
  readonly conversions: { probe: string; narrow: Record<string, string>; widen: Record<string, string>; halfSha256: string };
}
const { conversions } = JSON.parse(readFileSync(new URL("../testdata/tensors.json", import.meta.url), "utf8")) as Golden;
const buffer = (b64: string): ArrayBuffer => new Uint8Array(Buffer.from(b64, "base64")).buffer;
const probe = new Float32Array(buffer(conversions.probe));

const float8s: Record<string, Float8> = {
  float8_e5m2: DType.Float8E5M2,
  float8_e4m3fn: DType.Float8E4M3FN,
  float8_e4m3fnuz: DType.Float8E4M3FNUZ,
  float8_e4m3b11fnuz: DType.Float8E4M3B11FNUZ,
  float8_e5m2fnuz: DType.Float8E5M2FNUZ,
};

test("float32 narrows to half as numpy does, bit for bit", () => {
  assert.deepEqual(float32ToHalf(probe), new Uint16Array(buffer(conversions.narrow["half"]!)));
});
test("float32 narrows to bfloat16 as ml_dtypes does, bit for bit", () => {
  assert.deepEqual(float32ToBfloat16(probe), new Uint16Array(buffer(conversions.narrow["bfloat16"]!)));
});
for (const [name, dtype] of Object.entries(float8s)) {
  test(`float32 narrows to ${name} as ml_dtypes does, bit for bit`, () => {
    assert.deepEqual(float32ToFloat8(dtype, probe), new Uint8Array(buffer(conversions.narrow[name]!)));
  });
  test(`every ${name} widens as ml_dtypes does`, () => {
    const all = Uint8Array.from({ length: 256 }, (_, i) => i);
    assert.deepEqual([...float8ToFloat32(dtype, all)], [...new Float32Array(buffer(conversions.widen[name]!))]);
  });
}
test("every half widens as numpy does", () => {
  const wide = halfToFloat32(Uint16Array.from({ length: 65536 }, (_, i) => i)).map((v) => (Number.isNaN(v) ? 0 : v));
  assert.equal(createHash("sha256").update(new Uint8Array(wide.buffer)).digest("hex"), conversions.halfSha256);
});
test("every half but NaN comes back from float32", () => {
  const all = Uint16Array.from({ length: 65536 }, (_, i) => i);
  const back = float32ToHalf(halfToFloat32(all));
  for (let i = 0; i < 65536; i++) if ((i & 0x7fff) <= 0x7c00) assert.equal(back[i], i);
});
test("every bfloat16 but NaN comes back from float32", () => {
  const all = Uint16Array.from({ length: 65536 }, (_, i) => i);
  const back = float32ToBfloat16(bfloat16ToFloat32(all));
  for (let i = 0; i < 65536; i++) if ((i & 0x7fff) <= 0x7f80) assert.equal(back[i], i);
});
test("NaN stays NaN", () => {
  assert.equal(float32ToHalf(Float32Array.of(Number.NaN))[0], 0x7e00);
  assert.equal(float32ToBfloat16(Float32Array.of(Number.NaN))[0], 0x7fc0);
});
