import assert from "node:assert/strict";
import { test } from "node:test";
import { partsOf } from "./names.ts";

const cases: { readonly name: string; readonly path: string; readonly want: readonly string[] | undefined }[] = [
  { name: "a file", path: "saved_model.pb", want: ["saved_model.pb"] },
  { name: "a file in folders", path: "variables/a/b", want: ["variables", "a", "b"] },
  { name: "dots within a name are letters", path: "..a/b../.c/...", want: ["..a", "b..", ".c", "..."] },
  { name: "letters of any language, spaces and signs", path: "é 語+%2e%2e", want: ["é 語+%2e%2e"] },
  { name: "up is refused", path: "../a", want: undefined },
  { name: "up and down is refused", path: "a/../b", want: undefined },
  { name: "up at the end is refused", path: "a/..", want: undefined },
  { name: "here is refused", path: "a/./b", want: undefined },
  { name: "the root is refused", path: "/a", want: undefined },
  { name: "nothing is refused", path: "", want: undefined },
  { name: "an empty part is refused", path: "a//b", want: undefined },
  { name: "a slash at the end is refused", path: "a/", want: undefined },
  { name: "another system's separator is refused", path: "a\\b", want: undefined },
  { name: "another system's root is refused", path: "c:a", want: undefined },
  { name: "the end of a C string is refused", path: "a\0b", want: undefined },
  { name: "a name may have 255 bytes", path: "é".repeat(127), want: ["é".repeat(127)] },
  { name: "a name may not have 256", path: "é".repeat(128), want: undefined },
  { name: "32 folders deep is deep enough", path: Array(32).fill("a").join("/"), want: Array(32).fill("a") },
  { name: "33 is too deep", path: Array(33).fill("a").join("/"), want: undefined },
];
for (const { name, path, want } of cases) test(`names below a folder: ${name}`, () => assert.deepEqual(partsOf(path), want));
