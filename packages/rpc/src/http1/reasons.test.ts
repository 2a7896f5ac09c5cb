import assert from "node:assert/strict";
import { STATUS_CODES } from "node:http";
import { test } from "node:test";
import { reasons } from "./reasons.ts";

test("the phrases of status lines are Node's, each and every one", () => assert.deepEqual({ ...reasons }, { ...STATUS_CODES }));
