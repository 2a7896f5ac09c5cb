import assert from "node:assert/strict";
import { test } from "node:test";
import { fromJson, type JsonValue } from "@bufbuild/protobuf";
import { type MetaGraphDef, MetaGraphDefSchema } from "@tfs/proto";
import { Code } from "@tfs/std";
import { checkDtypes } from "./dtypes.ts";

/** meta has one signature, s, from x to y. */
function meta(input: string | number, output: string | number, name = "s"): MetaGraphDef {
  return fromJson(MetaGraphDefSchema, {
    signatureDef: { [name]: { inputs: { x: { name: "x:0", dtype: input } }, outputs: { y: { name: "y:0", dtype: output } } } },
  } as JsonValue);
}
const ours = "the tfjs engine does not have ";
const rows: readonly { readonly input: string; readonly output: string; readonly why?: string }[] = [
  ...["DT_FLOAT", "DT_INT32", "DT_INT64", "DT_BOOL", "DT_FLOAT_REF", "DT_STRING"].map((dtype) => ({ input: dtype, output: dtype })),
  { input: "DT_UINT8", output: "DT_FLOAT" },
  { input: "DT_FLOAT", output: "DT_COMPLEX64" },
  { input: "DT_FLOAT", output: "DT_UINT8", why: `${ours}uint8 (output y of signature s)` },
  { input: "DT_COMPLEX64", output: "DT_FLOAT", why: `${ours}complex64 (input x of signature s)` },
  { input: "DT_HALF", output: "DT_HALF", why: `${ours}half (input x of signature s, output y of signature s)` },
  { input: "DT_DOUBLE", output: "DT_UINT64", why: `${ours}double (input x of signature s), uint64 (output y of signature s)` },
  { input: "DT_FLOAT", output: "DT_INVALID", why: `${ours}dtype 0 (output y of signature s)` },
];
for (const { input, output, why } of rows)
  test(`tfjs: a signature from ${input} to ${output} is ${why === undefined ? "taken" : "refused"}`, () => {
    const check = (): void => checkDtypes(meta(input, output));
    if (why === undefined) check();
    else assert.throws(check, { code: Code.Unimplemented, message: why });
  });

test("tfjs: the signature that names the init op is nobody's to call", () => checkDtypes(meta("DT_FLOAT", "DT_INVALID", "__saved_model_init_op")));
