import assert from "node:assert/strict";
import { test } from "node:test";
import { Code, codeName } from "@tfs/std";
import { statusOf } from "./status.ts";

const run = "Session fail to run with error: ";
const load = "Failed to load SavedModel: ";
const rows: readonly { readonly said: string; readonly own?: boolean; readonly code: Code; readonly text: string }[] = [
  { said: `${run}[8] no more`, own: true, code: Code.ResourceExhausted, text: "no more" },
  { said: `${load}[5] Could not find it`, own: true, code: Code.NotFound, text: "Could not find it" },
  { said: `${run}[99] odd`, own: true, code: Code.Unknown, text: "odd" },
  { said: `${run}[3] two\nlines`, own: true, code: Code.InvalidArgument, text: "two\nlines" },
  { said: `${run}[3] is a text of TensorFlow's here`, code: Code.Internal, text: "[3] is a text of TensorFlow's here" },
  { said: "Invalid TF_Status: 8\nMessage: OOM", code: Code.ResourceExhausted, text: "OOM" },
  { said: "Output op name can not be found in the graph.", code: Code.InvalidArgument, text: "Output op name can not be found in the graph." },
  { said: "Unhandled TF_DataType: 19\n", code: Code.Internal, text: "Unhandled TF_DataType: 19\n" },
  ...[true, undefined].map((own) => ({
    said: `${run}${own === true ? "[11] " : ""}Node 'y' (type: 'Add', num of outputs: 1) does not have output 7`,
    ...(own === undefined ? {} : { own }),
    code: Code.InvalidArgument,
    text: "y:7: output index too large, must be < 1",
  })),
  ...(
    [
      [Code.InvalidArgument, "Expects arg[0] to be float but bool is provided"],
      [Code.InvalidArgument, "You must feed a value for placeholder tensor 'x' with dtype float"],
      [Code.InvalidArgument, "Incompatible shapes: [2] vs. [3]\n\t [[{{node add}}]]"],
      [Code.InvalidArgument, "In[0] is not a matrix"],
      [Code.InvalidArgument, "indices[0] = 7 is not in [0, 5)"],
      [Code.InvalidArgument, "Could not parse example input, value: 'x'"],
      [Code.InvalidArgument, "Input to reshape is a tensor with 4 values, but the requested shape has 6"],
      [Code.NotFound, "Could not find meta graph def matching supplied tags: { x }"],
      [Code.NotFound, "Op type not registered 'Mine' in binary running on host"],
      [Code.ResourceExhausted, "OOM when allocating tensor with shape[100000,100000] and type float"],
      [Code.FailedPrecondition, "Attempting to use uninitialized value v"],
      [Code.FailedPrecondition, "Table not initialized."],
      [Code.Unimplemented, "The Conv2D op currently only supports the NHWC tensor format on the CPU"],
      [Code.Internal, "nobody knows this one"],
    ] as const
  ).map(([code, text]) => ({ said: `${run}${text}`, code, text })),
];
for (const { said, own, code, text } of rows)
  test(`tfjs: ${JSON.stringify(said)} is ${codeName(code)}${own === true ? " from an addon of ours" : ""}`, () => {
    const failure = statusOf(said, own === true);
    assert.deepEqual([failure.code, failure.message], [code, text]);
  });
