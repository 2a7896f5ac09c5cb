import assert from "node:assert/strict";
import { test } from "node:test";
import { fromText } from "@bufbuild/protobuf/txtpb";
import { SamplingConfigSchema } from "@tfs/proto/gen/tensorflow_serving/config/logging_config_pb.js";
import { Code } from "@tfs/std";
import { rateOf } from "./sampling.ts";

const task = { dc: "eu", index: 3 };
const per = (...entries: readonly string[]): string => `sampling_rate: 0.9 ${entries.map((entry) => `per_task_sampling_configs { ${entry} }`).join(" ")}`;
const rows: readonly { readonly name: string; readonly text: string; readonly want: number }[] = [
  { name: "nothing said is never", text: "", want: 0 },
  { name: "the general rate", text: "sampling_rate: 0.25", want: 0.25 },
  {
    name: "the first entry that matches wins",
    text: per('dc: "us" sampling_rate: 0.1', 'dc: "eu" sampling_rate: 0.2', 'dc: "eu" sampling_rate: 0.3'),
    want: 0.2,
  },
  { name: "an entry without a dc is for any", text: per("task_index: 3 sampling_rate: 0.4"), want: 0.4 },
  { name: "an entry without a task is for any", text: per('dc: "eu" sampling_rate: 0.5'), want: 0.5 },
  { name: "an entry without either is for all", text: per("sampling_rate: 0.6"), want: 0.6 },
  { name: "dc and task both have to match", text: per('dc: "eu" task_index: 4 sampling_rate: 0.1', 'dc: "us" task_index: 3 sampling_rate: 0.2'), want: 0.9 },
  { name: "task 0 is another one than no task", text: per("task_index: 0 sampling_rate: 0.1"), want: 0.9 },
  { name: "an entry may say never", text: per('dc: "eu"'), want: 0 },
];
for (const { name, text, want } of rows) test(`sampling: ${name}`, () => assert.equal(rateOf(fromText(SamplingConfigSchema, text), task), want));
test("sampling: no configuration is never", () => assert.equal(rateOf(undefined, task), 0));

for (const text of ["sampling_rate: 1.5", "sampling_rate: -0.1", "sampling_rate: nan", per('dc: "us" sampling_rate: 2')]) {
  test(`sampling: refused: ${text}`, () =>
    assert.throws(() => rateOf(fromText(SamplingConfigSchema, text), task), {
      code: Code.InvalidArgument,
      message: /^sampling_rate \S+ is not between 0 and 1$/,
    }));
}
