// What load-time work makes of a graph, and that it computes the same.
import assert from "node:assert/strict";
import { test } from "node:test";
import { fromJson } from "@bufbuild/protobuf";
import { type AttrValue, NodeDefSchema } from "@tfs/proto";
import { DType, elementCount, newTensor, type Tensor } from "@tfs/tensor";
import { assertClose } from "@tfs/tensor/testing";
import { newAttrs } from "../attrs.ts";
import type { Edge, FlatNode } from "../flat.ts";
import { newImprover } from "../improve.ts";
import type { Kernel } from "../kernel.ts";
import { chainOf, convolution, fusedOf, kernels, product } from "../kernels/index.ts";
import { newSimd } from "../simd/index.ts";
import { tensorOf, type Value } from "../value.ts";
import { type Graph, type Op, recipeOf, type Work } from "./index.ts";
import { stateOf } from "../testing/state.ts";

/** A line of a graph; the type T of a node is float if not given. */
interface Line {
  readonly name: string;
  readonly op: string;
  readonly from: readonly string[];
  readonly attr: Readonly<Record<string, unknown>>;
  readonly value?: Tensor;
}
const op = (name: string, kind: string, from: string, attr: Readonly<Record<string, unknown>> = {}): Line => ({
  name,
  op: kind,
  from: from === "" ? [] : from.split(" "),
  attr,
});
const constant = (name: string, value: Tensor): Line => ({ name, op: "Const", from: [], attr: {}, value });
const variable = (name: string): Line => op(name, "VarHandleOp", "", { dtype: { type: 1 }, shared_name: { s: Buffer.from(name).toString("base64") } });

let seed = 1;
function floats(...shape: number[]): Tensor {
  const data = Float32Array.from({ length: elementCount(shape) }, () => {
    seed = (Math.imul(seed, 1664525) + 1013904223) | 0;
    return seed / 2 ** 31;
  });
  return newTensor(DType.Float, shape, data);
}
const positive = (t: Tensor): Tensor => ({ ...t, data: (t.data as Float32Array).map((v) => Math.abs(v) + 0.1) });
const ints = (...values: number[]): Tensor => newTensor(DType.Int32, [values.length], Int32Array.from(values));
const paddings = (...values: number[]): Tensor => newTensor(DType.Int32, [values.length / 2, 2], Int32Array.from(values));
const strings = (s: string) => ({ s: Buffer.from(s).toString("base64") });

const images = floats(2, 6, 5, 3);
const valid = { padding: strings("VALID"), strides: { list: { i: ["1", "1", "1", "1"] } } };
const norm = { is_training: { b: false }, epsilon: { f: 1e-3 } };
const normal = [constant("scale", floats(4)), constant("offset", floats(4)), constant("mean", floats(4)), constant("variance", positive(floats(4)))];

