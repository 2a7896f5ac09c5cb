// Single ops over edge shapes, as TensorFlow computes them (scripts/ops/kernels.py and coverage.py).
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { fromJson } from "@bufbuild/protobuf";
import { type AttrValue, GraphDefSchema, NodeDefSchema } from "@tfs/proto";
import { Code, codeOf, isFailure } from "@tfs/std";
import { assertClose, type GoldenTensor, goldenTensor } from "@tfs/tensor/testing";
import { newAttrs } from "../attrs.ts";
import { compile } from "../compile.ts";
import { newRounds } from "../rounds.ts";
import { listOf, tensorOf, type Value } from "../value.ts";
import { kernels } from "./index.ts";
import { stateOf } from "../testing/state.ts";

interface Row {
  readonly op: string;
  readonly name: string;
  readonly inputs: readonly GoldenTensor[];
  readonly attrs: Readonly<Record<string, unknown>>;
  readonly outputs?: readonly GoldenTensor[];
  readonly error?: { readonly code: number; readonly message: string };
  readonly tolerance: number;
}

const testdata = new URL("../../../testdata/", import.meta.url);
const files = ["kernels.json", ...readdirSync(new URL("kernels", testdata)).map((name) => `kernels/${name}`)];
const rows = files.flatMap((name) => JSON.parse(readFileSync(new URL(name, testdata), "utf8")) as Row[]);

const state = stateOf({ stream: (_, make) => ({ at: make() }), rounds: newRounds(1000) });

function run(row: Row): readonly Value[] {
  const attr = fromJson(NodeDefSchema, { attr: renamed(row) } as never).attr as { readonly [name: string]: AttrValue };
  const factory = kernels[row.op];
  assert.ok(factory, `there is no kernel for ${row.op}`);
  const kernel = factory({ name: row.op, op: row.op, attrs: newAttrs(row.op, attr), inputCount: row.inputs.length, body: () => assert.fail("no bodies here") });
  const out = kernel(row.inputs.map(goldenTensor), state);
  return Array.isArray(out) ? (out as readonly Value[]) : [out as Value];
}

/** Python names two attributes otherwise than the graph does. */
function renamed({ op, attrs }: Row): Readonly<Record<string, unknown>> {
  return op === "Squeeze" && "axis" in attrs ? { squeeze_dims: attrs["axis"] } : attrs;
}

/** compiled runs a row as the only op of a graph, after the work of load time. */
function compiled(row: Row): readonly Value[] {
  const inputs = row.inputs.map(goldenTensor);
  const [first] = inputs;
  const attr = { ...(first === undefined ? {} : { T: { type: first.dtype } }), ...renamed(row) };
  const node = [
    ...inputs.map((t, i) => ({ name: `i${i}`, op: "Placeholder", attr: { dtype: { type: t.dtype } } })),
    { name: "op", op: row.op, input: inputs.map((_, i) => `i${i}`), attr },
  ];
  const { flat, program } = compile(fromJson(GraphDefSchema, { node } as never), new Map());
  const edges = inputs.map((_, i) => flat.tensor(`i${i}`)!);
  const arena = state.simd.arena();
  const fetches = (row.outputs ?? [0]).map((_, i) => flat.tensor(`op:${i}`)!);
  try {
    return program(edges, fetches, []).run(inputs, { ...state, arena }) as readonly Value[];
  } finally {
    arena.end();
  }
}

const seen = new Map<string, number>();
for (const row of rows) {
  const count = (seen.get(`${row.op}${row.name}`) ?? 0) + 1;
  seen.set(`${row.op}${row.name}`, count);
  const title = `${row.op}: ${row.name}${count > 1 ? ` (${count})` : ""}`;
  test(title, () => holds(row, run));
  test(`${title}, compiled`, () => holds(row, compiled));
}

/** holds compares what comes of a row with TensorFlow. */
function holds(row: Row, by: (row: Row) => readonly Value[]): void {
  if (row.error !== undefined) {
    assert.throws(
      () => by(row),
      (err: unknown) => {
        assert.ok(isFailure(err), String(err));
        assert.equal(codeOf(err), row.error!.code, `${err.message} (TensorFlow: ${row.error!.message})`);
        return true;
      },
    );
    return;
  }
  const got = by(row).map((v) => tensorOf(v));
  assert.ok(got.length >= row.outputs!.length);
  row.outputs!.forEach((want, i) => {
    assertClose(got[i]!, goldenTensor(want), row.tolerance, `output ${i}`);
  });
}

test("a value past two gigabytes is refused before it is allocated", () => {
  const huge = {
    op: "Fill",
    name: "",
    attrs: {},
    tolerance: 0,
    inputs: [
      { dtype: "DT_INT32", shape: [2], content: Buffer.from(Int32Array.of(100_000, 100_000).buffer).toString("base64") },
      { dtype: "DT_FLOAT", shape: [], content: "AAAAAA==" },
    ],
  };
  assert.throws(() => run(huge), { code: Code.ResourceExhausted });
});

const matrix: GoldenTensor = { dtype: "DT_FLOAT", shape: [2, 3], content: Buffer.from(Float32Array.of(1, 2, 3, 4, 5, 6).buffer).toString("base64") };
const text = (value: string) => ({ s: Buffer.from(value).toString("base64") });
// TensorFlow aborts on some of these, and refuses the others only while a graph is built.
for (const [name, equation, count] of [
  ["an output label of no input", "ij->ik", 1],
  ["a space", "ij->j i", 1],
  ["two ellipses", "......ij->ij", 1],
  ["an ellipsis of one dot", "i.j->ij", 1],
  ["more inputs than the equation has", "ij->ji", 2],
  ["fewer inputs than the equation has", "ij,jk->ik", 1],
] as const) {
  test(`Einsum: refused: ${name}`, () =>
    assert.throws(() => run({ op: "Einsum", name, tolerance: 0, inputs: new Array<GoldenTensor>(count).fill(matrix), attrs: { equation: text(equation) } }), {
      code: Code.InvalidArgument,
    }));
}

const sizes = (...values: number[]): GoldenTensor => ({
  dtype: "DT_INT32",
  shape: [values.length],
  content: Buffer.from(Int32Array.from(values).buffer).toString("base64"),
});
for (const [name, element] of [
  ["exactly", sizes(3)],
  ["but for an unknown size", sizes(-1)],
  ["as any shape does with an unknown one", { ...sizes(-1), shape: [] }],
] as const) {
  test(`TensorListFromTensor: the element shape agrees ${name}`, () => {
    const [list] = run({ op: "TensorListFromTensor", name, tolerance: 0, inputs: [matrix, element], attrs: {} });
    assert.deepEqual(
      listOf(list).items.map((t) => [...(t!.data as Float32Array)]),
      [
        [1, 2, 3],
        [4, 5, 6],
      ],
    );
  });
}

test("Sign: of -0 it is 0, which decides where Atan2 leads", () => {
  const [sign] = run({
    op: "Sign",
    name: "",
    tolerance: 0,
    attrs: {},
    inputs: [{ dtype: "DT_FLOAT", shape: [1], content: Buffer.from(Float32Array.of(-0).buffer).toString("base64") }],
  });
  assert.ok(Object.is(tensorOf(sign).data[0], 0));
});

for (const op of ["Identity", "Enter", "AddN"])
  test(`${op}: of no inputs, as a damaged graph has it, is refused`, () =>
    assert.throws(() => run({ op, name: "", tolerance: 0, attrs: {}, inputs: [] }), { code: Code.InvalidArgument }));
