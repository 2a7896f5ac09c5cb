import type { BatchingParameters } from "@tfs/proto/gen/tensorflow_serving/servables/tensorflow/session_bundle_config_pb.js";
import { Code, newError } from "@tfs/std";

/** Parameters are what may be said of batches, as TensorFlow Serving's BatchingParameters; what is left out has its defaults. */
export interface Parameters {
  /** maxBatchSize is the most rows of one request, and of one batch unless large requests are split; default 1000. */
  readonly maxBatchSize?: number;
  /** batchTimeoutMicros is how long a batch that is not full waits for more; default 0: until the requests that came with it are read. */
  readonly batchTimeoutMicros?: number;
  /** maxEnqueuedBatches bounds each queue, the batch that is still open included; default 10. */
  readonly maxEnqueuedBatches?: number;
  /** numBatchThreads is how many batches run at a time, of all models; default the number of CPUs. */
  readonly numBatchThreads?: number;
  /** allowedBatchSizes are the sizes that runs may have: batches are padded up to the next one. Default any. */
  readonly allowedBatchSizes?: readonly number[];
  /** padVariableLengthInputs pads inner dimensions that differ; default false: such requests are not joined. */
  readonly padVariableLengthInputs?: boolean;
  /** enableLargeBatchSplitting lets a request fill several batches; default false. */
  readonly enableLargeBatchSplitting?: boolean;
  /** maxExecutionBatchSize is the most rows of one batch if large requests are split; default maxBatchSize. */
  readonly maxExecutionBatchSize?: number;
}

/** Limits are the parameters of one model's queues, checked and complete. */
export interface Limits {
  readonly maxTaskRows: number;
  readonly maxBatchRows: number;
  readonly maxBatches: number;
  readonly timeoutMs: number;
  readonly splits: boolean;
  readonly pads: boolean;
  /** allowedSizes rise. */
  readonly allowedSizes: readonly number[];
  /** downSizes are sizes that an open batch is made smaller for, rather than padded: allowedSizes, or none. */
  readonly downSizes: readonly number[];
}

/** paddings are what is done about a batch that has none of the allowed sizes, by TensorFlow's names: it is padded, or made smaller where that is possible. */
export const paddings = ["PAD_UP", "BATCH_DOWN"] as const;
export type Padding = (typeof paddings)[number];

const defaultMaxBatchSize = 1000;
const defaultMaxEnqueuedBatches = 10;

/** parametersOf reads a message. */
export function parametersOf(message: BatchingParameters): Parameters {
  const { maxBatchSize, batchTimeoutMicros, maxEnqueuedBatches, numBatchThreads, maxExecutionBatchSize, enableLargeBatchSplitting = false } = message;
  return {
    ...set("maxBatchSize", maxBatchSize),
    ...set("batchTimeoutMicros", batchTimeoutMicros),
    ...set("maxEnqueuedBatches", maxEnqueuedBatches),
    ...set("numBatchThreads", numBatchThreads),
    ...set("maxExecutionBatchSize", maxExecutionBatchSize),
    allowedBatchSizes: message.allowedBatchSizes.map(Number),
    padVariableLengthInputs: message.padVariableLengthInputs,
    enableLargeBatchSplitting,
  };
}

function set<K extends string>(name: K, value: bigint | undefined): { readonly [k in K]?: number } {
  return value === undefined ? {} : ({ [name]: Number(value) } as { readonly [k in K]: number });
}

/** checkThreads gives how many batches run at a time. Throws InvalidArgument in TensorFlow Serving's words. */
export function checkThreads({ numBatchThreads }: Parameters, cpus: number): number {
  if (numBatchThreads !== undefined && numBatchThreads < 1) throw newError(Code.InvalidArgument, `num_batch_threads must be positive; was ${numBatchThreads}`);
  return numBatchThreads ?? cpus;
}

/** limitsOf completes the parameters of a model. Throws InvalidArgument in TensorFlow Serving's words, and in its order. */
export function limitsOf(parameters: Parameters, padding: Padding = "PAD_UP"): Limits {
  const { maxBatchSize = defaultMaxBatchSize, batchTimeoutMicros = 0, maxEnqueuedBatches = defaultMaxEnqueuedBatches } = parameters;
  const { allowedBatchSizes = [], padVariableLengthInputs = false, enableLargeBatchSplitting = false, maxExecutionBatchSize = maxBatchSize } = parameters;
  const last = allowedBatchSizes.at(-1);
  if (last !== undefined && last !== maxBatchSize) {
    const text = `Last entry in allowed_batch_sizes must match max_batch_size; last entry was ${last}; expected ${maxBatchSize}`;
    throw newError(Code.InvalidArgument, text);
  }
  if (maxBatchSize < 1) throw newError(Code.InvalidArgument, `input_batch_size_limit must be positive; was ${maxBatchSize}`);
  if (batchTimeoutMicros < 0) throw newError(Code.InvalidArgument, `batch_timeout_micros must be non-negative; was ${batchTimeoutMicros}`);
  if (enableLargeBatchSplitting) {
    if (maxEnqueuedBatches < 1) throw newError(Code.InvalidArgument, `max_enqueued_batches must be positive; was ${maxEnqueuedBatches}`);
    if (maxExecutionBatchSize < 1) throw newError(Code.InvalidArgument, `max_execution_batch_size must be positive; was ${maxExecutionBatchSize}`); // would wait for ever
    if (maxBatchSize < maxExecutionBatchSize) {
      const rule = "When enable_large_batch_splitting is true, input_batch_size_limit must be greater than or equal to max_execution_batch_size.";
      throw newError(Code.InvalidArgument, `${rule}1${maxBatchSize}${maxExecutionBatchSize}`);
    }
  }
  const allowedSizes = [...allowedBatchSizes].sort((a, b) => a - b);
  return {
    maxTaskRows: maxBatchSize,
    maxBatchRows: enableLargeBatchSplitting ? maxExecutionBatchSize : maxBatchSize,
    maxBatches: Math.max(1, maxEnqueuedBatches),
    timeoutMs: batchTimeoutMicros / 1000,
    splits: enableLargeBatchSplitting,
    pads: padVariableLengthInputs,
    allowedSizes,
    downSizes: padding === "BATCH_DOWN" ? allowedSizes : [],
  };
}