const rows: {
  readonly name: string;
  readonly graph: readonly Line[];
  /** x is fed; y is fetched, and what else is named here. */
  readonly x: Tensor;
  readonly fetched?: readonly string[];
  readonly fed?: Readonly<Record<string, Tensor>>;
  readonly held?: Readonly<Record<string, Tensor>>;
  readonly want: string;
}[] = [
  {
    name: "a convolution takes in normalisation, and its limits",
    x: images,
    graph: [
      constant("f", floats(3, 3, 3, 4)),
      op("c", "Conv2D", "x f", valid),
      ...normal,
      op("n", "FusedBatchNormV3", "c scale offset mean variance", norm),
      op("y", "Relu6", "n"),
    ],
    want: "y = Conv2D(x, const, const) + bias in [0, 6]",
  },
  {
    name: "so does one for each channel, written in ops of arithmetic, after padding",
    x: images,
    graph: [
      constant("p", paddings(0, 0, 1, 2, 0, 1, 0, 0)),
      op("padded", "Pad", "x p"),
      constant("f", floats(2, 2, 3, 2)),
      op("c", "DepthwiseConv2dNative", "padded f", valid),
      constant("a", positive(floats(1, 1, 1, 6))),
      op("r", "Rsqrt", "a"),
      op("m", "Mul", "r c"),
      constant("b", floats(6)),
      op("y", "AddV2", "m b"),
    ],
    want: "y = DepthwiseConv2dNative(x, const, const) + bias, padded 1 2 0 1",
  },
  {
    name: "a dense layer reads variables that nothing changes",
    x: floats(3, 7),
    held: { kernel: floats(7, 5), bias: floats(5) },
    graph: [
      variable("kernel"),
      op("k", "ReadVariableOp", "kernel"),
      op("m", "MatMul", "x k"),
      variable("bias"),
      op("b", "ReadVariableOp", "bias"),
      op("s", "BiasAdd", "m b"),
      op("y", "Relu", "s"),
    ],
    want: "y = MatMul(x, const, const) + bias in [0, Infinity]",
  },
  {
    name: "a transposed matrix is scaled by its rows",
    x: floats(3, 7),
    graph: [
      constant("w", floats(5, 7)),
      op("m", "MatMul", "x w", { transpose_b: { b: true } }),
      constant("by", floats(5)),
      op("s", "Mul", "m by"),
      constant("half", newTensor(DType.Float, [], Float32Array.of(0.5))),
      op("y", "Mul", "half s"),
    ],
    want: "y = MatMul(x, const)",
  },
  {
    name: "sums that are fetched stay as they are",
    x: floats(3, 7),
    fetched: ["m"],
    graph: [constant("w", floats(7, 5)), op("m", "MatMul", "x w"), constant("by", floats(5)), op("y", "Mul", "m by")],
    want: "m = MatMul(x, const); y = multiply(m, const)",
  },
  {
    name: "so do those that somebody else reads",
    x: floats(3, 5),
    graph: [
      constant("w", floats(5, 5)),
      op("m", "MatMul", "x w"),
      constant("by", floats(5)),
      op("s", "Mul", "m by"),
      op("y", "MatMul", "s m", { transpose_b: { b: true } }),
    ],
    want: "m = MatMul(x, const); s = multiply(m, const); y = MatMul(s, m)",
  },
  {
    name: "what follows the limits stays behind them",
    x: floats(3, 7),
    graph: [constant("w", floats(7, 5)), op("m", "MatMul", "x w"), op("r", "Relu", "m"), constant("by", floats(5)), op("y", "Mul", "r by")],
    want: "r = MatMul(x, const) in [0, Infinity]; y = multiply(r, const)",
  },
  {
    name: "a shift that has more dimensions than the sums stays",
    x: floats(3, 7),
    graph: [constant("w", floats(7, 5)), op("m", "MatMul", "x w"), constant("by", floats(1, 1, 5)), op("y", "AddV2", "m by")],
    want: "m = MatMul(x, const); y = add(m, const)",
  },
  {
    name: "a scale of one value for each row of the sums stays",
    x: floats(5, 7),
    graph: [constant("w", floats(7, 5)), op("m", "MatMul", "x w"), constant("by", floats(5, 1)), op("y", "Mul", "m by")],
    want: "m = MatMul(x, const); y = multiply(m, const)",
  },
  {
    name: "padding of channels, or by a constant that is fed, stays",
    x: images,
    graph: [
      constant("p", paddings(0, 0, 1, 1, 1, 1, 0, 1)),
      op("padded", "Pad", "x p"),
      constant("f", floats(3, 3, 4, 4)),
      op("y", "Conv2D", "padded f", valid),
    ],
    want: "padded = Pad(x, const); y = Conv2D(padded, const)",
  },
  {
    name: "a chain of elementwise ops is one",
    x: floats(4, 6),
    graph: [
      constant("half", newTensor(DType.Float, [], Float32Array.of(0.5))),
      op("a", "Mul", "x half"),
      op("e", "Erfc", "a"),
      op("b", "Mul", "e x"),
      op("n", "Neg", "b"),
      op("y", "LeakyRelu", "n", { alpha: { f: 0.3 } }),
    ],
    want: "y = multiply erfc multiply negate leaky(x, const, const)",
  },
  {
    name: "an op that two of a chain read is part of it",
    x: floats(4, 6),
    graph: [op("s", "Sigmoid", "x"), op("m", "Mul", "s x"), op("y", "Sub", "m s")],
    want: "y = sigmoid multiply subtract(x)",
  },
  {
    name: "one that is read outside of it is not",
    x: floats(4, 4),
    graph: [op("s", "Sigmoid", "x"), op("m", "Mul", "s x"), op("p", "MatMul", "s m"), op("y", "Tanh", "p")],
    want: "s = sigmoid(x); m = multiply(s, x); p = MatMul(s, m); y = tanh(p)",
  },
  {
    name: "layer normalisation as Keras writes it",
    x: floats(2, 3, 20),
    graph: [
      constant("axis", ints(2)),
      op("mean", "Mean", "x axis", { keep_dims: { b: true } }),
      op("d", "SquaredDifference", "x mean"),
      op("variance", "Mean", "d axis", { keep_dims: { b: true } }),
      constant("epsilon", newTensor(DType.Float, [], Float32Array.of(1e-3))),
      op("v", "AddV2", "variance epsilon"),
      op("r", "Rsqrt", "v"),
      constant("gamma", floats(20)),
      op("by", "Mul", "r gamma"),
      op("scaled", "Mul", "x by"),
      op("shift", "Mul", "mean by"),
      constant("beta", floats(20)),
      op("rest", "Sub", "beta shift"),
      op("y", "AddV2", "scaled rest"),
    ],
    want: "y = norm(x, const, const, const, const)",
  },
  {
    name: "what depends on constants alone is one, and what passes values on is gone",
    x: floats(6),
    graph: [
      constant("sizes", ints(2, 3)),
      constant("ones", ints(1, 1)),
      op("more", "AddV2", "sizes ones", { T: { type: 3 } }),
      op("less", "Sub", "more ones", { T: { type: 3 } }),
      op("i", "Identity", "x"),
      op("shaped", "Reshape", "i less"),
      op("y", "Identity", "shaped"),
    ],
    want: "shaped = Reshape(x, const); y = Identity(shaped)",
  },
  {
    name: "a constant that is fed is none",
    x: floats(2, 6),
    graph: [constant("a", floats(6)), op("b", "Square", "a"), op("y", "AddV2", "x b")],
    fed: { a: floats(6) },
    want: "y = square add(a, x)",
  },
  {
    name: "a large value of few numbers is not made before it is needed",
    x: floats(1),
    graph: [
      constant("sizes", ints(300, 300)),
      constant("one", newTensor(DType.Float, [], Float32Array.of(1))),
      op("f", "Fill", "sizes one"),
      op("y", "AddV2", "x f"),
    ],
    want: "f = Fill(const, const); y = add(x, f)",
  },
  {
    name: "integers are not for chains",
    x: floats(2),
    graph: [
      constant("a", ints(1, 2)),
      op("b", "AddV2", "i a", { T: { type: 3 } }),
      op("c", "Mul", "b b", { T: { type: 3 } }),
      op("y", "Cast", "c", { DstT: { type: 1 } }),
    ],
    fed: { i: ints(5, 6) },
    want: "b = AddV2(i, const); c = Mul(b, b); y = Cast(c)",
  },
];

