// The short form of documents.fuzz.test.ts.
import assert from "node:assert/strict";
import { test } from "node:test";
import { holdDocuments } from "./testing/index.ts";

test("both ways from a body to a message agree on 2,000 documents of every dtype, rank, format and mistake", () => holdDocuments(7, 2000, assert.deepEqual));
