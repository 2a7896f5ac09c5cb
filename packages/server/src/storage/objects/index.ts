/**
 * Package objects makes base paths of buckets: `s3://bucket/prefix` and `gs://bucket/prefix`. What is one folder elsewhere is here what keys have in common.
 *
 * @module
 */
export type { GsOptions } from "./gs.ts";
export { newGs } from "./gs.ts";
export type { ObjectStorageOptions, ObjectStore } from "./objects.ts";
export { newObjectStorage } from "./objects.ts";
export type { S3Options } from "./s3.ts";
export { newS3 } from "./s3.ts";
