/**
 * Package record reads and writes TFRecord files: what warm-up files and request logs are. It knows bytes; it knows nothing of what is in a record.
 *
 *     await writeRecords(path, [bytes]);
 *     for await (const bytes of readRecords(ctx, path)) …
 *
 * @module
 */
export { framed } from "./frame.ts";
export type { ReadOptions } from "./read.ts";
export { readRecords } from "./read.ts";
export { writeRecords } from "./write.ts";
