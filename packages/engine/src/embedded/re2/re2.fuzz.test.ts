// Random patterns, rewrites and texts, beside TensorFlow.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { isFailure } from "@tfs/std";
import fc from "fast-check";
import { newRegexp } from "./regexp.ts";
import { newReplace, parseRewrite } from "./replace.ts";

const short = process.env["TFS_SHORT"] === "1";
const count = short ? 2000 : 20_000;
/** A short run reads the same patterns each time; a full one says its seed. */
const seed = short ? 1 : Date.now() >>> 0;
const root = fileURLToPath(new URL("../../../../../", import.meta.url));
const venv = `${root}.tools/venv/bin/python`;
const python = process.env["TFS_PYTHON"] ?? (existsSync(venv) ? venv : "python3");
const skip = spawnSync(python, ["-c", "import tensorflow"], { stdio: "ignore" }).status === 0 ? false : "needs TensorFlow, run npm run tools";

const words = (text: string): fc.Arbitrary<string> => fc.constantFrom(...text.split(" "));
const atom = fc.oneof(
  words("a b c é ſ K k 𝒳 . \\C \\n \\xff \\x{1F600} \\Qa.b\\E"),
  words("[ab] [^a] [^é] [α-ω] [\\x80-\\x{10ffff}] [\\x{7ff}-\\x{800}] [^\\x00-\\x{10ffff}] [[:alpha:]] [[:^space:]x]"),
  words("\\d \\w \\W \\s \\S \\pL \\PL \\p{Greek} \\p{Lu} \\P{^Nd}"),
  words("^ $ \\b \\B \\A \\z (?s) (?m) (?U) (?-s)"),
  words("(?i)k (?i:é|S) (?i)[[:upper:]] (?i)\\w (?i)[^k] (?i)\\p{Lu}"),
);
const { pattern } = fc.letrec<{ pattern: string }>((tie) => ({
  pattern: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    atom,
    fc.array(tie("pattern"), { minLength: 2, maxLength: 3 }).map((parts) => parts.join("")),
    fc.array(tie("pattern"), { minLength: 2, maxLength: 3 }).map((parts) => `(${parts.join("|")})`),
    fc.tuple(tie("pattern"), words("* + ? *? +? ?? {2} {0,2} {1,} {2,3}? {0}")).map(([part, times]) => `(?:${part})${times}`),
    fc.tuple(tie("pattern"), words("* + ? *? {1,2}")).map(([part, times]) => `(${part})${times}`),
  ),
}));
/** rubble is mostly no pattern. */
const rubble = fc
  .array(
    words(
      "( ) (? (?P< (?i) n> [ ] [^ - a b \\ \\p { } {2 2 , * + ? | ^ $ . \\x \\Q \\E [: alpha :] \\d \\b é 1 8 0 _ P= < > {^ Lu z-a \\p{Lu} [[:digit:]] {2,3}",
    ),
    { minLength: 1, maxLength: 10 },
  )
  .map((parts) => parts.join(""));
const pieces: readonly Uint8Array[] = [
  ...["a", "b", "c", "aa", "é", "ſ", "K", "k", "S", "s", "𝒳", "\n", " ", "1", "_", "Ω", "ω", "😀", "a.b", "ÿ", "\0"].map((text) => Buffer.from(text)),
  ...[[0xff], [0xc3], [0x80], [0xc0, 0x80], [0xe0, 0x80, 0x80], [0xed, 0xa0, 0x80], [0xf0, 0x9f], [0xf4, 0x90, 0x80, 0x80]].map((bytes) =>
    Uint8Array.from(bytes),
  ),
];
const text = fc.array(fc.constantFrom(...pieces), { maxLength: 8 }).map((parts) => Buffer.concat(parts));
const one = fc.record({
  pattern: fc.oneof({ weight: 3, arbitrary: pattern }, { weight: 1, arbitrary: rubble }),
  rewrite: fc.constantFrom("", "<\\0>", "\\1", "[\\2\\1]", "x\\\\y", "é", "ab\\x\\2", "\\"),
  global: fc.boolean(),
  texts: fc.array(text, { minLength: 6, maxLength: 6 }),
});

function ours({ pattern, rewrite, global, texts }: { pattern: string; rewrite: string; global: boolean; texts: readonly Uint8Array[] }): unknown {
  try {
    const regexp = newRegexp(Buffer.from(pattern));
    const replace = newReplace(regexp, parseRewrite(Buffer.from(rewrite)), global);
    const [steps, room] = [{ left: 2 ** 40 }, { left: 2 ** 31 }];
    return {
      matches: texts.map((t) => regexp.matches(t, steps)),
      replaced: texts.map((t) => Buffer.from(replace(t, steps, room)).toString("base64")),
    };
  } catch (err) {
    if (!isFailure(err)) throw err;
    return { error: err.message };
  }
}

test(`${count} random patterns match, replace and fail as TensorFlow's do, seed ${seed}`, { skip, timeout: 1_000_000 }, () => {
  const cases = fc.sample(one, { seed, numRuns: count });
  const base64 = (v: string | Uint8Array): string => Buffer.from(v as string).toString("base64");
  const lines = cases.map((c) => JSON.stringify([base64(c.pattern), base64(c.rewrite), c.global, c.texts.map(base64)]));
  const { status, stdout } = spawnSync(python, [`${root}scripts/ops/regexp.py`, "--answer"], {
    input: `${lines.join("\n")}\n`,
    encoding: "utf8",
    maxBuffer: 1 << 30,
    stdio: ["pipe", "pipe", "ignore"], // RE2 logs every bad pattern
  });
  assert.equal(status, 0);
  const answers = stdout.trim().split("\n");
  assert.equal(answers.length, count);
  let [good, bad] = [0, 0];
  cases.forEach((c, i) => {
    const want = JSON.parse(answers[i]!) as { readonly error?: string };
    if (want.error === undefined) good++;
    else bad++;
    assert.deepEqual(ours(c), want, JSON.stringify({ ...c, texts: c.texts.map((t) => t.toString("latin1")) }));
  });
  assert.ok(good > count / 3 && bad > count / 20, `${good} good, ${bad} bad`);
});
