// Patterns, rewrites and texts as TensorFlow answers them (scripts/ops/regexp.py).
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { Code, codeOf } from "@tfs/std";
import { newAutomaton } from "./automaton.ts";
import { parse } from "./parse.ts";
import { compile } from "./program.ts";
import { newRegexp } from "./regexp.ts";
import { newReplace, parseRewrite } from "./replace.ts";

interface Row {
  readonly pattern: string;
  readonly rewrite: string;
  readonly global: boolean;
  readonly matches?: readonly boolean[];
  readonly replaced?: readonly string[];
  readonly error?: string;
}
const golden = JSON.parse(readFileSync(new URL("../../../testdata/regexp.json", import.meta.url), "utf8")) as {
  readonly texts: readonly string[];
  readonly rows: readonly Row[];
};
const bytes = (base64: string): Uint8Array => Buffer.from(base64, "base64");
const texts = golden.texts.map(bytes);
const plenty = () => ({ left: 2 ** 40 });

golden.rows.forEach((row, i) => {
  test(`row ${i}: ${Buffer.from(row.pattern, "base64")} to ${Buffer.from(row.rewrite, "base64")}${row.global ? "" : ", once"}`, () => {
    if (row.error !== undefined) {
      assert.throws(() => newRegexp(bytes(row.pattern)), { code: Code.InvalidArgument, message: row.error });
      return;
    }
    const regexp = newRegexp(bytes(row.pattern));
    const replace = newReplace(regexp, parseRewrite(bytes(row.rewrite)), row.global);
    assert.deepEqual(
      texts.map((text) => regexp.matches(text, plenty())),
      row.matches,
    );
    assert.deepEqual(
      texts.map((text) => Buffer.from(replace(text, plenty(), plenty())).toString("latin1")),
      row.replaced!.map((text) => Buffer.from(text, "base64").toString("latin1")),
    );
  });
});

/** Each takes longer than there is time by backtracking; the last ones V8's own linear engine cannot do. */
const catastrophic: readonly (readonly [pattern: string, unit: string, end: string])[] = [
  ["^(a|aa)+(b|bb)*(a+)+$", "a", "!"],
  ["(a+)+$", "a", "!"],
  ["(x+x+)+y", "x", "!"],
  ["([a-z]+\\s?)+$", "a", "!"],
  ["(é+)+$", "é", "!"],
  ["(a{1,30}){1,30}b", "a", ""],
  ["(?:a?){200}a{200}b", "a", ""],
  ["(.*)(.*)(.*)(.*)(.*)x", "日", ""],
];
for (const [pattern, unit, end] of catastrophic)
  test(`ten times the text takes no more than ten times the steps: ${pattern}`, () => {
    const work = (count: number, groups: number): number => {
      const steps = plenty();
      newRegexp(Buffer.from(pattern)).find(Buffer.from(unit.repeat(count) + end), 0, groups, steps);
      return 2 ** 40 - steps.left;
    };
    const bound = 11 * work(1000, 1);
    assert.ok(work(10_000, 1) <= bound);
    assert.ok(work(10_000, 2) <= bound);
  });

test("groups are found in linear time, too", () => {
  const work = (count: number): number => {
    const steps = plenty();
    assert.deepEqual(
      newRegexp(Buffer.from("((a|aa)+)+(b?)"))
        .find(Buffer.from("a".repeat(count)), 0, 4, steps)
        ?.slice(0, 2),
      [0, count],
    );
    return 2 ** 40 - steps.left;
  };
  assert.ok(work(10_000) <= 11 * work(1000));
});

test("states are forgotten when they become too many, and the answer is the same", () => {
  const program = compile(parse(Buffer.from("[ab]*a[ab]{12}c")).tree, false);
  const options = { start: program.search, longest: false, reversed: false };
  const [roomy, tight] = [newAutomaton(program, options), newAutomaton(program, { ...options, maxSize: 2000 })];
  let seed = 1;
  const text = Uint8Array.from({ length: 5000 }, () => {
    seed = (seed * 48271) % 2147483647;
    return seed % 61 === 0 ? 0x63 : 0x61 + (seed & 1);
  });
  let found = 0;
  for (let from = 0; from < text.length; from += 97) {
    const want = roomy.run(text, from, text.length, plenty());
    assert.equal(tight.run(text, from, text.length, plenty()), want);
    assert.ok(tight.size() < 3000, `${tight.size()}`);
    if (want > 0) found++;
  }
  assert.ok(found > 0 && roomy.size() > 3000);
});

const bombs: readonly (readonly [name: string, pattern: string])[] = [
  ["too many bytes", "a".repeat(2 ** 16 + 1)],
  ["too many groups within each other", `${"(".repeat(5000)}a${")".repeat(5000)}`],
  ["repetitions within each other without end", `a${"*(?U)*(?-U)".repeat(3000)}`],
  ["too many instructions", "\\pL{1000}"],
  ["too many copies of groups", "(){1000}".repeat(8000)],
];
for (const [name, pattern] of bombs)
  test(`a pattern that is refused: ${name}`, () =>
    assert.throws(() => newRegexp(Buffer.from(pattern)), { code: Code.InvalidArgument, message: /pattern too large/ }));

test("matches that each look at all that follows end when the steps are used up", () => {
  const replace = newReplace(newRegexp(Buffer.from(".*b|a")), parseRewrite(Buffer.from("x")), true);
  const text = Buffer.from("a".repeat(10_000));
  assert.throws(
    () => replace(text, { left: 1_000_000 }, plenty()),
    (err) => codeOf(err) === Code.ResourceExhausted,
  );
  assert.equal(Buffer.from(replace(text, plenty(), plenty())).toString(), "x".repeat(10_000));
});

test("what replaces may not take more room than there is", () => {
  const replace = newReplace(newRegexp(Buffer.from("a")), parseRewrite(Buffer.from("b".repeat(1000))), true);
  assert.throws(
    () => replace(Buffer.from("a".repeat(1000)), plenty(), { left: 999_999 }),
    (err) => codeOf(err) === Code.ResourceExhausted,
  );
});
