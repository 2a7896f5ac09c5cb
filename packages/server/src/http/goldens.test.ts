import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { SignatureDefSchema } from "@tfs/proto";
import { parsePredictResponse, printPredictRequest } from "@tfs/rest";
import { slice, type Tensor } from "@tfs/tensor";
import { assertClose, type GoldenTensor, goldenTensor } from "@tfs/tensor/testing";
import { models, serve } from "../testing/index.ts";

const served = await serve(
  readdirSync(models, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name),
);
after(() => served[Symbol.asyncDispose]());

interface Case {
  readonly name: string;
  readonly inputs: Record<string, GoldenTensor>;
  readonly outputs?: Record<string, GoldenTensor>;
  readonly tolerance: number;
}
const finite = (t: Tensor): boolean => !Array.from(t.data as ArrayLike<unknown>).some((v) => typeof v === "number" && !Number.isFinite(v));

/** Rows need a first dimension that all inputs and outputs share. */
const rowable = (tensors: readonly GoldenTensor[]): boolean => tensors.every((t) => t.shape.length > 0 && t.shape[0] === tensors[0]!.shape[0]);

/** rows prints the same inputs as one object for each index of the first dimension. */
function rows(inputs: ReadonlyMap<string, Tensor>, signatureName: string): string {
  const [first] = inputs.values();
  const row = (i: number): string => {
    const values = [...inputs].map(([alias, t]): [string, Tensor] => [alias, { ...slice(t, i, i + 1), shape: t.shape.slice(1) }]);
    const text = new TextDecoder().decode(printPredictRequest(new Map(values)));
    return text.slice('{"inputs":'.length, -1);
  };
  return `{"signature_name":${JSON.stringify(signatureName)},"instances":[${Array.from({ length: first!.shape[0]! }, (_, i) => row(i)).join(",")}]}`;
}

for (const entry of readdirSync(models, { withFileTypes: true }).filter((e) => e.isDirectory())) {
  const file = JSON.parse(readFileSync(join(models, entry.name, "golden.json"), "utf8")) as {
    versions: Record<string, { signatures: Record<string, { cases: Case[] }> }>;
  };
  const version = Object.keys(file.versions).sort((a, b) => Number(b) - Number(a))[0]!;
  for (const [signatureName, { cases }] of Object.entries(file.versions[version]!.signatures)) {
    for (const tc of cases) {
      const tensors = [...Object.values(tc.inputs), ...Object.values(tc.outputs ?? {})];
      const empty = tensors.some((t) => t.shape.includes(0));
      // What JSON carries: not every dtype, no empty tensors (their inner dimensions are lost), no bytes that are not UTF-8 in an answer.
      if (tc.outputs === undefined || empty || tensors.some((t) => /COMPLEX|FLOAT4/.test(t.dtype)) || entry.name === "dtype_string") continue;
      for (const format of rowable(tensors) ? (["row", "columnar"] as const) : (["columnar"] as const)) {
        test(`REST: ${entry.name} ${signatureName}: ${tc.name}: TensorFlow's answer, ${format}`, async () => {
          const inputs = new Map(Object.entries(tc.inputs).map(([alias, t]) => [alias, goldenTensor(t)]));
          const body = format === "row" ? rows(inputs, signatureName) : new Uint8Array(printPredictRequest(inputs, { signatureName }));
          const got = await fetch(`${served.rest}/v1/models/${entry.name}:predict`, { method: "POST", body });
          const bytes = new Uint8Array(await got.arrayBuffer());
          assert.equal(got.status, 200, new TextDecoder().decode(bytes));
          const outputs = Object.fromEntries(Object.entries(tc.outputs!).map(([alias, t]) => [alias, { dtype: goldenTensor(t).dtype }]));
          const answer = parsePredictResponse(bytes, create(SignatureDefSchema, { outputs }));
          for (const [alias, want] of Object.entries(tc.outputs!))
            assertClose(answer.get(alias)!, goldenTensor(want), finite(goldenTensor(want)) ? tc.tolerance : 0, alias);
        });
      }
    }
  }
}
