import assert from "node:assert/strict";
import { join } from "node:path";
import { after, test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { type Client, Code, ConnectError, createClient } from "@connectrpc/connect";
import { ExampleSchema, FeatureSchema, PredictionService } from "@tfs/proto";
import { DType, fromStrings, newTensor, type Tensor } from "@tfs/tensor";
import { scratch, serve, type Wire, wires, type WrittenSignature, writeModel } from "../testing/index.ts";

const dir = scratch();
const classify = "tensorflow/serving/classify";
const regress = "tensorflow/serving/regress";
const float = (shape: readonly number[], ...values: number[]): Tensor => newTensor(DType.Float, shape, Float32Array.from(values));
const constants: Record<string, Tensor> = {
  labels: fromStrings(["car", "bike", "bus", "foot"], [2, 2]),
  threeLabels: fromStrings(["a", "b", "c", "d", "e", "f"], [2, 3]),
  scores: float([2, 2], 0.2, 0.7, -1, 0),
  wideScores: float([2, 3], -1, 0, 1, 0.1, 0.2, 0.3),
  flat: float([2], 7, 8),
  column: float([2, 1], 9, 10),
  cube: float([2, 3, 4], ...new Array<number>(24).fill(0)),
  three: float([3, 1], 1, 2, 3),
  threeFlat: float([3], 1, 2, 3),
  doubles: newTensor(DType.Double, [2, 2], Float64Array.of(1, 2, 3, 4)),
  doubleColumn: newTensor(DType.Double, [2, 1], Float64Array.of(1, 2)),
};
const classifier = (outputs: Record<string, string>, method = classify): WrittenSignature => ({ method, inputs: { inputs: "ex" }, outputs });
const regressor = (outputs: string, method = regress): WrittenSignature => ({ method, inputs: { inputs: "ex" }, outputs: { outputs } });
writeModel(join(dir.path, "written"), constants, {
  both: classifier({ classes: "labels", scores: "scores" }),
  labels: classifier({ classes: "labels" }),
  scores: classifier({ scores: "wideScores" }),
  flatScores: classifier({ scores: "flat" }),
  flatClasses: classifier({ classes: "cube" }),
  doubleScores: classifier({ scores: "doubles" }),
  floatClasses: classifier({ classes: "scores" }),
  threeRows: classifier({ scores: "three" }),
  uneven: classifier({ classes: "threeLabels", scores: "scores" }),
  others: classifier({ top: "scores" }),
  many: classifier({ classes: "labels", scores: "scores", more: "flat" }),
  otherInput: { method: classify, inputs: { examples: "ex" }, outputs: { scores: "scores" } },
  twoInputs: { method: classify, inputs: { inputs: "ex", more: "ex" }, outputs: { scores: "scores" } },
  flat: regressor("flat"),
  column: regressor("column"),
  wide: regressor("scores"),
  cube: regressor("cube"),
  threeFlat: regressor("threeFlat"),
  double: regressor("doubleColumn"),
  otherOutput: { method: regress, inputs: { inputs: "ex" }, outputs: { value: "flat" } },
  twoOutputs: { method: regress, inputs: { inputs: "ex" }, outputs: { outputs: "flat", more: "column" } },
  odd: regressor("flat", "not/supported/method"),
});
const sources = [
  { name: "m", basePath: dir.copy("half_plus_two/1", "half_plus_two/123") },
  { name: "other", basePath: dir.copy("half_plus_two/1", "other/1") },
  { name: "w", basePath: join(dir.path, "written") },
];
const served = await serve(sources);
const strict = await serve(sources, { checkMethodName: true });
const open = [wires(served.grpc)[0]!, wires(strict.grpc)[0]!] satisfies Wire[];
after(async () => {
  for (const wire of open) wire[Symbol.dispose]();
  await served[Symbol.asyncDispose]();
  await strict[Symbol.asyncDispose]();
  dir[Symbol.dispose]();
});
type Prediction = Client<typeof PredictionService>;
const client: Prediction = createClient(PredictionService, open[0]!.transport);
const strictClient: Prediction = createClient(PredictionService, open[1]!.transport);

type Input = NonNullable<Parameters<Prediction["classify"]>[0]["input"]>;
type Features = Record<string, number>;
const feature = (value: number) => create(FeatureSchema, { kind: { case: "floatList", value: { value: [value] } } });
const example = (features: Features) =>
  create(ExampleSchema, { features: { feature: Object.fromEntries(Object.entries(features).map(([name, value]) => [name, feature(value)])) } });
const list = (...examples: Features[]): Input => ({ kind: { case: "exampleList", value: { examples: examples.map(example) } } });
const withContext = (context: Features, ...examples: Features[]): Input => ({
  kind: { case: "exampleListWithContext", value: { context: example(context), examples: examples.map(example) } },
});
const two = list({}, {});
const spec = (name: string, signatureName = "") => ({ name, signatureName });

const classes = async (signature: string, input: Input = two, from = client) => {
  const got = await from.classify({ modelSpec: spec("w", signature), input });
  return got.result?.classifications.map((row) => row.classes.map(({ label, score }) => [label, score]));
};
const numbers = async (model: string, signature: string, input: Input, from = client) => {
  const got = await from.regress({ modelSpec: spec(model, signature), input });
  return got.result?.regressions.map(({ value }) => value);
};
const f = Math.fround;

test("classify pairs labels with scores in the tensors' order, zero and negative ones included", async () => {
  assert.deepEqual(await classes("both"), [
    [
      ["car", f(0.2)],
      ["bike", f(0.7)],
    ],
    [
      ["bus", -1],
      ["foot", 0],
    ],
  ]);
});
test("classify without scores gives labels with score 0", async () => {
  assert.deepEqual(await classes("labels"), [
    [
      ["car", 0],
      ["bike", 0],
    ],
    [
      ["bus", 0],
      ["foot", 0],
    ],
  ]);
});
test("classify without classes gives scores with empty labels", async () => {
  const rows = [
    [-1, 0, 1],
    [0.1, 0.2, 0.3],
  ];
  assert.deepEqual(
    await classes("scores"),
    rows.map((row) => row.map((score) => ["", f(score)])),
  );
});
test("classify and regress answer with the model's name, version and the signature that was used", async () => {
  const got = await client.classify({ modelSpec: spec("m", "classify_x_to_y"), input: list({ x: 2 }) });
  assert.deepEqual(
    [got.modelSpec?.name, got.modelSpec?.versionChoice.value, got.modelSpec?.signatureName],
    ["m", { $typeName: "google.protobuf.Int64Value", value: 123n }, "classify_x_to_y"],
  );
  assert.deepEqual(
    got.result?.classifications.map((row) => row.classes.map(({ label, score }) => [label, score])),
    [[["", 3]]],
  );
});
const regressions = [
  { name: "a column", signature: "column", want: [9, 10] },
  { name: "a flat output", signature: "flat", want: [7, 8] },
];
for (const row of regressions) test(`regress takes ${row.name}`, async () => assert.deepEqual(await numbers("w", row.signature, two), row.want));

const contexts = [
  { name: "gives each empty example its features", input: withContext({ x: 80 }, {}, {}), want: [42, 42] },
  { name: "gives way to an example's own features", input: withContext({ x: 80 }, { x: 2 }, {}), want: [3, 42] },
  { name: "that is empty changes nothing", input: withContext({}, { x: 2 }), want: [3] },
];
for (const row of contexts) {
  test(`a context ${row.name}`, async () => assert.deepEqual(await numbers("m", "regress_x_to_y", row.input), row.want));
}
test("a kind without a context leaves examples as they are", async () => {
  const input: Input = { kind: { case: "exampleListWithContext", value: { examples: [example({ x: 2 })] } } };
  assert.deepEqual(await numbers("m", "regress_x_to_y", input), [3]);
});

const multi = (input: Input | undefined, ...tasks: [model: string, signature: string, method: string][]) =>
  client.multiInference({
    ...(input === undefined ? {} : { input }),
    tasks: tasks.map(([model, signature, methodName]) => ({ modelSpec: spec(model, signature), methodName })),
  });
test("multi-inference answers each task in order, each with its spec, from one input", async () => {
  const got = await multi(list({ x: 2 }), ["m", "regress_x_to_y", regress], ["m", "classify_x_to_y", classify], ["m", "regress_x_to_y2", regress]);
  const summary = got.results.map((r) => {
    if (r.result.case === "regressionResult") return [r.modelSpec?.signatureName, r.result.value.regressions[0]?.value];
    return [r.modelSpec?.signatureName, r.result.value?.classifications[0]?.classes[0]?.score];
  });
  assert.deepEqual(summary, [
    ["regress_x_to_y", 3],
    ["classify_x_to_y", 3],
    ["regress_x_to_y2", 4],
  ]);
  assert.deepEqual(
    got.results.map((r) => [r.modelSpec?.name, r.modelSpec?.versionChoice.value]),
    got.results.map(() => ["m", { $typeName: "google.protobuf.Int64Value", value: 123n }]),
  );
});
const ex = list({ x: 2 });
for (const [signature, method, want] of [
  ["regress_x_to_y", regress, 3],
  ["regress_x_to_y2", regress, 4],
  ["classify_x_to_y", classify, 3],
] as const) {
  test(`multi-inference of one task gives what the verb gives: ${signature}`, async () => {
    const { results } = await multi(ex, ["m", signature, method]);
    const [first] = results;
    const value =
      first?.result.case === "regressionResult" ? first.result.value.regressions[0]?.value : first?.result.value?.classifications[0]?.classes[0]?.score;
    assert.deepEqual([results.length, value, first?.modelSpec?.signatureName], [1, want, signature]);
  });
}
const refusals: readonly { readonly name: string; readonly call: () => Promise<unknown>; readonly code?: Code; readonly text: string | RegExp }[] = [
  { name: "an input without a kind", call: () => client.classify({ modelSpec: spec("w", "both"), input: {} }), text: "Input is empty." },
  { name: "no input", call: () => client.regress({ modelSpec: spec("w", "flat") }), text: "Input is empty." },
  { name: "an empty list", call: () => classes("both", list()), text: "Input is empty." },
  { name: "a context alone", call: () => numbers("w", "flat", withContext({ x: 1 })), text: "Input is empty." },
  { name: "no spec", call: () => client.classify({ input: ex }), text: "Missing ModelSpec" },
  { name: "no name", call: () => client.regress({ modelSpec: {}, input: ex }), text: "ModelSpec has no name specified." },
  {
    name: "an unknown model",
    call: () => client.regress({ modelSpec: spec("none"), input: ex }),
    code: Code.NotFound,
    text: "Servable not found for request: Latest(none)",
  },
  { name: "an unknown signature", call: () => classes("nope"), text: "No signature was found with the name: nope" },
  { name: "a model without the default signature", call: () => classes(""), text: "No signature was found with the name: serving_default" },
  { name: "classify: scores of rank 1", call: () => classes("flatScores"), text: "Expected Tensor shape: [batch_size num_classes] but got [2]" },
  { name: "classify: classes of rank 3", call: () => classes("flatClasses"), text: "Expected Tensor shape: [batch_size num_classes] but got [2,3,4]" },
  { name: "classify: scores of double", call: () => classes("doubleScores"), text: "Expected scores Tensor of DT_FLOAT. Got: DT_DOUBLE" },
  { name: "classify: classes of float", call: () => classes("floatClasses"), text: "Expected classes Tensor of DT_STRING. Got: DT_FLOAT" },
  { name: "classify: another number of rows", call: () => classes("threeRows"), text: "Expected scores output batch size of 2. Got: 3" },
  {
    name: "classify: classes and scores of different widths",
    call: () => classes("uneven"),
    text: "Tensors class and score should match in dim_size(1). Got 3 vs. 2",
  },
  {
    name: "classify: neither classes nor scores",
    call: () => classes("others"),
    text: /^Expected classification signature outputs to contain at least one of "classes" or "scores"\. Signature was: /,
  },
  { name: "classify: three outputs", call: () => classes("many"), text: "Expected one or two output Tensors, found 3" },
  {
    name: "classify: an input of another name",
    call: () => classes("otherInput"),
    text: /^No classification inputs found in SignatureDef: inputs \{\n {2}key: "examples"\n {2}value \{\n {4}name: "[^"]+"\n/,
  },
  { name: "classify: two inputs", call: () => classes("twoInputs"), text: "Expected one input Tensor." },
  {
    name: "regress: two columns",
    call: () => numbers("w", "wide", two),
    text: "Expected output Tensor shape to be either [batch_size] or [batch_size, 1] but got [2,2]",
  },
  {
    name: "regress: rank 3",
    call: () => numbers("w", "cube", two),
    text: "Expected output Tensor shape to be either [batch_size] or [batch_size, 1] but got [2,3,4]",
  },
  { name: "regress: another number of rows", call: () => numbers("w", "threeFlat", two), text: "Input batch size did not match output batch size: 2 vs. 3" },
  { name: "regress: doubles", call: () => numbers("w", "double", two), text: "Expected output Tensor of DT_FLOAT.  Got: DT_DOUBLE" },
  { name: "regress: an output of another name", call: () => numbers("w", "otherOutput", two), text: /^No regression outputs found in SignatureDef: / },
  { name: "regress: two outputs", call: () => numbers("w", "twoOutputs", two), text: "Expected one output Tensor." },
  {
    name: "examples fed to a float input fail in the runtime by dtype",
    call: () => numbers("m", "regress_x2_to_y3", ex),
    text: "Expects arg[0] to be float but string is provided",
  },
  {
    name: "an example without a required feature passes the runtime's text through",
    call: () => numbers("m", "regress_x_to_y", two),
    text: /Feature: x \(data type: float\) is required but could not be found\./,
  },
  { name: "multi-inference without tasks", call: () => multi(ex), text: "ModelSpec has no name specified." },
  { name: "multi-inference without input", call: () => multi(undefined, ["m", "regress_x_to_y", regress]), text: "Input is empty." },
  {
    name: "multi-inference on an unknown model",
    call: () => multi(ex, ["none", "regress_x_to_y", regress]),
    code: Code.NotFound,
    text: "Servable not found for request: Latest(none)",
  },
  {
    name: "multi-inference on an unknown signature",
    call: () => multi(ex, ["m", "nope", regress]),
    text: "Requested signature not found in model graph: nope",
  },
  {
    name: "multi-inference on two models",
    call: () => multi(ex, ["m", "regress_x_to_y", regress], ["other", "regress_x_to_y", regress]),
    text: "All ModelSpecs in a MultiInferenceRequest must access the same model name.",
  },
  {
    name: "multi-inference with a task without a name",
    call: () => multi(ex, ["m", "regress_x_to_y", regress], ["", "regress_x_to_y2", regress]),
    text: "Found ModelSpec with an empty model name.",
  },
  {
    name: "multi-inference whose second task gives another number of rows",
    call: () => multi(two, ["w", "flat", regress], ["w", "threeFlat", regress]),
    text: "Input batch size did not match output batch size: 2 vs. 3",
  },
  {
    name: "multi-inference of one signature twice",
    call: () => multi(ex, ["m", "regress_x_to_y", regress], ["m", "regress_x_to_y", regress]),
    text: "Duplicate evaluation of signature: regress_x_to_y",
  },
  {
    name: "multi-inference of a predict",
    call: () => multi(ex, ["m", "serving_default", "tensorflow/serving/predict"]),
    code: Code.Unimplemented,
    text: "Unsupported signature method_name: tensorflow/serving/predict",
  },
  {
    name: "with the method check, a classify of a regression signature",
    call: () => classes("flat", two, strictClient),
    text: `Expected classification signature method_name to be ${classify}. Was: ${regress}`,
  },
  {
    name: "with the method check, a regress of a classification signature",
    call: () => numbers("w", "both", two, strictClient),
    text: `Expected regression signature method_name to be ${regress}. Was: ${classify}`,
  },
  {
    name: "with the method check, a predict of a signature of another method",
    call: () => strictClient.predict({ modelSpec: spec("w", "odd") }),
    code: Code.Internal,
    text: `Expected prediction signature method_name to be one of {tensorflow/serving/predict, ${classify}, ${regress}}. Was: not/supported/method`,
  },
];
for (const row of refusals) {
  test(`refused: ${row.name}`, async () => {
    await assert.rejects(row.call(), (err) => {
      assert.ok(err instanceof ConnectError, String(err));
      assert.equal(Code[err.code], Code[row.code ?? Code.InvalidArgument], err.rawMessage);
      if (typeof row.text === "string") assert.equal(err.rawMessage, row.text);
      else assert.match(err.rawMessage, row.text);
      return true;
    });
  });
}
test("without the method check a signature of any method answers", async () => {
  assert.deepEqual(await numbers("w", "odd", two), [7, 8]);
  assert.deepEqual(await numbers("w", "flat", two, strictClient), [7, 8]);
});
