import assert from "node:assert/strict";
import { test } from "node:test";
import { backoffMs } from "./backoff.ts";

const rows = [
  { name: "the first wait is the first wait", failures: 1, random: 0.5, want: 100 },
  { name: "the second is 1.6 times as long", failures: 2, random: 0.5, want: 160 },
  { name: "jitter takes away a fifth at most", failures: 1, random: 0, want: 80 },
  { name: "jitter adds a fifth at most", failures: 1, random: 1, want: 120 },
  { name: "the longest wait is the longest wait", failures: 50, random: 0.5, want: 1000 },
  { name: "a thousand failures do not overflow", failures: 1_000_000, random: 0.5, want: 1000 },
];
for (const tc of rows) {
  test(`backoff: ${tc.name}`, () => assert.ok(Math.abs(backoffMs(tc.failures, { firstMs: 100, maxMs: 1000, random: () => tc.random }) - tc.want) < 1e-9));
}
