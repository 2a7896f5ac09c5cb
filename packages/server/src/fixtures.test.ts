import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { type Client, Code, createClient } from "@connectrpc/connect";
import { ExampleSchema, InputSchema, ModelService, PredictionService } from "@tfs/proto";
import { create } from "@bufbuild/protobuf";
import { DType, newTensor, toMessage } from "@tfs/tensor";
import { serve, wires } from "./testing/index.ts";

// TensorFlow Serving's own test models, where they lie beside the project: the same rows hold for ours in the other tests.
const dir = fileURLToPath(new URL("../../../../shared/testdata/tfserving/", import.meta.url));
const names = [
  "bad_half_plus_two",
  "matrix_half_plus_two",
  "saved_model_counter",
  "saved_model_half_plus_three",
  "saved_model_half_plus_two_2_versions",
  "saved_model_half_plus_two_cpu",
  "saved_model_half_plus_two_cpu_with_empty_saved_model_config",
  "saved_model_half_plus_two_cpu_with_saved_model_config",
  "saved_model_half_plus_two_gpu",
  "saved_model_half_plus_two_mkl",
  "saved_model_half_plus_two_mlmd",
  "saved_model_half_plus_two_tf2_cpu",
];

if (!existsSync(dir)) {
  test("TensorFlow Serving's own models", (t) => t.diagnostic("no fixtures beside the project"));
} else {
  const served = await serve(names.map((name) => ({ name, basePath: join(dir, name) })));
  const wire = wires(served.grpc)[0]!;
  after(async () => {
    wire[Symbol.dispose]();
    await served[Symbol.asyncDispose]();
  });
  describe(createClient(PredictionService, wire.transport), createClient(ModelService, wire.transport), served.rest);
}

function describe(prediction: Client<typeof PredictionService>, model: Client<typeof ModelService>, rest: string): void {
  const float = (shape: readonly number[], ...values: number[]) => toMessage(newTensor(DType.Float, shape, Float32Array.from(values)));
  const example = create(ExampleSchema, { features: { feature: { x: { kind: { case: "floatList", value: { value: [2] } } } } } });
  const input = create(InputSchema, { kind: { case: "exampleList", value: { examples: [example] } } });

  const halves = names.filter((name) => name.includes("half_plus_t") && name !== "bad_half_plus_two" && !name.startsWith("matrix"));
  for (const name of halves) {
    const want = name.includes("three") ? 4 : 3;
    test(`fixture ${name}: 2 gives ${want}`, async () => {
      const got = await prediction.predict({ modelSpec: { name }, inputs: { x: float([1, 1], 2) } });
      assert.deepEqual(got.outputs["y"]?.floatVal, [want]);
      assert.equal(got.modelSpec?.versionChoice.case === "version" && got.modelSpec.versionChoice.value.value, name.includes("2_versions") ? 124n : 123n);
    });
    if (name.includes("three")) continue;
    test(`fixture ${name}: classify and regress give 3`, async () => {
      const classified = await prediction.classify({ modelSpec: { name, signatureName: "classify_x_to_y" }, input });
      assert.deepEqual(
        classified.result?.classifications.map((row) => row.classes.map(({ label, score }) => [label, score])),
        [[["", 3]]],
      );
      const regressed = await prediction.regress({ modelSpec: { name, signatureName: "regress_x_to_y" }, input });
      assert.deepEqual(
        regressed.result?.regressions.map(({ value }) => value),
        [3],
      );
    });
  }
  test("fixture matrix_half_plus_two: every element", async () => {
    const got = await prediction.predict({ modelSpec: { name: "matrix_half_plus_two" }, inputs: { x: float([1, 3, 3], 0, 1, 2, 3, 4, 5, 6, 7, 8) } });
    assert.deepEqual(got.outputs["y"]?.floatVal, [2, 2.5, 3, 3.5, 4, 4.5, 5, 5.5, 6]);
  });
  test("fixture saved_model_counter counts", async () => {
    const call = async (signatureName: string, inputs = {}) =>
      (await prediction.predict({ modelSpec: { name: "saved_model_counter", signatureName }, inputs })).outputs["output"]?.floatVal;
    const seen = [];
    for (const name of ["get_counter", "incr_counter", "reset_counter", "incr_counter"]) seen.push(await call(name));
    seen.push(await call("incr_counter_by", { delta: float([], 3) }));
    assert.deepEqual(seen, [[0], [1], [0], [1], [4]]);
  });
  test("fixture bad_half_plus_two is refused as a SessionBundle", async () => {
    const got = await model.getModelStatus({ modelSpec: { name: "bad_half_plus_two" } });
    const [entry] = got.modelVersionStatus;
    assert.deepEqual([entry?.state, entry?.status?.errorCode], [50, Code.Unimplemented]);
    assert.equal(entry?.status?.errorMessage, "Session Bundle is deprecated and removed.");
  });
  test("fixture metadata equals TensorFlow Serving's own document", async () => {
    const name = "saved_model_half_plus_two_2_versions";
    const want = JSON.parse(readFileSync(join(dir, `${name}_metadata.json`), "utf8")) as { model_spec: { version: string } };
    const got = (await (await fetch(`${rest}/v1/models/${name}/metadata`)).json()) as { model_spec: { version: string } };
    // The document is of version 123; the greatest one is served here, and its signatures are the same.
    assert.deepEqual(got, { ...want, model_spec: { ...want.model_spec, version: "124" } });
  });
}
