import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
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
for (const type of [
  "ModelConfig",
  "ModelServerConfig",
  "SSLConfig",
  "PlatformConfigMap",
  "PredictRequest",
  "PredictionLog",
  "LoggingConfig",
  "MonitoringConfig",
]) {
  test(`text format: an Any may hold a ${type}`, () => {
    const { config } = parseTextProto(ModelServerConfigSchema, `custom_model_config { [type.googleapis.com/tensorflow.serving.${type}] { } }`, "f");
    assert.equal(config.case === "customModelConfig" && config.value.typeUrl, `type.googleapis.com/tensorflow.serving.${type}`);
  });
}
test("text format: an Any's type may stand apart", () => {
  const { config } = parseTextProto(ModelServerConfigSchema, "custom_model_config { [ type.googleapis.com / tensorflow.serving.ModelConfig ] { } }", "f");
  assert.equal(config.case, "customModelConfig");
});
const malformed: readonly { readonly name: string; readonly text: string; readonly at: string; readonly want: RegExp }[] = [
  { name: "an Any of a type that nobody knows", text: "custom_model_config { [type.googleapis.com/x.Y] { } }", at: "1:47", want: /x\.Y/ },
  { name: "a value of another type", text: "model_config_list {\n  config {\n    name: 5\n  }\n}", at: "3:11", want: /expected a string/ },
  { name: "a message that is not closed", text: 'model_config_list { config { name: "m"\n', at: "2:1", want: /unexpected end of input/ },
  { name: "a brace too many", text: "model_config_list { }\n  }\n", at: "2:3", want: /expected a field name, got "}"/ },
  { name: "an unknown field", text: 'model_config_list {\n\tconfig { nam: "m" } }', at: "2:11", want: /unknown field "nam"/ },
  {
    name: "an unknown field behind strings and comments that look like one",
    text: "# nam: 1\nmodel_config_list { config { name: '# nam: \\'' nam: 1 } }",
    at: "2:48",
    want: /unknown field "nam"/,
  },
  { name: "a value without its colon", text: "model_config_list { config { name\n'm' } }", at: "2:1", want: /expected ":"/ },
  { name: "a field twice that may be there once", text: 'model_config_list { config { name: "m" name: "n" } }', at: "1:40", want: /name/ },
  { name: "both kinds of config", text: "model_config_list { } custom_model_config { }", at: "1:23", want: /custom_model_config|oneof|config/ },
  { name: "both kinds of policy", text: `${written}\nmodel_version_policy { latest { } all { } } } }`, at: "2:35", want: /all|latest|oneof/ },
  { name: "an enum value that is none", text: "model_config_list { config { model_type: TORCH } }", at: "1:42", want: /TORCH/ },
  { name: "a reserved number for a name", text: "model_config_list { 1: 2 }", at: "1:21", want: /field by number: 1/ },
  { name: "a string over two lines", text: 'model_config_list { config { name: "m\n" } }', at: "1:36", want: /U\+000A in string/ },
  { name: "a string that is not closed", text: 'model_config_list { config { name: "m', at: "1:36", want: /unterminated string/ },
  { name: "an escape that is none", text: String.raw`model_config_list { config { name: "m" base_path: "/\q" } }`, at: "1:51", want: /invalid escape \\q/ },
  { name: "a number too large", text: `${written}model_version_policy { latest { num_versions: 4294967296 } } } }`, at: "1:131", want: /4294967296/ },
  { name: "a number that is none", text: "model_config_list { config { model_type: 0x } }", at: "1:42", want: /invalid hexadecimal literal/ },
  { name: "a character that begins nothing", text: "\ufeff\u0001 \u0002", at: "1:1", want: /U\+0001/ },
  {
    name: "bytes in a string that are no UTF-8, which is told once the string is over,",
    text: String.raw`model_config_list { config { name: "\xff" } }`,
    at: "1:43",
    want: /invalid UTF-8 in string/,
  },
  { name: "nothing but a name", text: "ü", at: "1:1", want: /unexpected U\+00FC/ },
];
for (const row of malformed) {
  test(`text format: ${row.name} is refused, with the file's name, where, and what is wrong`, () => {
    assert.throws(
      () => read(row.text),
      (err: Error & { code: Code }) => {
        assert.equal(err.code, Code.InvalidArgument);
        const told = `Invalid protobuf file: 'f': Error parsing text-format tensorflow.serving.ModelServerConfig: ${row.at}: `;
        assert.equal(err.message.slice(0, told.length), told, err.message);
        assert.match(err.message, row.want);
        return true;
      },
    );
  });
}
test("text format: a fault among many models is found at once", () => {
  const config = 'config { name: "m" base_path: "/m" model_platform: "tensorflow" }\n';
  const many = config.repeat(2000);
  assert.throws(() => read(`model_config_list {\n${many}config { nam: "m" }\n${many}}`), { message: /: 2002:10: unknown field "nam"/ });
});
test("a file in another encoding is refused where it counts, and read where it does not", async () => {
  const dir = mkdtempSync(join(tmpdir(), "tfs-file-"));
  try {
    const file = join(dir, "models.config");
    writeFileSync(file, '# gr\xf6\xdfer\nmodel_config_list { config { name: "m" base_path: "/m" } }', "latin1");
    assert.equal((await readTextProto(ModelServerConfigSchema, file)).config.case, "modelConfigList");
    writeFileSync(file, '\n  model_config_list { config { name: "gr\xf6\xdfe" } }', "latin1");
    await assert.rejects(readTextProto(ModelServerConfigSchema, file), { code: Code.InvalidArgument, message: /ModelServerConfig: 2:38: not UTF-8$/ });
  } finally {
    rmSync(dir, { recursive: true });
  }
});
test("a file that is not there is told as TensorFlow tells it", async () => {
  await assert.rejects(readTextProto(ModelServerConfigSchema, "/nowhere/models.config"), {
    code: Code.NotFound,
    message: "/nowhere/models.config; No such file or directory",
  });
});
test("a folder in the place of a file is refused", async () => {
  await assert.rejects(readTextProto(ModelServerConfigSchema, models), { code: Code.FailedPrecondition });
});
