// The SDK asks a server in its own process: no port is opened, and no byte is encoded.
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { type Client, newClient } from "@tfs/sdk";
import { type ModelServer, newServer } from "@tfs/server";
import { background, Code, codeOf, discard, systemClock } from "@tfs/std";

const models = fileURLToPath(new URL("../testdata/models/", import.meta.url));

async function open(name: string, model: string): Promise<{ readonly server: ModelServer; readonly client: Client }> {
  const labels = new Map([["stable", 1n]]);
  const server = newServer({
    models: [{ name, basePath: join(models, model), policy: { kind: "all" }, labels }],
    allowLabelsForUnavailable: true,
    clock: systemClock(),
    logger: discard(),
  });
  await server.start(background());
  return { server, client: newClient({ target: "memory", transport: server.direct() }) };
}

const one = await open("m", "half_plus_two");
const two = await open("m", "matrix");
after(async () => {
  await one.server.drain(0);
  await two.server.drain(0);
});

test("an answer, and the version that gave it", async () => {
  const { outputs, model: answered } = await one.client.predict({ model: "m", inputs: { x: [1, 2] } });
  assert.deepEqual([outputs["y"]!.toArray(), answered.version], [[3.5, 4], 2n]);
});
test("a version by its label", async () => {
  const { model: answered } = await one.client.predict({ model: "m", label: "stable", inputs: { x: [1, 2] } });
  assert.equal(answered.version, 1n);
});
test("two servers in one process are two", async () => {
  assert.deepEqual((await one.client.metadata({ model: "m" })).model.version, 2n);
  assert.deepEqual((await two.client.metadata({ model: "m" })).model.version, 1n);
});
test("states", async () => {
  assert.deepEqual(
    (await one.client.status({ model: "m" })).map((v) => [v.version, v.state]),
    [
      [2n, "AVAILABLE"],
      [1n, "AVAILABLE"],
    ],
  );
});
test("what the server refuses has its code and its words", async () => {
  await assert.rejects(one.client.predict({ model: "none", inputs: { x: [1] } }), (err) => {
    assert.equal(codeOf(err), Code.NotFound);
    assert.match(String(err), /Servable not found for request: Latest\(none\)/);
    return true;
  });
});
test("an answer is the caller's own: to write to it changes no other", async () => {
  const first = await one.client.predict({ model: "m", inputs: { x: [1, 2] } });
  (first.outputs["y"]!.data as Float32Array).fill(7);
  const second = await one.client.predict({ model: "m", inputs: { x: [1, 2] } });
  assert.deepEqual(second.outputs["y"]!.toArray(), [3.5, 4]);
});
test("a server that does not run takes no calls", async () => {
  const { server, client } = await open("m", "half_plus_two");
  await server.drain(0);
  await assert.rejects(client.predict({ model: "m", inputs: { x: [1] } }), (err) => codeOf(err) === Code.Unavailable);
});
