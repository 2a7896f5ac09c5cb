import assert from "node:assert/strict";
import { test } from "node:test";
import { Code, codeOf, messageOf } from "@tfs/std";
import { cutOut } from "./cut.ts";
import { examplesOf } from "./example.ts";
import { field, type Flat, follow, newFlat, table, vector } from "./flat.ts";
import { readModel } from "./schema.ts";
import { signaturesOf } from "./signatures.ts";
import { fileOf, unserved } from "./testing/index.ts";

test("a file's graph is read: tensors, operators, what goes in and out", () => {
  const { graphs, signatures, metadata } = readModel(fileOf("half_plus_two"));
  const [{ tensors, inputs, outputs, operators }] = graphs as [(typeof graphs)[0]];
  assert.deepEqual(
    [inputs, outputs].map((list) => list.map((n) => [tensors[n]!.name, tensors[n]!.shape, tensors[n]!.type])),
    [[["x", [1, 1], 1]], [["y", [1, 1], 1]]],
  );
  assert.deepEqual([operators.length, operators.every(({ custom }) => custom === undefined), signatures], [2, true, []]);
  assert.ok(metadata.has("min_runtime_version"));
});
test("signatures of the file's own table are read, each with its graph, and dimensions that vary", () => {
  const { graphs, signatures } = readModel(fileOf("two_graphs"));
  assert.deepEqual(
    signatures.map(({ key, graph, inputs, outputs }) => [key, graph, inputs.map(([alias]) => alias), outputs.map(([alias]) => alias)]),
    [
      ["serving_default", 0, ["a", "b"], ["less", "more"]],
      ["twice", 1, ["a"], ["less"]],
    ],
  );
  assert.deepEqual(graphs[0]!.tensors[graphs[0]!.inputs[0]!]!.signature, [-1, 2]);
});

/** Fault is one number of a file that is made wrong: `at` finds it. */
interface Fault {
  readonly name: string;
  readonly model?: string;
  readonly at: (flat: Flat) => number;
  readonly value: number;
  readonly code: Code;
  readonly message: string;
}
const root = (flat: Flat) => table(flat, follow(flat, 0));
const nth = (flat: Flat, t: ReturnType<typeof table>, id: number, n: number) => table(flat, follow(flat, vector(flat, t, id, 4).at + 4 * n));
const graph = (flat: Flat) => nth(flat, root(flat), 2, 0);
const notFlat = { code: Code.InvalidArgument, message: "Cannot build FlatBufferModel from buffer." };
const faults: readonly Fault[] = [
  { name: "another kind of file", at: () => 4, value: 0x20202020, ...notFlat },
  { name: "a root outside", at: () => 0, value: 0x7fffffff, ...notFlat },
  { name: "a list that is longer than the file", at: (f) => vector(f, root(f), 4, 4).at - 4, value: 0x3fffffff, ...notFlat },
  { name: "a table outside", at: (f) => vector(f, graph(f), 0, 4).at, value: 0x7ffffff0, ...notFlat },
  {
    name: "another version of the schema",
    at: (f) => field(f, root(f), 0)!,
    value: 2,
    code: Code.Internal,
    message: "Cannot build Interpreter from buffer. It is of schema version 2, not 3.",
  },
  {
    name: "no graph",
    at: (f) => vector(f, root(f), 2, 4).at - 4,
    value: 0,
    code: Code.Internal,
    message: "Cannot build Interpreter from buffer. It has no graph.",
  },
  {
    name: "an input that is no tensor",
    at: (f) => vector(f, graph(f), 1, 4).at,
    value: 99,
    code: Code.Internal,
    message: "Cannot build Interpreter from buffer. Graph 0 has no tensor 99.",
  },
  {
    name: "an operator's output that is left out",
    at: (f) => vector(f, nth(f, graph(f), 3, 0), 2, 4).at,
    value: 0xffffffff,
    code: Code.Internal,
    message: "Cannot build Interpreter from buffer. Graph 0 has no tensor -1.",
  },
  {
    name: "a dimension below zero",
    at: (f) => vector(f, nth(f, graph(f), 0, 0), 0, 4).at,
    value: 0xffffffff,
    code: Code.Internal,
    message: "Cannot build Interpreter from buffer. Tensor x has the dimension -1.",
  },
  {
    name: "a signature of a graph that is not there",
    model: "two_graphs",
    at: (f) => field(f, nth(f, root(f), 7, 1), 4)!,
    value: 7,
    code: Code.Internal,
    message: "Cannot build Interpreter from buffer. Signature twice is of graph 7, which is not there.",
  },
  {
    name: "metadata without its buffer",
    model: "half_plus_two_kept",
    at: (f) => field(f, nth(f, root(f), 6, vector(f, root(f), 6, 4).length - 1), 1)!,
    value: 99,
    code: Code.InvalidArgument,
    message: "Invalid SignatureDefs found in TfLite model: Invalid buffer index in metadata",
  },
];
for (const { name, model = "half_plus_two", at, value, code, message } of faults)
  test(`a file with ${name} is refused`, () => {
    const bytes = fileOf(model);
    const flat = newFlat(bytes);
    flat.view.setUint32(at(flat), value, true);
    assert.throws(() => signaturesOf(readModel(bytes)), { code, message });
  });

