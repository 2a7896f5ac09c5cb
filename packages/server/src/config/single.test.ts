import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { readFlags } from "../flags/index.ts";
import { scratch, silent } from "../testing/index.ts";
import { checkModels, type ModelSource } from "./models.ts";
import { singleModel } from "./single.ts";

const m = (more: Partial<ModelSource> = {}): ModelSource => ({ name: "m", basePath: "/m", ...more });

const found: readonly { readonly name: string; readonly folders: readonly string[]; readonly want: string }[] = [
  { name: "a base path with versions is the model's, whatever lies beside them", folders: ["1", "m/1"], want: "" },
  { name: "a base path without versions, whose folder of the model's name has some, means that folder", folders: ["m/1", "other/1"], want: "m" },
  { name: "a base path where nothing is stays as it was given", folders: ["other/1"], want: "" },
];
for (const row of found) {
  test(`one model: ${row.name}`, async () => {
    using dir = scratch();
    for (const folder of row.folders) mkdirSync(join(dir.path, folder), { recursive: true });
    const { basePath } = await singleModel(readFlags(["--model_name=m", `--model_base_path=${dir.path}`]), {}, silent);
    assert.equal(basePath, join(dir.path, row.want));
  });
}
test("a list made by hand is held to the same names and paths", () => {
  assert.throws(() => checkModels([m(), m()]), { message: "Illegal to list model m multiple times in config list" });
  assert.throws(() => checkModels([m({ basePath: "m" })]), { message: "Expected model m to have an absolute path or URI; got base_path()=m" });
  checkModels([m(), m({ name: "n", basePath: "S3://bucket/n" })]);
});
