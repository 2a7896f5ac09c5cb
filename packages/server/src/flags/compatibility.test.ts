// docs/compatibility.md says of every flag what the table of flags does.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import type { Fate, ServerFlag } from "./index.ts";
import { table } from "./index.ts";

const page = readFileSync(new URL("../../../../docs/compatibility.md", import.meta.url), "utf8");

/** How the page calls each fate. */
const words: Readonly<Record<Fate, string>> = { "in force": "in force", own: "ours", "not yet": "not yet", moot: "means nothing", refused: "refused" };

/** rowsOf reads the table of flags under a heading: type, default and fate by name. */
function rowsOf(heading: string): Record<string, string[]> {
  const [, section = ""] = page.split(`\n### ${heading}\n`);
  const rows = section.split("\n#")[0]!.matchAll(/^\| `--(\w+)` +\| (\S+) +\| (.+?) +\| (.+?) +\| (.+?) +\|$/gm);
  return Object.fromEntries([...rows].map(([, name = "", ...cells]) => [name, cells.slice(0, 3)]));
}

const shown = (flag: ServerFlag): string => flag.shown ?? `\`${JSON.stringify(flag.fallback)}\``;
for (const { heading, own } of [
  { heading: "Upstream's flags", own: false },
  { heading: "Ours", own: true },
]) {
  test(`docs/compatibility.md, ${heading}: every flag has a row with its type, its default and its fate`, () => {
    const flags = table.filter((flag) => (flag.fate === "own") === own);
    assert.deepEqual(rowsOf(heading), Object.fromEntries(flags.map((flag) => [flag.name, [flag.kind, shown(flag), words[flag.fate]]])));
  });
}
