// In a process of its own: the setting is the process's.
import assert from "node:assert/strict";
import { test } from "node:test";
import { fromJson } from "@bufbuild/protobuf";
import { NodeDefSchema } from "@tfs/proto";
import { background, newPace } from "@tfs/std";
import { fromStrings, type Tensor } from "@tfs/tensor";
import { newAttrs } from "./attrs.ts";
import { newSimd } from "./simd/index.ts";
import type { State } from "./kernel.ts";
import { kernels } from "./kernels/index.ts";
import { linearRegExps } from "./regexps.ts";

linearRegExps();
const none = (): never => assert.fail("nothing here has state");
const state: State = { ctx: background(), variable: none, table: none, checkpoint: none, simd: newSimd(), pace: newPace(20) };
const base64 = (text: string): string => Buffer.from(text).toString("base64");

/** Each would take longer than there is time by backtracking. */
const patterns: readonly { readonly pattern: string; readonly text: string; readonly want: string }[] = [
  { pattern: "^(a|aa)+(b|bb)*(a+)+$", text: `${"a".repeat(58)}!`, want: `${"a".repeat(58)}!` },
  { pattern: "(a+)+$", text: `${"a".repeat(58)}!`, want: `${"a".repeat(58)}!` },
  { pattern: "(x+x+)+y", text: `${"x".repeat(5000)}!`, want: `${"x".repeat(5000)}!` },
  { pattern: "([a-z]+\\s?)+$", text: `${"a".repeat(58)}!`, want: `${"a".repeat(58)}!` },
  { pattern: "^(a|aa)+$", text: "a".repeat(58), want: "z" },
];
for (const { pattern, text, want } of patterns)
  test(`a pattern that backtracks without end takes linear time: ${pattern}`, () => {
    const { attr } = fromJson(NodeDefSchema, { attr: { pattern: { s: base64(pattern) }, rewrite: { s: base64("z") } } });
    const attrs = newAttrs("StaticRegexReplace", attr);
    const kernel = kernels["StaticRegexReplace"]!({ name: "r", op: "StaticRegexReplace", attrs, inputCount: 1, body: none });
    const replaced = kernel([fromStrings([text])], state) as Tensor;
    assert.equal(Buffer.from((replaced.data as readonly Uint8Array[])[0]!).toString(), want);
  });
