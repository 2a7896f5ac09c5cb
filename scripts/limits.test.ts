// docs/limits.md says what the code does: every limit with its default.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { defaultChannelLimits, defaultListenerLimits } from "@tfs/rpc";

const page = readFileSync(join(fileURLToPath(new URL("..", import.meta.url)), "docs/limits.md"), "utf8");

/** rowsOf reads the table under a heading: each limit, and its default as it is printed. */
function rowsOf(heading: string): Record<string, string> {
  const [, section = ""] = page.split(`## ${heading}`);
  const rows = section.split("\n## ")[0]!.matchAll(/^\| `(\w+)` +\| ([^|]+?) +\|/gm);
  return Object.fromEntries([...rows].map(([, name = "", printed = ""]) => [name, printed]));
}

/** printed is a default as the page has it: the unit is the end of the limit's name. */
function printed(name: string, value: number): string {
  if (name.endsWith("Ms")) {
    if (value % 60_000 === 0) return `${value / 60_000} min`;
    return value % 1000 === 0 ? `${value / 1000} s` : `${value} ms`;
  }
  if (name.endsWith("Bytes")) return value % (1 << 20) === 0 ? `${value / (1 << 20)} MiB` : `${value / 1024} KiB`;
  return value.toLocaleString("en-US");
}

const tables = [
  { heading: "Whoever calls us", limits: defaultListenerLimits },
  { heading: "Whom we call", limits: defaultChannelLimits },
];
for (const { heading, limits } of tables) {
  test(`docs/limits.md, ${heading.toLowerCase()}: every limit has a row with its default`, () => {
    const want = Object.fromEntries(Object.entries(limits).map(([name, value]: [string, number]) => [name, printed(name, value)]));
    assert.deepEqual(rowsOf(heading), want);
  });
}