test("a type that TensorFlow Serving does not serve is refused by its number", () =>
  assert.throws(() => signaturesOf(readModel(fileOf("type", unserved))), { code: Code.Internal, message: "Unknown TfLite type: 11" }));

test("a file that is cut off is refused wherever it ends", () => {
  const whole = fileOf("half_plus_two");
  let read = 0;
  for (let length = 0; length < whole.length; length++) {
    try {
      signaturesOf(readModel(whole.subarray(0, length)));
      read++;
    } catch (err) {
      assert.equal(codeOf(err), Code.InvalidArgument, `${length}: ${messageOf(err)}`);
    }
  }
  assert.ok(read < 16, `${read} of its beginnings were read`); // what is missing then is padding
});

/** What is told of a file that cannot be served, by the code it is told with. */
const texts: Readonly<Partial<Record<Code, RegExp>>> = {
  [Code.InvalidArgument]: /^Cannot build FlatBufferModel from buffer\.$|^Invalid SignatureDefs found in TfLite model: /,
  [Code.Internal]: /^Cannot build Interpreter from buffer\. |^Unknown TfLite type: \d+$|^Unknown tensor '|put name missing for tensor index: \d+$/,
  [Code.AlreadyExists]: /put tensor name: .* has multiple indices$/s,
};
test("ten thousand files with a few bytes changed are read or refused, with the texts there are", (t) => {
  let seed = 20_251_128;
  const random = (below: number): number => {
    seed ^= seed << 13; // xorshift
    seed ^= seed >>> 17;
    seed ^= seed << 5;
    return (seed >>> 0) % below;
  };
  const names = ["half_plus_two", "half_plus_two_kept", "two_graphs", "examples", "strings", "cnn", "types", "mlp_int8"];
  const files = names.map((name) => fileOf(name));
  let refused = 0;
  for (let i = 0; i < 10_000; i++) {
    const file = files[i % files.length]!;
    const bytes = file.slice(0, random(8) === 0 ? random(file.length) : file.length);
    for (let k = random(4) + 1; k > 0 && bytes.length > 8; k--) {
      const at = random(bytes.length);
      const kind = random(3);
      bytes[at] = kind === 0 ? random(256) : kind === 1 ? bytes[at]! ^ (1 << random(8)) : [0, 1, 0x7f, 0x80, 0xff][random(5)]!;
    }
    try {
      const model = readModel(bytes);
      signaturesOf(model);
      const examples = examplesOf(model.graphs[0]!);
      if (examples !== undefined) readModel(cutOut(bytes, model.graphs[0]!, examples.operator, examples.outputs).bytes);
    } catch (err) {
      refused++;
      assert.match(messageOf(err), texts[codeOf(err)] ?? /^$/, `${names[i % files.length]} ${i}: ${String(err)}`);
    }
  }
  t.diagnostic(`measured: ${refused} of 10,000 were refused`);
  assert.ok(refused > 1000);
});

test("lists that share their elements are no way to make a small file expensive", () => {
  const bytes = fileOf("cnn");
  const flat = newFlat(bytes);
  const { at } = vector(flat, graph(flat), 0, 4);
  // The list of tensors becomes the rest of the file: each four bytes of it lead somewhere.
  flat.view.setUint32(at - 4, Math.floor((bytes.length - at) / 4), true);
  assert.throws(() => readModel(bytes), { code: Code.InvalidArgument });
});
