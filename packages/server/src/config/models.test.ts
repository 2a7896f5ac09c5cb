import assert from "node:assert/strict";
import { test } from "node:test";
import { Code } from "@tfs/std";
import { readFlags } from "../flags/index.ts";
import { modelsOf, parseModelConfig } from "./index.ts";

const single: readonly { readonly name: string; readonly argv: string[]; readonly env: Record<string, string>; readonly want: [string, string] }[] = [
  { name: "nothing given is model under /models", argv: [], env: {}, want: ["model", "/models/model"] },
  { name: "the environment names model and folder", argv: [], env: { MODEL_NAME: "m", MODEL_BASE_PATH: "/data" }, want: ["m", "/data/m"] },
  { name: "an empty variable counts as none", argv: [], env: { MODEL_NAME: "", MODEL_BASE_PATH: "" }, want: ["model", "/models/model"] },
  { name: "flags win", argv: ["--model_name=f", "--model_base_path=/f"], env: { MODEL_NAME: "m", MODEL_BASE_PATH: "/data" }, want: ["f", "/f"] },
  { name: "a base path alone is served by the default name", argv: ["--model_base_path", "/f"], env: {}, want: ["model", "/f"] },
  { name: "a name alone is found under the default folder", argv: ["--model_name=f"], env: {}, want: ["f", "/models/f"] },
];
for (const row of single) {
  test(`one model: ${row.name}`, () => {
    assert.deepEqual(modelsOf(readFlags(row.argv), row.env), [{ name: row.want[0], basePath: row.want[1] }]);
  });
}

const config = (body: string) => `model_config_list { ${body} }`;
const accepted = [
  { name: "an empty file serves nothing", text: "", want: [] },
  { name: "an empty list serves nothing", text: config(""), want: [] },
  {
    name: "models come in the file's order",
    text: config('config { name: "b" base_path: "/b" model_platform: "tensorflow" }\n# a comment\nconfig: { name: \'a\', base_path: \'/a\' }'),
    want: [
      { name: "b", basePath: "/b" },
      { name: "a", basePath: "/a" },
    ],
  },
];
for (const row of accepted) test(`model config: ${row.name}`, () => assert.deepEqual(parseModelConfig(row.text, "f"), row.want));

const refused = [
  { name: "no text format", text: "improperly formatted file", code: Code.InvalidArgument, want: /^Invalid protobuf file: 'f'/ },
  { name: "an unknown field", text: config('config { nam: "m" }'), code: Code.InvalidArgument, want: /^Invalid protobuf file: 'f'.*nam/ },
  { name: "a custom config", text: "custom_model_config { }", code: Code.InvalidArgument, want: /does not yet support custom model config/ },
  {
    name: "a model twice",
    text: config('config { name: "m" base_path: "/m" } config { name: "m" base_path: "/n" }'),
    code: Code.InvalidArgument,
    want: /^Illegal to list model m multiple times in config list$/,
  },
  {
    name: "a relative path",
    text: config('config { name: "m" base_path: "m" }'),
    code: Code.InvalidArgument,
    want: /^Expected model m to have an absolute path or URI; got base_path\(\)=m$/,
  },
  {
    name: "another platform",
    text: config('config { name: "m" base_path: "/m" model_platform: "torch" }'),
    code: Code.InvalidArgument,
    want: /^Model m requests unsupported platform torch$/,
  },
  {
    name: "a version policy, which would be served otherwise than asked",
    text: config('config { name: "m" base_path: "/m" model_version_policy { all { } } }'),
    code: Code.Unimplemented,
    want: /^model m: version policies, labels and logging are not supported yet$/,
  },
];
for (const row of refused) {
  test(`model config: ${row.name} is refused`, () => assert.throws(() => parseModelConfig(row.text, "f"), { code: row.code, message: row.want }));
}
