// A model that needs an op without a kernel is refused when it is loaded, and every such op is named at once.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { create, fromJson, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { DataType, type GraphDefSchema, NodeDefSchema, SavedModelSchema } from "@tfs/proto";
import { background, Code, isFailure } from "@tfs/std";
import { newEmbeddedEngine } from "./index.ts";

type Node = MessageInitShape<typeof NodeDefSchema>;

const scratch = mkdtempSync(join(tmpdir(), "tfs-refusal-"));
after(() => rmSync(scratch, { recursive: true, force: true }));
const engine = newEmbeddedEngine();

/** saved writes a model whose one signature gives `output`. */
function saved(graphDef: MessageInitShape<typeof GraphDefSchema>, output: string): string {
  const dir = mkdtempSync(join(scratch, "m-"));
  const signature = { outputs: { y: { dtype: DataType.DT_FLOAT, encoding: { case: "name" as const, value: output } } }, methodName: "p" };
  const metaGraphs = [{ metaInfoDef: { tags: ["serve"] }, graphDef, signatureDef: { serving_default: signature } }];
  writeFileSync(join(dir, "saved_model.pb"), toBinary(SavedModelSchema, create(SavedModelSchema, { metaGraphs })));
  return dir;
}

const node = (name: string, op: string, ...input: string[]): Node => ({ name, op, input });
const call = (name: string, op: string, fn: string, ...input: string[]): Node =>
  fromJson(NodeDefSchema, { name, op, input, attr: { [op === "If" ? "then_branch" : "f"]: { func: { name: fn } } } });
const fn = (name: string, ...nodeDef: Node[]) => ({
  signature: { name, inputArg: [{ name: "a", type: DataType.DT_FLOAT }], outputArg: [{ name: "r", type: DataType.DT_FLOAT }] },
  nodeDef,
  ret: { r: `${nodeDef.at(-1)!.name}:out:0` },
});
const x = node("x", "Placeholder");

const rows: { readonly name: string; readonly graph: MessageInitShape<typeof GraphDefSchema>; readonly ops: string; readonly who?: string }[] = [
  { name: "one that TensorFlow has", graph: { node: [x, node("y", "Qr", "x")] }, ops: "the op Qr", who: "the tensorflow engine has it" },
  {
    name: "two that TensorFlow has",
    graph: { node: [x, node("s", "Svd", "x"), node("y", "Qr", "s")] },
    ops: "the ops Qr, Svd",
    who: "the tensorflow engine has them",
  },
  { name: "one op", graph: { node: [x, node("y", "Zonk", "x")] }, ops: "the op Zonk" },
  {
    name: "several, each once, in order",
    graph: { node: [x, node("a", "Zonk", "x"), node("b", "Alpha", "a"), node("y", "Zonk", "b")] },
    ops: "the ops Alpha, Zonk",
  },
  { name: "one that only must run before", graph: { node: [x, node("e", "Effect"), node("y", "Identity", "x", "^e")] }, ops: "the op Effect" },
  {
    name: "one in a function that is called",
    graph: { node: [x, call("y", "PartitionedCall", "f", "x")], library: { function: [fn("f", node("z", "Zonk", "a"))] } },
    ops: "the op Zonk",
  },
  {
    name: "one in a branch, beside one outside",
    graph: { node: [x, call("c", "If", "f", "x", "x"), node("y", "Alpha", "c")], library: { function: [fn("f", node("z", "Zonk", "a"))] } },
    ops: "the ops Alpha, Zonk",
  },
  {
    name: "one in each branch of a Case",
    graph: {
      node: [x, fromJson(NodeDefSchema, { name: "y", op: "Case", input: ["x", "x"], attr: { branches: { list: { func: [{ name: "f" }, { name: "g" }] } } } })],
      library: { function: [fn("f", node("z", "Zonk", "a")), fn("g", node("z", "Alpha", "a"))] },
    },
    ops: "the ops Alpha, Zonk",
  },
  {
    name: "one that only must run before, in a branch",
    graph: {
      node: [x, call("c", "If", "f", "x", "x"), node("y", "Identity", "x", "^c")],
      library: { function: [fn("f", node("z", "Zonk", "a"))] },
    },
    ops: "the op Zonk",
  },
  {
    name: "what a loop of TensorFlow 1 needs",
    graph: {
      node: [
        x,
        node("enter", "Enter", "x"),
        node("merge", "Merge", "enter", "next"),
        node("switch", "Switch", "merge", "merge"),
        call("body", "PartitionedCall", "f", "switch:1"),
        node("next", "NextIteration", "body"),
        node("exit", "Exit", "switch"),
        node("y", "Alpha", "exit"),
      ],
      library: { function: [fn("f", node("z", "Zonk", "a"))] },
    },
    ops: "the ops Alpha, Zonk",
  },
];
for (const tc of rows) {
  test(`embedded: refused at load by name: ${tc.name}`, () =>
    assert.rejects(engine.load(background(), saved(tc.graph, "y:0")), {
      code: Code.Unimplemented,
      message: `the embedded engine does not have ${tc.ops}, which the model needs; ${tc.who ?? `no engine has ${tc.ops}`}`,
    }));
}
test("embedded: what a model only prints it may print with an op that is not there", async () => {
  const model = await engine.load(background(), saved({ node: [x, node("p", "PrintV2", "x"), node("y", "Identity", "x", "^p")] }, "y:0"));
  await model.close();
});
test("embedded: what no signature reaches may be any op", async () => {
  const model = await engine.load(
    background(),
    saved({ node: [x, node("z", "Zonk", "x"), node("enter", "Enter", "enter"), node("y", "Identity", "x")] }, "y:0"),
  );
  await model.close();
});
test("embedded: an op that gives nothing where something is read fails the run, in words", async () => {
  const model = await engine.load(background(), saved({ node: [node("n", "NoOp"), node("y", "Identity", "n")] }, "y:0"));
  await assert.rejects(model.run(background(), new Map(), ["y:0"]), (err) => isFailure(err));
  await model.close();
});
