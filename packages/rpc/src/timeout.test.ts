import assert from "node:assert/strict";
import { test } from "node:test";
import { Code } from "@tfs/std";
import { parseTimeout, writeTimeout } from "./timeout.ts";

function formatTimeout(ms: number): string {
  const target = Buffer.alloc(9);
  return target.toString("latin1", 0, writeTimeout(target, 0, ms));
}

const headers = [
  { header: "0n", ms: 0 },
  { header: "1n", ms: 1e-6 },
  { header: "250u", ms: 0.25 },
  { header: "1500m", ms: 1500 },
  { header: "2S", ms: 2000 },
  { header: "3M", ms: 180_000 },
  { header: "99999999H", ms: 99_999_999 * 3_600_000 },
];
for (const tc of headers) test(`timeout: ${tc.header} is ${tc.ms} ms`, () => assert.equal(parseTimeout(tc.header), tc.ms));

for (const header of ["", "S", "1", "1s", "-1S", "1.5S", "123456789m", " 1S", "1S ", "1 S", "0x1S", "١S"]) {
  test(`timeout: ${JSON.stringify(header)} is malformed`, () => assert.throws(() => parseTimeout(header), { code: Code.Internal }));
}

const times = [
  { name: "is written in microseconds while they fit", ms: 1.5, want: "1500u" },
  { name: "rounds up", ms: 0.0001, want: "1u" },
  { name: "of eight digits of microseconds still fits", ms: 99_999.999, want: "99999999u" },
  { name: "past that is written in milliseconds", ms: 100_000, want: "100000m" },
  { name: "of years is written in minutes", ms: 200_000_000_000, want: "3333334M" },
  { name: "that has run out is the shortest there is", ms: 0, want: "1n" },
  { name: "below zero too", ms: -5, want: "1n" },
  { name: "without end is the longest there is", ms: Number.POSITIVE_INFINITY, want: "99999999H" },
];
for (const tc of times) test(`timeout: time that ${tc.name}`, () => assert.equal(formatTimeout(tc.ms), tc.want));

for (let exponent = -3; exponent < 14; exponent++) {
  test(`timeout: 7e${exponent} ms comes back as no less, and at most 0.01 % or 1 µs more`, () => {
    const ms = 7 * 10 ** exponent;
    const back = parseTimeout(formatTimeout(ms));
    assert.ok(back >= ms * (1 - 1e-12) && back <= Math.max(ms * 1.0001, ms + 0.001), `${back}`);
  });
}
