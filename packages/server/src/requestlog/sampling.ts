import type { SamplingConfig } from "@tfs/proto/gen/tensorflow_serving/config/logging_config_pb.js";
import { Code, newError } from "@tfs/std";

/** Task is which server this is, of those that share a configuration. */
export interface Task {
  readonly dc: string;
  readonly index: number;
}

/**
 * rateOf is the part of calls that is logged, from 0 to 1: that of the first entry for this task, or else the general one. 0 where nothing is said. Throws
 * InvalidArgument for a rate that is none.
 */
export function rateOf(config: SamplingConfig | undefined, task: Task): number {
  for (const { samplingRate } of [...(config?.perTaskSamplingConfigs ?? []), ...(config === undefined ? [] : [config])])
    if (!(samplingRate >= 0 && samplingRate <= 1)) throw newError(Code.InvalidArgument, `sampling_rate ${samplingRate} is not between 0 and 1`);
  const own = config?.perTaskSamplingConfigs.find(
    ({ dc, taskIndex }) => (dc === "" || dc === task.dc) && (taskIndex === undefined || taskIndex === task.index),
  );
  return (own ?? config)?.samplingRate ?? 0;
}
