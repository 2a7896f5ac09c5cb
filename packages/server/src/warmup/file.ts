import { join } from "node:path";

/** fileOf is where a version's directory has its warm-up requests. */
export function fileOf(dir: string): string {
  return join(dir, "assets.extra", "tf_serving_warmup_requests");
}

/** A file may have this many records, as in TensorFlow Serving. */
export const maxRecords = 1000;
