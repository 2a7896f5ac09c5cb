// Every case of TensorFlow Serving's own tests has an answer here: packages/server/testdata/upstream/cases.txt says which.
import assert from "node:assert/strict";
import { existsSync, globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const list = "packages/server/testdata/upstream/cases.txt";
/** At least this part of all cases has a test. */
const leastCovered = 0.97;
const sections = ["13.1", "13.2", "13.3", "13.4", "13.5", "13.6", "13.7", "13.8", "13.9", "13.10", "13.11", "13.12", "13.13"];
/** Fewer cases than this are a list that somebody cut. */
const casesMin = 250;

/** What a case may be argued with: a component, and by which words its sources would be known if it were there after all. */
const components: Readonly<Record<string, { readonly in: string; readonly words: RegExp }>> = {
  "TensorFlow Text's ops": { in: "packages/engine/src/**/*.ts", words: /WordpieceTokenize|RegexSplitWithOffsets|WhitespaceTokenizeWithOffsets/ },
  "poll period that changes": { in: "packages/server/src/source/*.ts", words: /set pollMs|setPollMs/ },
  "custom model configs": { in: "packages/server/src/**/*.ts", words: /customModelConfig\.value|anyUnpack\(config/ },
  "forbidden labels": { in: "packages/server/src/**/*.ts", words: /Model version labels are not currently allowed/ },
};

interface Case {
  readonly id: string;
  readonly what: string;
  readonly file: string;
  /** title is where a test says so, in pieces; undefined if the case is argued. */
  readonly title: readonly string[] | undefined;
  readonly component: string;
  readonly why: string;
}

/** parse reads the list. What is no line of it is a fault of the list. */
function parse(text: string): Case[] {
  const cases: Case[] = [];
  let file = "";
  for (const line of text.split("\n")) {
    if (line === "" || line.startsWith("#") || line.startsWith("== ")) continue;
    if (line.startsWith("in ")) {
      file = line.slice(3);
      continue;
    }
    const found = /^(\d+\.\d+\/\d+) (.+?) => (.+)$/.exec(line);
    assert.ok(found !== null, `cannot read ${line}`);
    const [, id = "", what = "", answer = ""] = found;
    const [, component = "", why = ""] = /^argued: ([^:]+): (.+)$/.exec(answer) ?? [];
    cases.push({ id, what, file, title: answer.startsWith("argued:") ? undefined : answer.split(" && "), component, why });
  }
  return cases;
}

/** has tells whether a source has a text as a whole literal, or, in a story or a table, as a line. A title may begin with the number and name of upstream's case. */
function has(source: string, file: string, text: string): boolean {
  if (file.endsWith(".txt")) return source.split("\n").includes(text);
  const escaped = text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  return new RegExp(`(["'\`])(?:(?:reading: )?13\\.\\d+ [^:"'\`]+: )?${escaped}\\1`).test(source);
}

const cases = parse(readFileSync(join(root, list), "utf8"));
const covered = cases.filter((c) => c.title !== undefined);

test("upstream's cases: each section is numbered without a gap, and each case has an answer", (t) => {
  for (const section of sections) {
    const ids = cases.filter((c) => c.id.startsWith(`${section}/`)).map((c) => Number(c.id.split("/")[1]));
    assert.deepEqual(
      [...ids].sort((a, b) => a - b),
      ids.map((_, i) => i + 1),
      section,
    );
    assert.ok(ids.length > 0, section);
  }
  assert.equal(new Set(cases.map((c) => c.id)).size, cases.length);
  assert.deepEqual([...new Set(cases.map((c) => c.id.split("/")[0]))].sort(), [...sections].sort());
  assert.ok(cases.length >= casesMin, `only ${cases.length} cases are listed`);
  t.diagnostic(`measured: upstream's cases: ${covered.length} covered, ${cases.length - covered.length} argued, ${cases.length} in all`);
});
test(`upstream's cases: at least ${leastCovered * 100} % have a test`, () => {
  assert.ok(covered.length / cases.length >= leastCovered, `${covered.length} of ${cases.length}`);
});
test("upstream's cases: every title is in the file that is named", () => {
  const missing = covered.flatMap(({ id, what, file, title }) => {
    const source = existsSync(join(root, file)) ? readFileSync(join(root, file), "utf8") : "";
    return title!.filter((piece) => !has(source, file, piece)).map((piece) => `${id} ${what}: ${file} has no "${piece}"`);
  });
  assert.deepEqual(missing, []);
});
test("upstream's cases: what is argued names a component that is not there", () => {
  for (const { id, component, why } of cases.filter((c) => c.title === undefined)) {
    assert.ok(why.length > 20, `${id} gives no reason`);
    const absent = components[component];
    assert.ok(absent !== undefined, `${id} argues with ${component}, which nobody knows`);
    const there = globSync(absent.in, { cwd: root }).filter((file) => !file.endsWith(".test.ts") && absent.words.test(readFileSync(join(root, file), "utf8")));
    assert.deepEqual(there, [], `${id}: ${component} is there: write the test`);
  }
});

// The check itself: what it must not take for a title.
for (const [text, source, want] of [
  ["a counter counts", 'test("a counter counts", …', true],
  ["a counter counts", 'test("13.6 Counter: a counter counts", …', true],
  ["a counter counts", 'test("a counter counts twice", …', false],
  ["a counter counts", "// a counter counts", false],
  ["a counter counts", "test(\"a counter counts', …", false],
  ["${wire.name}: a counter", "test(`${wire.name}: a counter`, …", true],
] as const) {
  test(`upstream's cases: "${text}" is ${want ? "" : "not "}found in ${source}`, () => assert.equal(has(source, "a.test.ts", text), want));
}
test("upstream's cases: a line of a story is found whole", () =>
  assert.deepEqual([has("== a\n> b", "s.txt", "== a"), has("== a b", "s.txt", "== a")], [true, false]));
