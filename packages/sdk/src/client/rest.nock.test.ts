// REST against recorded TensorFlow Serving bodies. In a process of its own: importing nock breaks http2.connect in the whole process.
import assert from "node:assert/strict";
import { after, afterEach, test } from "node:test";
import nock from "nock";
import { isTfsError, newClient } from "../index.ts";

const base = "http://tfs.test:8501";
nock.disableNetConnect();
afterEach(() => {
  assert.deepEqual(nock.pendingMocks(), []);
  nock.cleanAll();
});
after(() => nock.restore());

const client = newClient({ target: base, transport: "rest", headers: { "x-team": "a" } });

/** A metadata answer in TensorFlow Serving's shape. */
const metadata = {
  model_spec: { name: "half_plus_two", signature_name: "", version: "123" },
  metadata: {
    signature_def: {
      signature_def: {
        serving_default: {
          inputs: {
            x: {
              dtype: "DT_FLOAT",
              tensor_shape: {
                dim: [
                  { size: "-1", name: "" },
                  { size: "1", name: "" },
                ],
                unknown_rank: false,
              },
              name: "x:0",
            },
          },
          outputs: {
            y: {
              dtype: "DT_FLOAT",
              tensor_shape: {
                dim: [
                  { size: "-1", name: "" },
                  { size: "1", name: "" },
                ],
                unknown_rank: false,
              },
              name: "y:0",
            },
          },
          method_name: "tensorflow/serving/predict",
          defaults: {},
        },
      },
    },
  },
};

test("predict sends columns and reads the answer by the signature", async () => {
  nock(base).get("/v1/models/half_plus_two/metadata").reply(200, metadata);
  const scope = nock(base, { reqheaders: { "x-team": "a", "x-call": "b", "content-type": "application/json" } })
    .post("/v1/models/half_plus_two:predict", { inputs: { x: [[1], [2]] } })
    .reply(200, '{\n    "outputs": [\n        [\n            2.5\n        ],\n        [\n            NaN\n        ]\n    ]\n}', {
      "content-type": "application/json",
    });
  const { outputs, model } = await client.predict({ model: "half_plus_two", inputs: { x: [[1], [2]] } }, { headers: { "x-call": "b" } });
  assert.ok(scope.isDone());
  assert.deepEqual(outputs["y"]?.toArray(), [[2.5], [Number.NaN]]);
  assert.equal(outputs["y"]?.dtype, "float32");
  assert.deepEqual(model, { name: "half_plus_two", version: undefined, signature: "serving_default" });
});
test("the signature is asked for once", async () => {
  nock(base)
    .post("/v1/models/half_plus_two:predict")
    .twice()
    .reply(200, { outputs: [[2.5]] });
  for (let i = 0; i < 2; i++) await client.predict({ model: "half_plus_two", inputs: { x: [[1]] } });
});
test("version, label, and names that need escaping are in the path", async () => {
  nock(base).get("/v1/models/a%2Fb/versions/7/metadata").reply(200, metadata);
  nock(base)
    .post("/v1/models/a%2Fb/versions/7:predict")
    .reply(200, { outputs: [[1]] });
  const { model } = await client.predict({ model: "a/b", version: 7, inputs: { x: [[1]] } });
  assert.equal(model.version, 7n);
  nock(base).get("/v1/models/m/labels/canary%20x").reply(200, { model_version_status: [] });
  assert.deepEqual(await client.status({ model: "m", label: "canary x" }), []);
});
test("status reads every version with its state and error", async () => {
  nock(base)
    .get("/v1/models/m")
    .reply(200, {
      model_version_status: [
        { version: "124", state: "AVAILABLE", status: { error_code: "OK", error_message: "" } },
        { version: "123", state: "END", status: { error_code: "NOT_FOUND", error_message: "gone" } },
      ],
    });
  assert.deepEqual(await client.status({ model: "m" }), [
    { version: 124n, state: "AVAILABLE", error: undefined },
    { version: 123n, state: "END", error: { code: 5, message: "gone" } },
  ]);
});
test("metadata describes the signatures", async () => {
  nock(base).get("/v1/models/half_plus_two/metadata").reply(200, metadata);
  const { model, signatures } = await client.metadata({ model: "half_plus_two" });
  assert.equal(model.version, 123n);
  assert.deepEqual(signatures["serving_default"]?.inputs, { x: { name: "x:0", dtype: "float32", shape: [-1, 1] } });
});

const failures: { name: string; reply: [number, string]; code: string; message: string }[] = [
  {
    name: "an unknown model",
    reply: [404, '{\n    "error": "Servable not found for request: Latest(m)"\n}'],
    code: "NOT_FOUND",
    message: "Servable not found for request: Latest(m)",
  },
  {
    name: "a bad request",
    reply: [400, "{\"error\": \"Missing 'inputs' or 'instances' key\"}"],
    code: "INVALID_ARGUMENT",
    message: "Missing 'inputs' or 'instances' key",
  },
  { name: "a full queue", reply: [429, '{"error": "full"}'], code: "RESOURCE_EXHAUSTED", message: "full" },
  { name: "a proxy's page", reply: [502, "<html>bad gateway</html>"], code: "UNAVAILABLE", message: "HTTP status 502" },
  { name: "an answer that is no JSON", reply: [200, "<html>"], code: "DATA_LOSS", message: "the answer is not a model status" },
];
for (const tc of failures) {
  test(`an error says what happened: ${tc.name}`, async () => {
    nock(base)
      .get("/v1/models/m")
      .reply(...tc.reply);
    await assert.rejects(client.status({ model: "m" }), (err: unknown) => {
      assert.ok(isTfsError(err));
      assert.deepEqual([err.codeName, err.message, err.model, err.attempts], [tc.code, tc.message, "m", 1]);
      return true;
    });
  });
}
test("a target that cannot be reached is UNAVAILABLE and says where", async () => {
  nock(base).get("/v1/models/m").replyWithError("connection refused");
  await assert.rejects(
    client.status({ model: "m" }),
    (err: unknown) => isTfsError(err) && err.codeName === "UNAVAILABLE" && err.message.includes(base) && err.hint!.includes(base),
  );
});
test("an output filter is refused before anything is sent: REST has none", async () => {
  await assert.rejects(
    client.predict({ model: "half_plus_two", inputs: { x: [[1]] }, outputFilter: ["y"] }),
    (err: unknown) => isTfsError(err) && err.codeName === "UNIMPLEMENTED",
  );
});
