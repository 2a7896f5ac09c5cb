import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { create } from "@bufbuild/protobuf";
import { type MetaGraphDef, MetaGraphDefSchema } from "@tfs/proto";
import { openSavedModel } from "@tfs/savedmodel";
import { background } from "@tfs/std";
import { untriable } from "./traits.ts";

const models = fileURLToPath(new URL("../../../../testdata/models/", import.meta.url));

const saved: readonly { readonly model: string; readonly why?: string }[] = [
  { model: "half_plus_two/1" },
  { model: "half_plus_two_tf2/1" },
  { model: "mlp/1" },
  { model: "lstm_tiny/1" },
  { model: "attention_tiny/1" },
  { model: "cond_loop/1" },
  { model: "text/1" },
  { model: "digits/1" },
  { model: "counter/1", why: "it keeps state (Assign, AssignAdd)" },
  { model: "effects/1", why: "it keeps state (AssignAddVariableOp)" },
];
for (const { model, why } of saved) {
  test(`engines ${why === undefined ? "may" : "may not"} be compared by ${model}`, async () => {
    await using opened = await openSavedModel(background(), join(models, model));
    assert.equal(untriable(opened.metaGraph), why);
  });
}

/** graphOf has one output, which needs nodes of these ops: the first by a value, the others by control edges. */
function graphOf(...ops: readonly string[]): MetaGraphDef {
  const node = ops.map((op, i) => ({ name: `n${i}`, op, input: i + 1 < ops.length ? [`^n${i + 1}`] : [] }));
  const unused = { name: "unused", op: "AssignVariableOp" };
  return create(MetaGraphDefSchema, {
    graphDef: { node: [...node, unused] },
    signatureDef: { s: { outputs: { y: { encoding: { case: "name", value: "n0:0" } } } } },
  });
}
const made: readonly { readonly name: string; readonly ops: readonly string[]; readonly why?: string }[] = [
  { name: "what no output needs does not count", ops: ["Identity"] },
  { name: "what is reached by a control edge counts", ops: ["Identity", "AssignSubVariableOp"], why: "it keeps state (AssignSubVariableOp)" },
  { name: "reading a variable is no change", ops: ["ReadVariableOp", "VarHandleOp"] },
  { name: "scattering into a variable is one", ops: ["ResourceScatterAdd"], why: "it keeps state (ResourceScatterAdd)" },
  { name: "scattering into a value is none", ops: ["ScatterNd", "TensorScatterUpdate"] },
  { name: "looking up is no change", ops: ["LookupTableFindV2", "MutableHashTableV2"] },
  { name: "inserting is one", ops: ["LookupTableInsertV2"], why: "it keeps state (LookupTableInsertV2)" },
  { name: "a queue keeps state", ops: ["QueueDequeueV2"], why: "it keeps state (QueueDequeueV2)" },
  { name: "an assertion does not", ops: ["Identity", "Assert"] },
  { name: "random numbers are random", ops: ["RandomUniform"], why: "it is random (RandomUniform)" },
  { name: "so are those of a generator", ops: ["StatefulStandardNormalV2"], why: "it is random (StatefulStandardNormalV2)" },
  { name: "and shuffled rows", ops: ["RandomShuffle"], why: "it is random (RandomShuffle)" },
  { name: "those of a seed are not", ops: ["StatelessRandomUniformV2"] },
  { name: "a call that may have effects is not by itself", ops: ["StatefulPartitionedCall"] },
];
for (const { name, ops, why } of made) test(`traits: ${name}`, () => assert.equal(untriable(graphOf(...ops)), why));
