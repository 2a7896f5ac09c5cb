// What OpenVINO is given it computes as TensorFlow does: single ops over edge shapes, with TensorFlow's results (scripts/ops/kernels.py).
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { test } from "node:test";
import { fromJson } from "@bufbuild/protobuf";
import { NodeDefSchema } from "@tfs/proto";
import { background, Code } from "@tfs/std";
import { DType, elementCount, type Tensor } from "@tfs/tensor";
import { assertClose, type GoldenTensor, goldenTensor } from "@tfs/tensor/testing";
import type { Edge, FlatNode } from "../embedded/index.ts";
import { newGate } from "../native/index.ts";
import { freeze } from "./freeze.ts";
import { openLibrary } from "./library.ts";
import { hasNaN } from "./model.ts";
import { newNative } from "./native.ts";
import { withFile } from "./openvino.ts";
import { nativeOps } from "./ops.ts";
import { partition, typesOf } from "./partition.ts";
import { libraryDir } from "./testing/index.ts";

interface Row {
  readonly op: string;
  readonly name: string;
  readonly inputs: readonly GoldenTensor[];
  readonly attrs: Readonly<Record<string, unknown>>;
  readonly outputs?: readonly GoldenTensor[];
  readonly tolerance: number;
}

const ctx = background();
const gate = newGate({ places: 2 });
const dir = libraryDir();
const all = JSON.parse(readFileSync(new URL("../../testdata/kernels.json", import.meta.url), "utf8")) as Row[];
const rows = all.filter((row) => row.outputs !== undefined && nativeOps.has(row.op));

/** What OpenVINO does not compile: the model is refused then. */
const refused = new Set([
  ...["Sum", "Mean", "Max", "Min", "Prod"].map((op) => `${op}: [3, 4, 2]float32 [0]int32`), // over no axis
  "Einsum: i->ii [3]",
  "Einsum: i,j->ijj [2] [2]",
]);

/** graphOf has a placeholder for each input and the op; sizes, axes and filters are constants, as they are in models. */
function graphOf(row: Row, values: readonly Tensor[]) {
  const attr = (json: object): FlatNode["attr"] => fromJson(NodeDefSchema, { attr: json } as never).attr;
  const edges = values.map((_, node): Edge => ({ node, output: 0 }));
  const isConstant = values.map(({ dtype }, i) => i > 0 && (dtype === DType.Int32 || dtype === DType.Int64 || row.op.includes("onv2d")));
  const nodes = values.map(({ dtype }, i): FlatNode => ({ name: `x${i}`, op: "Placeholder", attr: attr({ dtype: { type: dtype } }), inputs: [], control: [] }));
  nodes.push({ name: "op", op: row.op, attr: attr({ T: { type: values[0]?.dtype ?? 0 }, ...row.attrs }), inputs: edges, control: [] });
  return {
    nodes,
    feeds: edges.filter((_, i) => !isConstant[i]),
    fetches: row.outputs!.map((_, output): Edge => ({ node: values.length, output })),
    constant: (e: Edge): Tensor | undefined => (isConstant[e.node] === true ? values[e.node] : undefined),
  };
}

let compared = 0;
const seen = new Map<string, number>();
for (const row of rows) {
  const title = `${row.op}: ${row.name}`;
  seen.set(title, (seen.get(title) ?? 0) + 1);
  test(`openvino: ${title} (${seen.get(title)})`, async () => {
    const values = row.inputs.map(goldenTensor);
    const graph = graphOf(row, values);
    const parts = partition(graph);
    if (typeof parts === "string") return; // the host's
    const types = typesOf(graph.nodes);
    const inputs = parts.inputs.map((edge) => ({ edge, dtype: types(edge)!, shape: values[edge.node]!.shape.map(() => -1) }));
    const given = inputs.map(({ edge }) => values[edge.node]!);
    if (given.some((t) => elementCount(t.shape) === 0 || hasNaN(t))) return; // the host's too
    const library = await openLibrary(dir);
    const pieces = freeze({ ...graph, order: parts.nodes, inputs, outputs: parts.outputs, types });
    const compiling = withFile(tmpdir(), pieces, (path) => library.compile(path, {}));
    if (refused.has(title)) return await assert.rejects(compiling, { code: Code.Unimplemented });
    const native = newNative(await compiling, { gate, inputs: inputs.length, outputs: parts.outputs.map((e) => types(e)!) });
    const got = await native.run(ctx, given);
    await native.close();
    assert.ok(got, "OpenVINO fails");
    for (const [i, { output }] of parts.outputs.entries())
      assertClose(got[i]!, goldenTensor(row.outputs![output]!), Math.max(row.tolerance, 1e-5), `output ${output}`);
    compared++;
  });
}

test("openvino: most rows of ops that may be native have been compared", () => assert.ok(compared > 150, `${compared} of ${rows.length}`));
