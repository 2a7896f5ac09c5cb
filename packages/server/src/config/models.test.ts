import assert from "node:assert/strict";
import { test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { ModelServerConfigSchema } from "@tfs/proto";
import { LoggingConfigSchema } from "@tfs/proto/gen/tensorflow_serving/config/logging_config_pb.js";
import { Code } from "@tfs/std";
import { readFlags } from "../flags/index.ts";
import { parseTextProto } from "./file.ts";
import { checkModels, type ModelSource, modelsOf } from "./models.ts";
import { singleModel } from "./single.ts";

const single: readonly { readonly name: string; readonly argv: string[]; readonly env: Record<string, string>; readonly want: [string, string] }[] = [
  { name: "nothing given is model under /models", argv: [], env: {}, want: ["model", "/models/model"] },
  { name: "the environment names model and folder", argv: [], env: { MODEL_NAME: "m", MODEL_BASE_PATH: "/data" }, want: ["m", "/data/m"] },
  { name: "an empty variable counts as none", argv: [], env: { MODEL_NAME: "", MODEL_BASE_PATH: "" }, want: ["model", "/models/model"] },
  { name: "flags win", argv: ["--model_name=f", "--model_base_path=/f"], env: { MODEL_NAME: "m", MODEL_BASE_PATH: "/data" }, want: ["f", "/f"] },
  { name: "a base path alone is served by the binary's default name", argv: ["--model_base_path", "/f"], env: {}, want: ["default", "/f"] },
  { name: "a base path is served by the environment's name", argv: ["--model_base_path=/f"], env: { MODEL_NAME: "m" }, want: ["m", "/f"] },
  { name: "a name alone is found under the default folder", argv: ["--model_name=f"], env: {}, want: ["f", "/models/f"] },
];
for (const row of single) {
  test(`one model: ${row.name}`, () => {
    const [name, basePath] = row.want;
    assert.deepEqual(singleModel(readFlags(row.argv), row.env), { name, basePath, standIn: `${basePath}/${name}` });
  });
}

for (const scheme of ["gs://bucket/models", "file:///data", "https://host/models/"]) {
  test(`one model: MODEL_BASE_PATH may be a URI: ${scheme}`, () => {
    assert.deepEqual(singleModel(readFlags([]), { MODEL_NAME: "m", MODEL_BASE_PATH: scheme }), { name: "m", basePath: `${scheme.replace(/\/$/, "")}/m` });
  });
}

const config = (body: string) => `model_config_list { ${body} }`;
const model = (body: string) => config(`config { name: "m" base_path: "/m" model_platform: "tensorflow" ${body} }`);
const read = (text: string) => modelsOf(parseTextProto(ModelServerConfigSchema, text, "f"));
const m = (more: Partial<ModelSource> = {}): ModelSource => ({ name: "m", basePath: "/m", policy: { kind: "latest", count: 1 }, labels: new Map(), ...more });
const accepted: { name: string; text: string; want: readonly ModelSource[] | undefined }[] = [
  { name: "an empty file says nothing", text: "", want: undefined },
  { name: "an empty list serves nothing", text: config(""), want: [] },
  {
    name: "models come in the file's order",
    text: config(
      'config { name: "b" base_path: "/b" model_platform: "tensorflow" }\n# a comment\nconfig: { name: \'a\', base_path: \'/a\', model_type: TENSORFLOW }',
    ),
    want: [m({ name: "b", basePath: "/b" }), m({ name: "a", basePath: "/a" })],
  },
  {
    name: "a policy of the two latest",
    text: model("model_version_policy { latest { num_versions: 2 } }"),
    want: [m({ policy: { kind: "latest", count: 2 } })],
  },
  { name: "latest of none is one", text: model("model_version_policy { latest { } }"), want: [m()] },
  { name: "all versions", text: model("model_version_policy: { all: {} }"), want: [m({ policy: { kind: "all" } })] },
  {
    name: "versions by number",
    text: model("model_version_policy { specific { versions: 42 versions: 0 } }"),
    want: [m({ policy: { kind: "specific", versions: [42n, 0n] } })],
  },
  {
    name: "labels",
    text: model("version_labels { key: 'stable' value: 1 } version_labels { key: 'canary' value: 2 }"),
    want: [
      m({
        labels: new Map([
          ["stable", 1n],
          ["canary", 2n],
        ]),
      }),
    ],
  },
  {
    name: "a base path with a scheme",
    text: config('config { name: "m" base_path: "s3://b/m" model_platform: "tensorflow" }'),
    want: [m({ basePath: "s3://b/m" })],
  },
  {
    name: "an engine behind the platform",
    text: config('config { name: "m" base_path: "/m" model_platform: "tensorflow:openvino" }'),
    want: [m({ engine: "openvino" })],
  },
  {
    name: "TensorFlow by name is an engine, and alone the platform",
    text: config(
      'config { name: "m" base_path: "/m" model_platform: "tensorflow:tensorflow" } config { name: "n" base_path: "/n" model_platform: "tensorflow" }',
    ),
    want: [m({ engine: "tensorflow" }), m({ name: "n", basePath: "/n" })],
  },
  {
    name: "logging",
    text: model("logging_config { sampling_config { sampling_rate: 0.5 } }"),
    want: [m({ logging: create(LoggingConfigSchema, { samplingConfig: { samplingRate: 0.5 } }) })],
  },
];
for (const row of accepted) test(`model config: ${row.name}`, () => assert.deepEqual(read(row.text), row.want));

const refused = [
  {
    name: "no text format",
    text: "improperly formatted file",
    want: /^Invalid protobuf file: 'f': Error parsing text-format tensorflow\.serving\.ModelServerConfig: /,
  },
  { name: "an unknown field", text: config('config { nam: "m" }'), want: /^Invalid protobuf file: 'f'.*nam/ },
  { name: "a custom config", text: "custom_model_config { }", want: /does not yet support custom model config/ },
  {
    name: "a relative path",
    text: config('config { name: "m" base_path: "m" model_platform: "tensorflow" }'),
    want: /^Expected model m to have an absolute path or URI; got base_path\(\)=m$/,
  },
  {
    name: "another platform",
    text: config('config { name: "m" base_path: "/m" model_platform: "torch" }'),
    want: /^Model m requests unsupported platform torch$/,
  },
  {
    name: "an engine that there is not",
    text: config('config { name: "m" base_path: "/m" model_platform: "tensorflow:abacus" }'),
    want: /^Model m requests unsupported platform tensorflow:abacus$/,
  },
  {
    name: "an engine without a name",
    text: config('config { name: "m" base_path: "/m" model_platform: "tensorflow:" }'),
    want: /^Model m requests unsupported platform tensorflow:$/,
  },
  {
    name: "two engines",
    text: config('config { name: "m" base_path: "/m" model_platform: "tensorflow:auto:embedded" }'),
    want: /^Model m requests unsupported platform tensorflow:auto:embedded$/,
  },
  {
    name: "an engine of another platform",
    text: config('config { name: "m" base_path: "/m" model_platform: "torch:auto" }'),
    want: /^Model m requests unsupported platform torch:auto$/,
  },
  {
    name: "no platform",
    text: config('config { name: "m" base_path: "/m" }'),
    want: /^Illegal setting neither ModelServerConfig::model_type \(deprecated\) nor ModelServerConfig::model_platform, model name is m$/,
  },
  { name: "a platform and a type", text: model("model_type: TENSORFLOW"), want: /^Illegal setting both .* model name is m$/ },
  {
    name: "another type",
    text: config('config { name: "m" base_path: "/m" model_type: OTHER }'),
    want: /^ModelServerConfig::model_type choice 2 not supported\.$/,
  },
];
for (const row of refused) {
  test(`model config: ${row.name} is refused`, () => assert.throws(() => read(row.text), { code: Code.InvalidArgument, message: row.want }));
}
test("a list made by hand is held to the same names and paths", () => {
  assert.throws(() => checkModels([m(), m()]), { message: "Illegal to list model m multiple times in config list" });
  assert.throws(() => checkModels([m({ basePath: "m" })]), { message: "Expected model m to have an absolute path or URI; got base_path()=m" });
  checkModels([m(), m({ name: "n", basePath: "S3://bucket/n" })]);
});
