import assert from "node:assert/strict";
import { test } from "node:test";
import { fromText } from "@bufbuild/protobuf/txtpb";
import { BatchingParametersSchema } from "@tfs/proto/gen/tensorflow_serving/servables/tensorflow/session_bundle_config_pb.js";
import { Code } from "@tfs/std";
import { checkThreads, type Limits, limitsOf, parametersOf } from "./parameters.ts";

const read = (text: string) => parametersOf(fromText(BatchingParametersSchema, text));
const defaults: Limits = { maxTaskRows: 1000, maxBatchRows: 1000, maxBatches: 10, timeoutMs: 0, splits: false, pads: false, allowedSizes: [], downSizes: [] };

const good: readonly { readonly text: string; readonly want: Partial<Limits> }[] = [
  { text: "", want: {} },
  {
    text: "max_batch_size { value: 32 } batch_timeout_micros { value: 1500 } max_enqueued_batches { value: 7 } num_batch_threads { value: 3 }",
    want: { maxTaskRows: 32, maxBatchRows: 32, timeoutMs: 1.5, maxBatches: 7 },
  },
  { text: 'thread_pool_name { value: "pool" } pad_variable_length_inputs: true', want: { pads: true } },
  { text: "max_enqueued_batches { value: 0 }", want: { maxBatches: 1 } },
  { text: "max_batch_size { value: 4 } allowed_batch_sizes: [2, 4]", want: { maxTaskRows: 4, maxBatchRows: 4, allowedSizes: [2, 4] } },
  { text: "max_batch_size { value: 4 } allowed_batch_sizes: [3, 1, 4]", want: { maxTaskRows: 4, maxBatchRows: 4, allowedSizes: [1, 3, 4] } },
  { text: "allowed_batch_sizes: 1000", want: { allowedSizes: [1000] } },
  { text: "max_execution_batch_size { value: 5 }", want: {} },
  {
    text: "enable_large_batch_splitting { value: true } max_batch_size { value: 9 } max_execution_batch_size { value: 4 }",
    want: { maxTaskRows: 9, maxBatchRows: 4, splits: true },
  },
  { text: "enable_large_batch_splitting { value: true } max_batch_size { value: 9 }", want: { maxTaskRows: 9, maxBatchRows: 9, splits: true } },
  { text: "enable_large_batch_splitting { value: true }", want: { splits: true } },
];
for (const { text, want } of good) test(`batching parameters: ${text || "none"}`, () => assert.deepEqual(limitsOf(read(text)), { ...defaults, ...want }));

const split = "enable_large_batch_splitting { value: true }";
const bad: readonly { readonly text: string; readonly want: string }[] = [
  {
    text: "max_batch_size { value: 4 } allowed_batch_sizes: [4, 2]",
    want: "Last entry in allowed_batch_sizes must match max_batch_size; last entry was 2; expected 4",
  },
  {
    text: "max_batch_size { value: 4 } allowed_batch_sizes: [2, 8]",
    want: "Last entry in allowed_batch_sizes must match max_batch_size; last entry was 8; expected 4",
  },
  { text: "allowed_batch_sizes: 8", want: "Last entry in allowed_batch_sizes must match max_batch_size; last entry was 8; expected 1000" },
  {
    text: `${split} max_batch_size { value: 8 } max_execution_batch_size { value: 4 } allowed_batch_sizes: 4`,
    want: "Last entry in allowed_batch_sizes must match max_batch_size; last entry was 4; expected 8",
  },
  { text: "max_batch_size { value: 0 }", want: "input_batch_size_limit must be positive; was 0" },
  { text: "batch_timeout_micros { value: -1 }", want: "batch_timeout_micros must be non-negative; was -1" },
  { text: `${split} max_enqueued_batches { value: 0 }`, want: "max_enqueued_batches must be positive; was 0" },
  { text: `${split} max_execution_batch_size { value: 0 }`, want: "max_execution_batch_size must be positive; was 0" },
  {
    text: `${split} max_batch_size { value: 3 } max_execution_batch_size { value: 4 }`,
    want: "When enable_large_batch_splitting is true, input_batch_size_limit must be greater than or equal to max_execution_batch_size.134",
  },
];
for (const { text, want } of bad)
  test(`batching parameters refused: ${text}`, () => assert.throws(() => limitsOf(read(text)), { code: Code.InvalidArgument, message: want }));

test("batches are made smaller for the sizes that are allowed only where that is asked for", () => {
  const text = "max_batch_size { value: 4 } allowed_batch_sizes: [4, 2, 4]";
  assert.deepEqual(limitsOf(read(text), "BATCH_DOWN").downSizes, [2, 4, 4]);
  assert.deepEqual(limitsOf(read(text)).downSizes, []);
});
test("batches run on as many slots as the parameters say", () => assert.equal(checkThreads(read("num_batch_threads { value: 3 }"), 8), 3));
test("batches run on as many slots as there are processors", () => assert.equal(checkThreads({}, 8), 8));
for (const n of [0, -2])
  test(`${n} threads for batches are refused`, () =>
    assert.throws(() => checkThreads(read(`num_batch_threads { value: ${n} }`), 8), {
      code: Code.InvalidArgument,
      message: `num_batch_threads must be positive; was ${n}`,
    }));
