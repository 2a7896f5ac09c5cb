import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { Code } from "@tfs/std";
import { readFlags } from "../flags/index.ts";
import { scratch } from "../testing/index.ts";
import { configured } from "./index.ts";

const dir = scratch();
after(() => dir[Symbol.dispose]());
const file = join(dir.path, "models.config");
const model = (name: string) => `model_config_list { config { name: "${name}" base_path: "/m" model_platform: "tensorflow" } }`;
writeFileSync(file, model("a"));

const rows: readonly { readonly name: string; readonly argv: readonly string[]; readonly models: readonly string[]; readonly pollMs: number | undefined }[] = [
  { name: "a file is read once", argv: [`--model_config_file=${file}`], models: ["a"], pollMs: undefined },
  { name: "a file wins over the one model", argv: [`--model_config_file=${file}`, "--model_name=b", "--model_base_path=/b"], models: ["a"], pollMs: undefined },
  { name: "a period reads it again", argv: [`--model_config_file=${file}`, "--model_config_file_poll_wait_seconds=2"], models: ["a"], pollMs: 2000 },
  { name: "a negative period is none", argv: [`--model_config_file=${file}`, "--model_config_file_poll_wait_seconds=-1"], models: ["a"], pollMs: undefined },
  {
    name: "without a file there is nothing to read again",
    argv: ["--model_name=b", "--model_config_file_poll_wait_seconds=2"],
    models: ["b"],
    pollMs: undefined,
  },
];
for (const { name, argv, models, pollMs } of rows) {
  test(`models of flags: ${name}`, async () => {
    const found = await configured(readFlags(argv), {});
    assert.deepEqual([found.models?.map((m) => m.name), found.poll?.ms], [models, pollMs]);
  });
}

test("models of flags: reading again gives what the file says then", async () => {
  const path = join(dir.path, "changing.config");
  writeFileSync(path, model("before"));
  const { poll } = await configured(readFlags([`--model_config_file=${path}`, "--model_config_file_poll_wait_seconds=1"]), {});
  writeFileSync(path, model("after"));
  const { config } = (await poll?.read()) ?? assert.fail("there is no poll");
  assert.equal(config.case === "modelConfigList" ? config.value.config[0]?.name : undefined, "after");
});

test("models of flags: a file that says nothing gives no models, and may say something later", async () => {
  const path = join(dir.path, "empty.config");
  writeFileSync(path, "# nothing yet");
  const { models, poll } = await configured(readFlags([`--model_config_file=${path}`, "--model_config_file_poll_wait_seconds=1"]), {});
  assert.equal(models, undefined);
  assert.notEqual(poll, undefined);
});

test("models of flags: a file that is not there is NOT_FOUND", async () => {
  const path = join(dir.path, "missing.config");
  await assert.rejects(configured(readFlags([`--model_config_file=${path}`]), {}), {
    code: Code.NotFound,
    message: `${path}; No such file or directory`,
  });
});
