import assert from "node:assert/strict";
import { test } from "node:test";
import { anyUnpack } from "@bufbuild/protobuf/wkt";
import { ModelServerConfigSchema } from "@tfs/proto";
import { PlatformConfigMapSchema } from "@tfs/proto/gen/tensorflow_serving/config/platform_config_pb.js";
import { SavedModelBundleSourceAdapterConfigSchema } from "@tfs/proto/gen/tensorflow_serving/servables/tensorflow/saved_model_bundle_source_adapter_pb.js";
import { Code } from "@tfs/std";
import { models } from "../testing/index.ts";
import { parseTextProto, readTextProto } from "./file.ts";
import { type ModelSource, modelsOf } from "./models.ts";

const read = (text: string) => modelsOf(parseTextProto(ModelServerConfigSchema, text, "f"));
const m = (more: Partial<ModelSource> = {}): ModelSource => ({ name: "m", basePath: "/m", policy: { kind: "latest", count: 1 }, labels: new Map(), ...more });

/** Behaviour spec 4.1: ways to write one and the same list of one model. */
const written = 'model_config_list { config { name: "m" base_path: "/m" model_platform: "tensorflow" ';
const three = m({ policy: { kind: "specific", versions: [1n, 2n, 16n] }, labels: new Map([["stable", 2n]]) });
const rest = 'model_version_policy { specific { versions: 1 versions: 2 versions: 16 } } version_labels { key: "stable" value: 2 } } }';
const ways: readonly { readonly name: string; readonly text: string; readonly want?: ModelSource }[] = [
  { name: "name: value, and msg { }", text: `${written}${rest}` },
  { name: "msg: { }", text: `${written}${rest}`.replaceAll(/(\w) \{/g, "$1: {") },
  { name: "without white space where none is needed", text: `${written}${rest}`.replaceAll(/ ?([{}:]) ?/g, "$1") },
  {
    name: "a list of scalars in brackets",
    text: `${written}model_version_policy { specific { versions: [1, 2, 16] } } version_labels { key: "stable" value: 2 } } }`,
  },
  {
    name: "a list of messages in brackets",
    text: 'model_config_list: { config: [{ name: "m" base_path: "/m" model_platform: "tensorflow" model_version_policy: { specific: { versions: [1, 2], versions: 16 } } version_labels: [{ key: "stable", value: 2 }] }] }',
  },
  { name: "an empty list in brackets", text: `${written}version_labels: [] } }`, want: m() },
  { name: "single quotes", text: `${written}${rest}`.replaceAll('"', "'") },
  {
    name: "a quote within the other kind",
    text: `model_config_list { config { name: 'a "b"' base_path: "/it's" model_platform: "tensorflow" } }`,
    want: m({ name: 'a "b"', basePath: "/it's" }),
  },
  { name: "adjacent strings are one", text: `${written}${rest}`.replace('"tensorflow"', `"tensor" 'fl'\n  "ow"`) },
  { name: "comments, to the end of the line and of the file", text: `# a comment\n${written} # "another { one\n${rest} # the last` },
  {
    name: "commas between fields",
    text: `model_config_list { config { name: "m", base_path: "/m", model_platform: "tensorflow", ${rest.replaceAll(/([\d}]) version/g, "$1, version")}`,
  },
  {
    name: "semicolons between fields",
    text: `model_config_list { config { name: "m"; base_path: "/m"; model_platform: "tensorflow"; ${rest.replaceAll(/([\d}]) version/g, "$1; version")}`,
  },
  {
    name: "a separator behind the last field",
    text: 'model_config_list: { config: { name: "m", base_path: "/m", model_platform: "tensorflow", }, },',
    want: m(),
  },
  {
    name: "a map's entries by repeated messages, of which the last of a key counts",
    text: `${written}version_labels { key: "a" value: 1 } version_labels { value: 3 key: "b" } version_labels { key: "a" value: 2 } } }`,
    want: m({
      labels: new Map([
        ["a", 2n],
        ["b", 3n],
      ]),
    }),
  },
  { name: "a map's entry without a value is of version 0", text: `${written}version_labels { key: "a" } } }`, want: m({ labels: new Map([["a", 0n]]) }) },
  { name: "an enum by name", text: 'model_config_list { config { name: "m" base_path: "/m" model_type: TENSORFLOW } }', want: m() },
  { name: "an enum by number", text: 'model_config_list { config { name: "m" base_path: "/m" model_type: 1 } }', want: m() },
  { name: "angle brackets around messages", text: `${written}${rest}`.replaceAll("{", "<").replaceAll("}", ">") },
  { name: "hexadecimal integers", text: `${written}${rest}`.replace("versions: 16", "versions: 0x10") },
  { name: "octal integers", text: `${written}${rest}`.replace("versions: 16", "versions: 020") },
  {
    name: "escapes in strings",
    text: String.raw`model_config_list { config { name: "\x6d\"\'\\\t\n\r\101\u00fc\U0001F600\?" base_path: '/\a\b\f\v' model_platform: "tensorflow" } }`,
    want: m({ name: "m\"'\\\t\n\rA\u00fc\u{1f600}?", basePath: "/\u0007\b\f\v" }),
  },
  {
    name: "bytes of UTF-8, escaped one by one",
    text: String.raw`model_config_list { config { name: "\303\274" base_path: "/m" model_platform: "tensorflow" } }`,
    want: m({ name: "ü" }),
  },
  {
    name: "UTF-8 as it is, behind a byte-order mark",
    text: '\ufeffmodel_config_list { config { name: "größe" base_path: "/m" model_platform: "tensorflow" } }',
    want: m({ name: "größe" }),
  },
  { name: "line ends of Windows", text: `${written}${rest}`.replaceAll(" ", "\r\n") },
  {
    name: "a 64-bit version",
    text: `${written}model_version_policy { specific { versions: 9223372036854775807 } } } }`,
    want: m({ policy: { kind: "specific", versions: [2n ** 63n - 1n] } }),
  },
];
for (const way of ways) test(`text format: ${way.name}`, () => assert.deepEqual(read(way.text), [way.want ?? three]));

const adapter = "tensorflow.serving.SavedModelBundleSourceAdapterConfig";
test("text format: an Any written out is packed under its type", () => {
  const text = `platform_configs { key: "tensorflow" value { source_adapter_config { [type.googleapis.com/${adapter}] { legacy_config { session_target: "gpu" } } } } }`;
  const any = parseTextProto(PlatformConfigMapSchema, text, "f").platformConfigs["tensorflow"]?.sourceAdapterConfig;
  assert.equal(any?.typeUrl, `type.googleapis.com/${adapter}`);
  assert.equal(anyUnpack(any, SavedModelBundleSourceAdapterConfigSchema)?.legacyConfig?.sessionTarget, "gpu");
});
const malformed: readonly { readonly name: string; readonly text: string; readonly want: RegExp }[] = [
  { name: "an Any of a type that nobody knows", text: "custom_model_config { [type.googleapis.com/x.Y] { } }", want: /x\.Y/ },
  { name: "a value of another type", text: "model_config_list { config { name: 5 } }", want: /expected a string/ },
  { name: "a message that is not closed", text: 'model_config_list { config { name: "m"', want: /unexpected end of input/ },
  { name: "a field twice that may be there once", text: 'model_config_list { config { name: "m" name: "n" } }', want: /name/ },
  { name: "both kinds of config", text: "model_config_list { } custom_model_config { }", want: /custom_model_config|oneof|config/ },
  { name: "both kinds of policy", text: `${written}model_version_policy { latest { } all { } } } }`, want: /all|latest|oneof/ },
  { name: "an enum value that is none", text: "model_config_list { config { model_type: TORCH } }", want: /TORCH/ },
  { name: "a reserved number for a name", text: "model_config_list { 1: 2 }", want: /f'/ },
];
for (const row of malformed) {
  test(`text format: ${row.name} is refused, with the file's name and what is wrong`, () => {
    assert.throws(
      () => read(row.text),
      (err: Error & { code: Code }) => {
        assert.equal(err.code, Code.InvalidArgument);
        assert.match(err.message, /^Invalid protobuf file: 'f': Error parsing text-format tensorflow\.serving\.ModelServerConfig: /);
        assert.match(err.message, row.want);
        return true;
      },
    );
  });
}
test("a file that is not there is told as TensorFlow tells it", async () => {
  await assert.rejects(readTextProto(ModelServerConfigSchema, "/nowhere/models.config"), {
    code: Code.NotFound,
    message: "/nowhere/models.config; No such file or directory",
  });
});
test("a folder in the place of a file is refused", async () => {
  await assert.rejects(readTextProto(ModelServerConfigSchema, models), { code: Code.FailedPrecondition });
});
