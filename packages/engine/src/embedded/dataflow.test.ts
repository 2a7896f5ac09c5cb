import assert from "node:assert/strict";
import { test } from "node:test";
import { Code } from "@tfs/std";
import type { FlatNode } from "./flat.ts";
import { plan } from "./plan.ts";

for (const output of [-1, 0.5, Number.NaN, 65_536, 1e12])
  test(`v1 control flow: an input from output ${output} is refused, and takes no time`, () => {
    const node = (name: string, op: string, inputs: FlatNode["inputs"]): FlatNode => ({ name, op, attr: {}, inputs, control: [] });
    const nodes = [node("x", "Const", []), node("in", "Enter", [{ node: 0, output }])];
    assert.throws(() => plan({ nodes, feeds: [], fetches: [{ node: 1, output: 0 }], targets: [], kernel: () => () => [], effect: () => false }), {
      code: Code.InvalidArgument,
      message: `an operation has no output ${output}`,
    });
  });
