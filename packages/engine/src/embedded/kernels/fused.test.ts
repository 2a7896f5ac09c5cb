// Small graphs of ops that are computed in one go, and some that are not, held to TensorFlow (scripts/ops/fused.py).
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { create, fromBinary } from "@bufbuild/protobuf";
import { GraphDefSchema, MetaGraphDefSchema } from "@tfs/proto";
import { background } from "@tfs/std";
import { assertClose, assertNear, type GoldenTensor, goldenTensor } from "@tfs/tensor/testing";
import { newAttrs } from "../attrs.ts";
import { compile } from "../compile.ts";
import { libraryOf } from "../flat.ts";
import { newImprover } from "../improve.ts";
import { left, newLeash } from "../leash.ts";
import { newModel } from "../model.ts";
import { plan } from "../plan.ts";
import { newSimd } from "../simd/index.ts";
import { kernels } from "./index.ts";
import { stateOf } from "../testing/state.ts";

interface Case {
  readonly name: string;
  /** patterns are those that are to be found. */
  readonly patterns: readonly string[];
  readonly graph: string;
  readonly feeds: Readonly<Record<string, GoldenTensor>>;
  readonly fetches: readonly string[];
  readonly outputs: readonly GoldenTensor[];
}

const cases = JSON.parse(readFileSync(new URL("../../../testdata/fused.json", import.meta.url), "utf8")) as readonly Case[];

for (const { name, patterns, graph, feeds, fetches, outputs } of cases)
  test(name, async () => {
    const def = fromBinary(GraphDefSchema, Buffer.from(graph, "base64"));
    const compiler = compile(def, libraryOf(def));
    const { flat } = compiler;
    const edges = (names: readonly string[]) => names.map((n) => flat.tensor(n)!);
    const found: string[] = [];
    plan({
      nodes: flat.nodes,
      feeds: edges(Object.keys(feeds)),
      fetches: edges(fetches),
      targets: [],
      effect: () => false,
      kernel: () => () => [],
      improve(ops) {
        const improver = newImprover(
          (op) =>
            kernels[op.op]!({
              name: op.name,
              op: op.op,
              attrs: newAttrs(op.name, op.attr),
              inputCount: op.inputs.length,
              body: () => assert.fail("no bodies here"),
            }),
          newSimd(),
        );
        const better = improver.improve(ops, { known: () => undefined, assumed: new Map(), root: () => false });
        for (const op of better.ops.flatMap((one) => [one, ...(one.chain ?? [])])) if (op.fused !== undefined) found.push(op.fused.pattern);
        return better;
      },
    });
    assert.deepEqual(found, patterns);

    const model = newModel(create(MetaGraphDefSchema), compiler, new Map());
    const given = new Map(Object.entries(feeds).map(([n, t]) => [n, goldenTensor(t)]));
    const got = await model.run(background(), given, fetches);
    for (const [i, want] of outputs.entries()) {
      const t = goldenTensor(want);
      if (Array.from(t.data as ArrayLike<number>).every(Number.isFinite)) assertNear(got[i]!, t, 4e-6, fetches[i]!);
      else assertClose(got[i]!, t, 1e-5, fetches[i]!);
    }
  });

test("a step of a layer is no change of state: a run on a leash is given up at one that takes too long", () => {
  const { graph, feeds, fetches } = cases.find(({ name }) => name === "lstm 2 600 3")!;
  const def = fromBinary(GraphDefSchema, Buffer.from(graph, "base64"));
  const { flat, program } = compile(def, libraryOf(def));
  const edges = (names: readonly string[]) => names.map((name) => flat.tensor(name)!);
  const state = stateOf({
    leash: newLeash(0.003, Number.POSITIVE_INFINITY), // the step is given 8,460 numbers, of a third of a nanosecond each by the least, and multiplies 14,472 times
  });
  assert.throws(
    () => program(edges(Object.keys(feeds)), edges(fetches), []).run(Object.values(feeds).map(goldenTensor), state),
    (err) => err === left || (err as Error).cause === left,
  );
});