for (const row of rows)
  test(row.name, () => {
    const fed: Readonly<Record<string, Tensor>> = { x: row.x, ...row.fed };
    const lines = [
      ...Object.keys(fed)
        .filter((name) => !row.graph.some((line) => line.name === name))
        .map((name) => op(name, "Placeholder", "")),
      ...row.graph,
    ];
    const at = new Map(lines.map(({ name }, i) => [name, i]));
    const edge = (name: string): Edge => ({ node: at.get(name)!, output: 0 });
    const nodes = lines.map(
      ({ name, op: kind, from, attr }): FlatNode => ({ name, op: kind, attr: attrs({ T: { type: 1 }, ...attr }), inputs: from.map(edge), control: [] }),
    );
    const values = new Map(lines.flatMap(({ value }, i) => (value === undefined ? [] : [[i, value] as const])));
    const fetched = [...(row.fetched ?? []), "y"];
    const isFed = (e: Edge): boolean => fed[lines[e.node]?.name ?? ""] !== undefined;
    let next = nodes.length;
    const ops = nodes.flatMap((node, i): Op[] =>
      isFed({ node: i, output: 0 }) ? [] : [{ ...node, at: i, ...(values.has(i) ? { constant: [values.get(i)!] } : {}) }],
    );
    const graph: Graph = { ops, fetches: fetched.map(edge), isFed, fresh: () => next++, constants: new Map() };
    const improved = newImprover(kernel, newSimd()).improve(graph, { known: (name) => row.held?.[name], assumed: new Map(), root: () => false });

    const nameOf = (e: Edge): string => (improved.ops.find((o) => o.at === e.node)?.op === "Const" ? "const" : (lines[e.node]?.name ?? "?"));
    const text = improved.ops.filter((o) => o.op !== "Const").map((o) => shown(o, nameOf, lines[o.at]?.name ?? "?"));
    assert.equal(text.join("; "), row.want);

    const feeds = new Map(Object.entries(fed).map(([name, value]) => [at.get(name)!, value]));
    const before = run(ops, feeds, row.held ?? {});
    const after = run(improved.ops, feeds, {});
    for (const name of fetched) assertClose(after.get(at.get(name)!)!, before.get(at.get(name)!)!, 1e-5, name);
  });

