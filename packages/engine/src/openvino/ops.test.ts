// What OpenVINO is given, it computes as TensorFlow does: single ops over edge shapes, with TensorFlow's results (scripts/ops/kernels.py).
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fromJson } from "@bufbuild/protobuf";
import { type AttrValue, NodeDefSchema } from "@tfs/proto";
import { background } from "@tfs/std";
import { assertClose, type GoldenTensor, goldenTensor } from "@tfs/tensor/testing";
import { elementCount, type Tensor, toDType } from "@tfs/tensor";
import type { Edge, FlatNode } from "../embedded/index.ts";
import { newGate } from "../native/index.ts";
import { freeze } from "./freeze.ts";
import { withFile } from "./openvino.ts";
import { openLibrary } from "./library.ts";
import { newNative } from "./native.ts";
import { partition, typesOf, keyOf } from "./partition.ts";

interface Row {
  readonly op: string;
  readonly name: string;
  readonly inputs: readonly GoldenTensor[];
  readonly attrs: Readonly<Record<string, unknown>>;
  readonly outputs?: readonly GoldenTensor[];
  readonly error?: { readonly code: number; readonly message: string };
  readonly tolerance: number;
}

const rows = JSON.parse(readFileSync(new URL("../../testdata/kernels.json", import.meta.url), "utf8")) as Row[];
const library = await openLibrary("/tmp/ovlib");
const gate = newGate({ places: 2 });
const ctx = background();

const attr = (json: object): { readonly [name: string]: AttrValue } => fromJson(NodeDefSchema, { attr: json } as never).attr;

/** Type attributes that Python's raw ops infer from inputs. */
function inferred(row: Row, types: readonly number[]): object {
  const t = (i: number): object => ({ type: types[i] ?? 0 });
  const named: Record<string, unknown> = { T: t(0), ...row.attrs };
  return named;
}

let ran = 0; let hosted = new Map<string, number>();
for (const row of rows) {
  test(`${row.op}: ${row.name}`, async () => {
    if (row.outputs === undefined) return;
    const values = row.inputs.map(goldenTensor);
    const nodes: FlatNode[] = values.map((_, i) => ({ name: `p${i}`, op: "Placeholder", attr: attr({ dtype: { type: values[i]!.dtype } }), inputs: [], control: [] }));
    const isConst = values.map((v, i) => i > 0 && (v.dtype === 3 || v.dtype === 9 || row.op.includes("onv2")));
    const edges = values.map((_, i): Edge => ({ node: i, output: 0 }));
    nodes.push({ name: "op", op: row.op, attr: attr(inferred(row, values.map((v) => v.dtype))), inputs: edges, control: [] });
    const constant = (e: Edge): Tensor | undefined => (isConst[e.node] === true ? values[e.node] : undefined);
    const feeds = edges.filter((_, i) => !isConst[i]);
    const fetches = row.outputs.map((_, output): Edge => ({ node: values.length, output }));
    const parts = partition({ nodes, feeds, fetches, constant });
    if (typeof parts === "string") { hosted.set(row.op, (hosted.get(row.op) ?? 0) + 1); return; }
    ran++;
    const types = typesOf(nodes);
    const inputs = parts.inputs.map((edge) => ({ edge, dtype: types(edge)!, shape: values[edge.node]!.shape.map(() => -1) }));
    const pieces = freeze({ nodes, order: parts.nodes, inputs, outputs: parts.outputs, constant, types });
    const compiled = await withFile("/tmp", pieces, (path) => library.compile(path, {}));
    const native = newNative(compiled, { gate, inputs: inputs.length, outputs: parts.outputs.map((e) => types(e)!) });
    const given = inputs.map((i) => values[i.edge.node]!);
    if (given.some((g) => elementCount(g.shape) === 0)) return;
    const got = await native.run(ctx, given);
    await native.close();
    assert.ok(got, "OpenVINO fails");
    row.outputs.forEach((want, i) => assertClose(got[parts.outputs.findIndex((e) => e.output === i)]!, goldenTensor(want), Math.max(row.tolerance, 1e-5), `output ${i}`));
  });
}
test("zz", () => { console.log(ran, [...hosted]); });
