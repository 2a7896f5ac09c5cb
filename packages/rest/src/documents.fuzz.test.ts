// The short way against the general one, over far more documents than npm test has time for.
import assert from "node:assert/strict";
import { test } from "node:test";
import { holdDocuments } from "./testing/index.ts";

const short = process.env["TFS_SHORT"] === "1";
const seed = short ? 1 : Date.now() >>> 0;
const count = short ? 20_000 : 200_000;

test(`both ways from a body to a message agree on ${count} documents (seed ${seed})`, () => holdDocuments(seed, count, assert.deepEqual));
