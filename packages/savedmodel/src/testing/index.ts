/**
 * Package testing writes leveldb tables, so that tests can give a bundle an index that says anything and whose checksums are right.
 *
 * @module
 */
export { type Block, plain, snappy, writeTable } from "./table.ts";
