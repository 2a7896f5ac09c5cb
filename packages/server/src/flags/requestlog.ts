import type { Flags } from "@tfs/std";
import { defaultFileBytes, defaultFileMs, defaultFiles, defaultQueueBytes, defaultTotalBytes, type RequestLogTuning } from "../requestlog/index.ts";
import { atLeast, int32, int64, own, type ServerFlag, string } from "./fate.ts";

const group = "Request logs";

/** requestLogFlags are about the logs of models whose logging_config asks for one. */
export const requestLogFlags: readonly ServerFlag[] = [
  own(atLeast(1, int64(group, "request_log_file_bytes", defaultFileBytes, "bytes after which a file is followed by another"))),
  own(atLeast(1, int32(group, "request_log_file_seconds", defaultFileMs / 1000, "time after which it is"))),
  own(atLeast(1, int32(group, "request_log_files", defaultFiles, "files of one filename_prefix that are kept; the oldest go first"))),
  own(atLeast(1, int64(group, "request_log_total_bytes", defaultTotalBytes, "bytes that they may have"))),
  own(
    atLeast(
      1,
      int64(group, "request_log_queue_bytes", defaultQueueBytes, "bytes of records that may wait to be written; what comes then is lost, and counted"),
    ),
  ),
  own(string(group, "request_log_dc", "", "what dc of per_task_sampling_configs is compared with")),
  own(int32(group, "request_log_task_index", 0, "what task_index of per_task_sampling_configs is compared with")),
];

/** requestLogTuning reads those flags. */
export function requestLogTuning(flags: Flags): RequestLogTuning {
  return {
    fileBytes: flags.int("request_log_file_bytes"),
    fileMs: flags.int("request_log_file_seconds") * 1000,
    files: flags.int("request_log_files"),
    totalBytes: flags.int("request_log_total_bytes"),
    queueBytes: flags.int("request_log_queue_bytes"),
    dc: flags.string("request_log_dc"),
    task: flags.int("request_log_task_index"),
  };
}
