// The OpenAPI documents, as others understand them: a validator reads them, and schemathesis calls a server by them, with what they allow and with what they do not.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { scratch, send, serve } from "../testing/index.ts";

const root = fileURLToPath(new URL("../../../../", import.meta.url));
const bin = join(root, ".tools/schemathesis/bin");
const ready = existsSync(join(bin, "schemathesis"));
const skip = ready ? false : "needs schemathesis, run npm run tools";
const short = process.env["TFS_SHORT"] === "1";
const run = promisify(execFile);

// Models whose answers are finite, whatever finite numbers come: NaN and Infinity, as TensorFlow Serving writes them, are not JSON.
const finite = ["half_plus_two", "half_plus_two_tf2", "matrix", "text", "dtype_int64", "dtype_uint8", "dtype_uint16", "dtype_bool", "dtype_string"];
const others = ["second_model", "defaults", "counter", "digits", "dtype_half", "dtype_complex64"];
// What is valid is also accepted: nothing in these depends on values, on dimensions that must agree, or on 1.0, which is an integer to JSON Schema and not to TensorFlow Serving.
const open = ["dtype_bool", "dtype_string", "matrix"];
const dir = scratch();
const served = ready ? await serve([...finite, ...others], { restCompress: true }) : undefined;
after(async () => {
  await served?.[Symbol.asyncDispose]();
  dir[Symbol.dispose]();
});

const documents = [
  "/openapi.json",
  ...[...finite, ...others].map((model) => `/v1/models/${model}/openapi.json`),
  "/v1/models/half_plus_two/versions/2/openapi.json",
];
test("every document is OpenAPI 3.1", { skip, timeout: 120_000 }, async () => {
  const files: string[] = [];
  for (const path of documents) {
    const got = await send("GET", served!.rest + path);
    assert.deepEqual([got.status, got.headers["content-type"]], [200, "application/json"], got.body);
    assert.equal((JSON.parse(got.body) as { readonly openapi: string }).openapi, "3.1.0");
    files.push(join(dir.path, path.replaceAll("/", "_")));
    writeFileSync(files.at(-1)!, got.body);
  }
  await run(join(bin, "openapi-spec-validator"), files);
});

/** exercise has schemathesis call what a document has, and fails with what it says. */
async function exercise(path: string, checks: readonly string[], options: readonly string[]): Promise<void> {
  const config = fileURLToPath(new URL("../../testdata/schemathesis.toml", import.meta.url));
  const args = [
    "--config-file",
    config,
    "run",
    served!.rest + path,
    "--phases=examples,coverage,fuzzing",
    `--checks=${checks.join()}`,
    "--seed=1",
    "--no-color",
  ];
  try {
    const { stdout } = await run(join(bin, "schemathesis"), [...args, `--max-examples=${short ? 10 : 60}`, ...options], { cwd: dir.path, maxBuffer: 64 << 20 });
    assert.match(stdout, /\d{2,} generated/);
  } catch (err) {
    assert.fail((err as { readonly stdout?: string }).stdout?.slice(0, 20_000) ?? String(err));
  }
}
const conformance = ["status_code_conformance", "content_type_conformance", "response_headers_conformance"];
const shapes = [...conformance, "response_schema_conformance"];
const except = (models: readonly string[]): string[] => ["--exclude-path-regex", `/(${models.join("|")})[/:]|/(${models.join("|")})$`];

test("schemathesis: no 5xx, and nothing that the document does not have, whatever is sent", { skip, timeout: 600_000 }, () =>
  exercise("/openapi.json", ["not_a_server_error", ...conformance], ["--exclude-path", "/readyz"]),
);
test("schemathesis: answers have the shapes that the document tells", { skip, timeout: 600_000 }, () =>
  exercise("/openapi.json", shapes, ["--mode=positive", ...except(others)]),
);
for (const model of open) {
  test(`schemathesis: ${model} accepts what its document allows`, { skip, timeout: 600_000 }, () =>
    exercise(
      `/v1/models/${model}/openapi.json`,
      ["not_a_server_error", "positive_data_acceptance", ...shapes],
      ["--mode=positive", "--exclude-path-regex", "/labels/|/versions/"],
    ),
  );
}
