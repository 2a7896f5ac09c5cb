// Every transport against connect-node over the true schemas: none of our own codecs on the other side.
import assert from "node:assert/strict";
import { createServer as createHttp1 } from "node:http";
import { createServer as createHttp2, type ServerHttp2Session } from "node:http2";
import { createServer as createHttps } from "node:https";
import type { AddressInfo } from "node:net";
import { after, before, test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { anyPack } from "@bufbuild/protobuf/wkt";
import { Code as ConnectCode, ConnectError, type ConnectRouter } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { DataType, ModelService, type PredictRequest, PredictionService, SignatureDefMapSchema, TensorInfoSchema, type TensorProto } from "@tfs/proto";
import { certificate } from "@tfs/rpc/testing";
import { isTfsError, newClient, type Transport } from "../index.ts";

let last: PredictRequest | undefined;
let lastHeaders: Headers | undefined;
let metadataCalls = 0;
let onHang: (() => void) | undefined;

const floats = {
  x: create(TensorInfoSchema, { dtype: DataType.DT_FLOAT, tensorShape: { dim: [{ size: -1n }] }, encoding: { case: "name", value: "x:0" } }),
  ids: create(TensorInfoSchema, { dtype: DataType.DT_INT64, encoding: { case: "name", value: "ids:0" } }),
};
const signatures = create(SignatureDefMapSchema, {
  signatureDef: { serving_default: { inputs: floats, outputs: floats, methodName: "tensorflow/serving/predict" } },
});

function routes(router: ConnectRouter): void {
  router.service(PredictionService, {
    async predict(request, context) {
      last = request;
      lastHeaders = context.requestHeader;
      const name = request.modelSpec?.name;
      if (name === "none") throw new ConnectError("Servable not found for request: Latest(none)", ConnectCode.NotFound);
      if (name === "hang") {
        await new Promise<void>((resolve) => {
          context.signal.addEventListener("abort", () => resolve());
          onHang?.();
        });
      }
      const outputs: Record<string, TensorProto> = request.inputs;
      return {
        modelSpec: {
          name: name ?? "",
          signatureName: request.modelSpec?.signatureName || "serving_default",
          versionChoice: { case: "version", value: { value: 7n } },
        },
        outputs,
      };
    },
    getModelMetadata(request) {
      metadataCalls++;
      return {
        modelSpec: { name: request.modelSpec?.name ?? "", versionChoice: { case: "version", value: { value: 7n } } },
        metadata: { signature_def: anyPack(SignatureDefMapSchema, signatures) },
      };
    },
  });
  router.service(ModelService, {
    getModelStatus: () => ({
      modelVersionStatus: [
        { version: 7n, state: 30, status: {} },
        { version: 6n, state: 50, status: { errorCode: 5, errorMessage: "gone" } },
      ],
    }),
  });
}

const handler = connectNodeAdapter({ routes });
const http2 = createHttp2(handler);
const http1 = createHttp1(handler);
const sessions = new Set<ServerHttp2Session>();
http2.on("session", (s) => sessions.add(s));
before(async () => {
  for (const server of [http1, http2]) await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
});
after(() => {
  http1.closeAllConnections();
  http1.close();
  http2.close();
  for (const s of sessions) s.destroy();
});

const names = ["grpc", "connect", "grpc-web"] as const satisfies readonly Transport["name"][];
const target = (name: Transport["name"]): string => `127.0.0.1:${((name === "grpc" ? http2 : http1).address() as AddressInfo).port}`;

for (const transport of names) {
  test(`${transport}: typed inputs go as content, and come back as views with their dtype`, async () => {
    await using client = newClient({ target: target(transport), transport });
    const x = Float32Array.of(1, 2);
    const { outputs, model } = await client.predict({ model: "echo", inputs: { x }, outputFilter: ["x"], signature: "other" });
    assert.deepEqual(last?.inputs["x"]?.tensorContent, new Uint8Array(x.buffer));
    assert.deepEqual([last?.outputFilter, last?.modelSpec?.signatureName], [["x"], "other"]);
    assert.deepEqual(outputs["x"]?.toArray(), [1, 2]);
    assert.deepEqual(model, { name: "echo", version: 7n, signature: "other" });
  });
  test(`${transport}: plain inputs take the signature's dtype, which is asked for once`, async () => {
    await using client = newClient({ target: target(transport), transport });
    metadataCalls = 0;
    for (let i = 0; i < 3; i++) await client.predict({ model: "echo", inputs: { ids: [[1, 2]] } });
    await Promise.all([client.predict({ model: "echo2", inputs: { x: 1 } }), client.predict({ model: "echo2", inputs: { x: 2 } })]);
    assert.equal(metadataCalls, 2);
    assert.equal(last?.inputs["x"]?.dtype, 1);
    await client.predict({ model: "echo", inputs: { x: Float32Array.of(1) } });
    assert.equal(metadataCalls, 2);
  });
  test(`${transport}: version, label and headers arrive`, async () => {
    await using client = newClient({ target: target(transport), transport, headers: { "x-team": "a" } });
    await client.predict({ model: "echo", version: 3, inputs: { x: Float32Array.of(1) } }, { headers: { "x-call": "b" } });
    assert.deepEqual([last?.modelSpec?.versionChoice.case, lastHeaders?.get("x-team"), lastHeaders?.get("x-call")], ["version", "a", "b"]);
    await client.predict({ model: "echo", label: "canary", inputs: { x: Float32Array.of(1) } });
    assert.deepEqual(last?.modelSpec?.versionChoice, { case: "versionLabel", value: "canary" });
  });
  test(`${transport}: status and metadata`, async () => {
    await using client = newClient({ target: target(transport), transport });
    assert.deepEqual(await client.status({ model: "m" }), [
      { version: 7n, state: "AVAILABLE", error: undefined },
      { version: 6n, state: "END", error: { code: 5, message: "gone" } },
    ]);
    const { model, signatures: found } = await client.metadata({ model: "m" });
    assert.equal(model.version, 7n);
    assert.deepEqual(found["serving_default"]?.inputs, {
      x: { name: "x:0", dtype: "float32", shape: [-1] },
      ids: { name: "ids:0", dtype: "int64", shape: undefined },
    });
  });
  test(`${transport}: an error keeps code and text, and says how often the call was sent`, async () => {
    await using client = newClient({ target: target(transport), transport });
    await assert.rejects(client.predict({ model: "none", inputs: { x: Float32Array.of(1) } }), (err: unknown) => {
      assert.ok(isTfsError(err));
      assert.deepEqual([err.codeName, err.message, err.model, err.attempts], ["NOT_FOUND", "Servable not found for request: Latest(none)", "none", 1]);
      assert.match(err.hint!, /status\(\{ model: "none" \}\)/);
      return true;
    });
  });
  test(`${transport}: a deadline ends a call`, async () => {
    await using client = newClient({ target: target(transport), transport });
    await assert.rejects(
      client.predict({ model: "hang", inputs: { x: Float32Array.of(1) } }, { timeoutMs: 50 }),
      (err: unknown) => isTfsError(err) && err.codeName === "DEADLINE_EXCEEDED",
    );
  });
  test(`${transport}: an aborted signal cancels, and no listener stays on it`, async () => {
    await using client = newClient({ target: target(transport), transport });
    const controller = new AbortController();
    let listeners = 0;
    const { addEventListener, removeEventListener } = controller.signal;
    Object.assign(controller.signal, {
      addEventListener: (...args: Parameters<typeof addEventListener>) => {
        listeners++;
        addEventListener.apply(controller.signal, args);
      },
      removeEventListener: (...args: Parameters<typeof removeEventListener>) => {
        listeners--;
        removeEventListener.apply(controller.signal, args);
      },
    });
    for (let i = 0; i < 5; i++) await client.predict({ model: "echo", inputs: { x: Float32Array.of(1) } }, { signal: controller.signal });
    assert.equal(listeners, 0);
    onHang = () => controller.abort();
    await assert.rejects(
      client.predict({ model: "hang", inputs: { x: Float32Array.of(1) } }, { signal: controller.signal }),
      (err: unknown) => isTfsError(err) && err.codeName === "CANCELLED",
    );
    onHang = undefined;
  });
  test(`${transport}: a target where nobody listens is UNAVAILABLE`, async () => {
    await using client = newClient({ target: "127.0.0.1:1", transport });
    await assert.rejects(
      client.status({ model: "m" }),
      (err: unknown) => isTfsError(err) && err.codeName === "UNAVAILABLE" && err.hint!.includes("127.0.0.1:1"),
    );
  });
}

for (const transport of ["connect", "grpc-web"] as const) {
  test(`${transport}: TLS by the options' certificates`, async () => {
    const server = createHttps(certificate("server"), handler);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    try {
      const { port } = server.address() as AddressInfo;
      await using client = newClient({ target: `localhost:${port}`, transport, tls: { ca: certificate("ca").cert } });
      assert.equal((await client.status({ model: "m" })).length, 2);
      await using stranger = newClient({ target: `https://localhost:${port}`, transport });
      await assert.rejects(stranger.status({ model: "m" }), (err: unknown) => isTfsError(err) && err.codeName === "UNAVAILABLE" && /tls\.ca/.test(err.hint!));
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });
}

test("what the signature does not have is refused with the nearest name, before it is sent", async () => {
  await using client = newClient({ target: target("grpc") });
  const attempt = (inputs: Record<string, number[]>, signature?: string): Promise<unknown> =>
    client.predict({ model: "echo", inputs, ...(signature === undefined ? {} : { signature }) });
  await assert.rejects(
    attempt({ idss: [1] }),
    (err: unknown) => isTfsError(err) && err.message === "inputs.idss: the signature has no such input; did you mean ids?" && err.attempts === 0,
  );
  await assert.rejects(attempt({ x: [1] }, "serving_defalt"), { message: "the model has no signature serving_defalt; did you mean serving_default?" });
});
test("a version and a label together are refused", async () => {
  await using client = newClient({ target: target("grpc") });
  await assert.rejects(client.status({ model: "m", version: 1, label: "a" }), { message: "give a version or a label, not both" });
});
test("a signal that has aborted already sends nothing", async () => {
  await using client = newClient({ target: target("grpc") });
  last = undefined;
  await assert.rejects(
    client.predict({ model: "echo", inputs: { x: Float32Array.of(1) } }, { signal: AbortSignal.abort() }),
    (err: unknown) => isTfsError(err) && err.codeName === "CANCELLED",
  );
  assert.equal(last, undefined);
});

test("rest: a deadline and an aborted signal end a call, over a real socket", async () => {
  const silent = createHttp1(() => {});
  await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
  await using client = newClient({ target: `127.0.0.1:${(silent.address() as AddressInfo).port}`, transport: "rest" });
  await assert.rejects(client.status({ model: "m" }, { timeoutMs: 30 }), (err: unknown) => isTfsError(err) && err.codeName === "DEADLINE_EXCEEDED");
  const controller = new AbortController();
  silent.once("request", () => controller.abort());
  await assert.rejects(client.status({ model: "m" }, { signal: controller.signal }), (err: unknown) => isTfsError(err) && err.codeName === "CANCELLED");
  silent.closeAllConnections();
  silent.close();
});