test("plans of one model share what was made of its weights", () => {
  const lines = [constant("f", floats(3, 3, 3, 4)), ...normal];
  const nodes = [op("x", "Placeholder", ""), ...lines, op("c", "Conv2D", "x f", valid), op("n", "FusedBatchNormV3", "c scale offset mean variance", norm)];
  const at = (name: string): Edge => ({ node: nodes.findIndex((line) => line.name === name), output: 0 });
  const ops = nodes.slice(1).map((line, i): Op => {
    const made = { name: line.name, op: line.op, attr: attrs({ T: { type: 1 }, ...line.attr }), inputs: line.from.map(at), at: i + 1 };
    return line.value === undefined ? made : { ...made, constant: [line.value] };
  });
  const improver = newImprover(kernel, newSimd());
  const constants = (first: number): readonly (Tensor | undefined)[] => {
    let next = first;
    const graph: Graph = { ops, fetches: [at("n")], isFed: (e) => e.node === 0, fresh: () => next++, constants: new Map() };
    const options = { known: () => undefined, assumed: new Map<string, Tensor>(), root: () => false };
    return improver.improve(graph, options).ops.map((o) => o.constant?.[0]);
  };
  const [one, other] = [constants(100), constants(200)];
  assert.equal(one.length, 3);
  for (const [i, value] of one.entries()) assert.equal(value, other[i]);
});

const attrs = (attr: Readonly<Record<string, unknown>>): { readonly [name: string]: AttrValue } => fromJson(NodeDefSchema, { attr } as never).attr;

/** kernel makes kernels as the engine does. */
function kernel(o: Work): Kernel {
  if (o.constant !== undefined) return () => o.constant!;
  const node = { name: o.name, op: o.op, attrs: newAttrs(o.name, o.attr), inputCount: o.inputs.length, body: () => assert.fail("no bodies here") };
  if (o.after !== undefined) return o.op === "MatMul" ? product(node, o.after) : convolution(node, o.after);
  if (o.fused !== undefined) return fusedOf(o.fused, kernel);
  if (o.chain === undefined) return kernels[o.op]!(node);
  const recipe = recipeOf(o);
  return chainOf(
    recipe,
    o.chain.map((member, k) => ({ kernel: kernel(member), from: recipe.steps[k]!.from.slice(0, member.inputs.length) })),
  );
}

/** run runs ops one after the other; variables are in `held`. */
function run(ops: readonly Op[], feeds: ReadonlyMap<number, Tensor>, held: Readonly<Record<string, Tensor>>): ReadonlyMap<number, Tensor> {
  const state = stateOf({ variable: (name) => ({ kind: "variable", name, dtype: DType.Float, value: held[name] }) });
  const values = new Map<number, Value>(feeds);
  for (const o of ops) {
    const result = kernel(o)(
      o.inputs.map((e) => values.get(e.node)!),
      state,
    );
    values.set(o.at, Array.isArray(result) ? (result as Value[])[0]! : (result as Value));
  }
  return new Map([...values].map(([at, value]) => [at, tensorOf(value)]));
}

function shown(o: Op, nameOf: (e: Edge) => string, name: string): string {
  const what =
    o.chain === undefined
      ? o.op
      : recipeOf(o)
          .steps.map((s) => s.op)
          .join(" ");
  const { after } = o;
  const limits = after === undefined || after.low === Number.NEGATIVE_INFINITY ? "" : ` in [${after.low}, ${after.high}]`;
  const padding = after?.padding === undefined ? "" : `, padded ${after.padding.join(" ")}`;
  return `${name} = ${what}(${o.inputs.map(nameOf).join(", ")})${after?.bias === true ? " + bias" : ""}${limits}${padding}`;
}
