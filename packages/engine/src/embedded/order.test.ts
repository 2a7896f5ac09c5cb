// A run changes variables when all have read them that shall read them before.
import assert from "node:assert/strict";
import { test } from "node:test";
import { create, fromJson, type JsonValue } from "@bufbuild/protobuf";
import { GraphDefSchema, MetaGraphDefSchema } from "@tfs/proto";
import { background } from "@tfs/std";
import { compile } from "./compile.ts";
import { newModel } from "./model.ts";

const float = { type: "DT_FLOAT" };
const constant = (name: string, value: number) => ({
  name,
  op: "Const",
  attr: { dtype: float, value: { tensor: { dtype: "DT_FLOAT", tensorShape: {}, floatVal: [value] } } },
});
const node = (name: string, op: string, ...input: string[]) => ({ name, op, input, attr: { dtype: float } });
const graph = fromJson(GraphDefSchema, {
  node: [
    node("v", "VarHandleOp"),
    constant("one", 1),
    constant("two", 2),
    node("begin", "AssignVariableOp", "v", "one"),
    node("begun", "Identity", "one", "^begin"),
    node("read", "ReadVariableOp", "v"),
    node("change", "AssignVariableOp", "v", "two", "^read"),
    node("changed", "Identity", "two", "^change"),
  ],
} as unknown as JsonValue);

for (const fetches of [
  ["changed:0", "read:0"],
  ["read:0", "changed:0"],
])
  test(`what is read before a change is the old value: ${fetches.join(", ")}`, async () => {
    const model = newModel(create(MetaGraphDefSchema), compile(graph, new Map()), new Map());
    await model.run(background(), new Map(), ["begun:0"]);
    const got = await model.run(background(), new Map(), fetches);
    assert.deepEqual(
      got.map((t) => [...(t.data as Float32Array)]),
      fetches.map((name) => [name === "read:0" ? 1 : 2]),
    );
  });
