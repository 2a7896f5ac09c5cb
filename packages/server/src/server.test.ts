import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { type IncomingMessage, request } from "node:http";
import { type ClientHttp2Session, connect as connectHttp2 } from "node:http2";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { after, test } from "node:test";
import { gzipSync } from "node:zlib";
import { create, toBinary } from "@bufbuild/protobuf";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { ModelServerConfigSchema, ModelSpecSchema, PredictRequestSchema, PredictionService } from "@tfs/proto";
import { background, codeOf, systemClock, withCancel } from "@tfs/std";
import { DType, fromMessage, newTensor, toMessage } from "@tfs/tensor";
import { newServer } from "./index.ts";
import { damage, models, newRandom, scratch, serve, silent, wires } from "./testing/index.ts";

const dir = scratch();
after(() => dir[Symbol.dispose]());
const basePath = join(models, "half_plus_two");
const base = { models: [{ name: "m", basePath }], clock: systemClock(), logger: silent };
const local = { host: "127.0.0.1", port: 0 };
const x = { x: toMessage(newTensor(DType.Float, [], Float32Array.of(2))) };

test("two servers run in one process, and each ends alone", async () => {
  await using one = await serve(["matrix"]);
  await using two = await serve(["half_plus_two"]);
  assert.equal((await fetch(`${one.rest}/v1/models/half_plus_two`)).status, 404);
  assert.equal((await fetch(`${two.rest}/v1/models/half_plus_two`)).status, 200);
  await one.server.drain(0);
  await assert.rejects(fetch(`${one.rest}/v1/models/matrix`));
  assert.equal((await fetch(`${two.rest}/v1/models/half_plus_two`)).status, 200);
});
test("loading models leaves what happens on an uncaught error to the host", async () => {
  await using _ = await serve(["digits"]);
  for (const event of ["uncaughtException", "unhandledRejection"]) {
    for (const listener of process.rawListeners(event)) assert.doesNotMatch(String(listener), /throw (ex|reason)/);
  }
});
test("a model that does not load fails a strict start, in TensorFlow Serving's words, and nothing listens", async () => {
  const bad = { name: "bad", basePath: dir.copy("half_plus_two/1/variables", "bad/7") };
  const server = newServer({ ...base, models: [bad, ...base.models], strict: true, grpc: [local], rest: local });
  await assert.rejects(server.start(background()), (err: Error) => {
    assert.equal(codeOf(err), Code.Unknown);
    assert.match(
      err.message,
      /^1 servable\(s\) did not become available: \{\{\{name: bad version: 7\} due to error: NOT_FOUND: Specified file path .*\}, \}$/s,
    );
    return true;
  });
});
test("a pipe in a version's folder is not waited for; links in a circle are followed no further", { skip: process.platform === "win32" }, async () => {
  const [piped, circle] = [dir.copy("half_plus_two/1", "piped/1"), dir.copy("half_plus_two/1", "circle/1")];
  const pipe = join(piped, "1/variables/pipe");
  assert.equal(spawnSync("mkfifo", [pipe]).status, 0);
  symlinkSync(join(circle, "1"), join(circle, "1/more"));
  symlinkSync(join(circle, "nothing"), join(circle, "1/variables/dangling"));
  await using served = await serve([
    { name: "piped", basePath: piped },
    { name: "circle", basePath: circle },
  ]);
  const { model_version_status: status } = (await (await fetch(`${served.rest}/v1/models/piped`)).json()) as { model_version_status: unknown };
  const error = { error_code: "FAILED_PRECONDITION", error_message: `${pipe} is neither a file nor a folder` };
  assert.deepEqual(status, [{ version: "1", state: "END", status: error }]);
  assert.equal((await fetch(`${served.rest}/readyz?model=circle`)).status, 200);
});
test("a start whose second port is taken closes the first again", async () => {
  const taken = createServer();
  await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve));
  const address = taken.address();
  assert.ok(address !== null && typeof address === "object");
  const path = join(dir.path, "half.sock");
  const server = newServer({ ...base, grpc: [{ path }, { host: "127.0.0.1", port: address.port }] });
  const message = `Failed to BuildAndStart gRPC server: cannot listen on 127.0.0.1:${address.port}: address already in use`;
  await assert.rejects(server.start(background()), { code: Code.InvalidArgument, message });
  assert.equal(existsSync(path), false);
  taken.close();
});
test("a server starts once, and a second start leaves it as it is", async () => {
  await using served = await serve(["half_plus_two"]);
  await assert.rejects(served.server.start(background()), { code: Code.FailedPrecondition as number, message: "a server starts once: make another one" });
  assert.equal((await fetch(`${served.rest}/v1/models/half_plus_two`)).status, 200);
});
test("a start that is cancelled while it loads does not listen", async () => {
  using ctx = withCancel(background());
  const path = join(dir.path, "cancelled.sock");
  const server = newServer({ ...base, grpc: [{ path }] });
  const started = server.start(ctx);
  ctx.cancel();
  await assert.rejects(started, { code: Code.Canceled as number });
  assert.equal(existsSync(path), false);
});
test("gRPC is served on several addresses, a unix socket among them", async () => {
  const path = join(dir.path, "grpc.sock");
  await using served = await serve(["half_plus_two"], { grpc: [{ path }, local] });
  assert.deepEqual(served.started.grpc[0], `unix:${path}`);
  const transport = createGrpcTransport({ baseUrl: "http://localhost", nodeOptions: { createConnection: () => connect(path) } });
  const got = await createClient(PredictionService, transport).predict({ modelSpec: { name: "half_plus_two" }, inputs: x });
  assert.deepEqual(got.outputs["y"]?.floatVal, [4]);
});
test("an engine that is unknown is refused", async () => {
  assert.throws(() => newServer({ ...base, engine: "abacus" }), { message: "there is no engine abacus; known: auto, embedded, openvino, tensorflow, tfjs" });
});
test("another tag set chooses another meta-graph", async () => {
  const asked = { modelSpec: { name: "multi_metagraph" }, inputs: { x: toMessage(newTensor(DType.Float, [1], Float32Array.of(1))) } };
  for (const [tags, want] of [
    [["serve"], 12],
    [["gpu", "serve"], 13],
  ] as const) {
    await using served = await serve(["multi_metagraph"], { tags });
    using wire = wires(served.grpc)[0]!;
    assert.deepEqual((await createClient(PredictionService, wire.transport).predict(asked)).outputs["y"]?.floatVal, [want]);
  }
});

/** cond_loop runs as many rounds as it is told: here, longer than anybody waits. */
const endless = {
  modelSpec: { name: "cond_loop" },
  inputs: {
    x: toMessage(newTensor(DType.Float, [3], Float32Array.of(1, 2, 3))),
    n: toMessage(newTensor(DType.Int32, [], Int32Array.of(2_000_000_000))),
  },
};
test("a loop whose condition is no scalar is refused in TensorFlow's words, where it would never end", async () => {
  await using served = await serve(["cond_loop"]);
  const body = JSON.stringify({ instances: [{ n: 3, x: [1, 2] }] });
  const got = await fetch(`${served.rest}/v1/models/cond_loop:predict`, { method: "POST", body });
  assert.equal(got.status, 400);
  assert.match(((await got.json()) as { error: string }).error, /^The second input must be a scalar, but it has shape \[1\]\n/);
});
test("a run past the caller's deadline ends in the runtime's words", async () => {
  await using served = await serve(["cond_loop"]);
  for (const wire of wires(served.grpc)) {
    using _ = wire;
    const client = createClient(PredictionService, wire.transport);
    // The deadline is told to the server alone, so that its answer is heard; and it is long enough for the run to begin.
    const header = wire.name.startsWith("grpc") ? { "grpc-timeout": "200m" } : { "connect-timeout-ms": "200" };
    await assert.rejects(client.predict(endless, { headers: header }), (err) => {
      assert.ok(err instanceof ConnectError);
      assert.deepEqual([Code[err.code], err.rawMessage], ["DeadlineExceeded", "Timed out waiting for notification"], wire.name);
      return true;
    });
  }
});
test("draining ends a call of this process that has not ended by then", async () => {
  const served = await serve(["cond_loop"]);
  const inputs = new Map(Object.entries(endless.inputs).map(([alias, message]) => [alias, fromMessage(message)]));
  const call = served.server.direct().predict(background(), { spec: create(ModelSpecSchema, endless.modelSpec), inputs, outputFilter: [] });
  const [ended] = await Promise.all([call.catch((err: unknown) => err), served.server.drain(100)]);
  assert.deepEqual([(ended as { code?: number }).code, (ended as Error).message], [Code.Unavailable, "the server is shutting down"]);
});
test("draining answers calls that have not ended by then, over every wire", async () => {
  const served = await serve(["cond_loop"], { tensorFlowMetricsPath: "/metrics" });
  const open = wires(served.grpc);
  const calls = open.map(async ({ name, transport }) => {
    const err = await createClient(PredictionService, transport)
      .predict(endless)
      .catch((err: unknown) => err);
    assert.ok(err instanceof ConnectError, name);
    assert.deepEqual([Code[err.code], err.rawMessage], ["Unavailable", "the server is shutting down"], name);
  });
  const rest = fetch(`${served.rest}/v1/models/cond_loop:predict`, { method: "POST", body: '{"inputs":{"x":[1,2,3],"n":2000000000}}' });
  const begun = async () => Number(/core:direct_session_runs\{\} (\d+)/.exec(await (await fetch(`${served.rest}/metrics`)).text())?.[1]);
  while ((await begun()) < calls.length + 1);
  const [answer] = await Promise.all([rest, served.server.drain(1), ...calls]);
  assert.deepEqual([answer.status, await answer.json()], [503, { error: "the server is shutting down" }]);
  for (const wire of open) wire[Symbol.dispose]();
});
test("a server that was drained neither starts nor takes a configuration", async () => {
  const server = newServer(base);
  await server.drain(0);
  await assert.rejects(server.start(background()), { code: Code.FailedPrecondition as number, message: /^a server that was drained does not start/ });
  const served = await serve(["half_plus_two"]);
  await served.server.drain(0);
  await assert.rejects(served.server.reload(background(), create(ModelServerConfigSchema)), {
    code: Code.FailedPrecondition as number,
    message: /^a server that was drained takes no configuration/,
  });
});
test("draining lets a REST request in flight finish, then refuses connections", async () => {
  const served = await serve(["half_plus_two"]);
  const body = '{"inputs":2}';
  const headers = { "content-length": String(body.length), expect: "100-continue" };
  const req = request(`${served.rest}/v1/models/half_plus_two:predict`, { method: "POST", headers });
  req.flushHeaders();
  await once(req, "continue"); // the server has the head
  const drained = served.server.drain(60_000);
  const answered = once(req, "response") as Promise<[IncomingMessage]>;
  req.end(body);
  const [res] = await answered;
  let text = "";
  for await (const chunk of res) text += String(chunk);
  assert.deepEqual([res.statusCode, JSON.parse(text), res.headers.connection], [200, { outputs: 4 }, "close"]);
  await drained;
  await assert.rejects(fetch(`${served.rest}/v1/models/half_plus_two`));
});
test("draining lets a gRPC call in flight finish, then refuses connections", async () => {
  const served = await serve([{ name: "m", basePath }]);
  const session = connectHttp2(served.grpc);
  await once(session, "connect");
  const stream = session.request({ ":method": "POST", ":path": predictPath, "content-type": "application/grpc", te: "trailers" });
  const message = toBinary(PredictRequestSchema, create(PredictRequestSchema, { modelSpec: { name: "m" }, inputs: x }));
  const bytes = frame(message);
  stream.write(bytes.subarray(0, 9));
  await new Promise<void>((resolve, reject) => session.ping((err) => (err === null ? resolve() : reject(err)))); // the server has the head
  const goaway = once(session, "goaway");
  const drained = served.server.drain(60_000);
  await goaway;
  const trailers = once(stream, "trailers") as Promise<[Record<string, string>]>;
  stream.resume();
  stream.end(bytes.subarray(9));
  assert.equal((await trailers)[0]["grpc-status"], "0");
  await drained;
  await assert.rejects(once(connectHttp2(served.grpc), "connect"), { code: "ECONNREFUSED" });
});
test("draining cuts what does not finish in time", async () => {
  const served = await serve(["half_plus_two"]);
  const req = request(`${served.rest}/v1/models/half_plus_two:predict`, { method: "POST", headers: { "content-length": "9", expect: "100-continue" } });
  req.flushHeaders();
  await once(req, "continue");
  const [err] = await Promise.all([once(req, "error") as Promise<[Error]>, served.server.drain(1)]);
  assert.match(err[0].message, /socket hang up|ECONNRESET/);
});

/** post sends bytes as a gRPC call without any client's help, and gives headers and trailers in one. */
async function post(url: string, path: string, body: Uint8Array, headers: Record<string, string> = {}): Promise<Record<string, unknown>> {
  const session = connectHttp2(url);
  try {
    return await call(session, path, body, headers);
  } finally {
    session.close();
  }
}
function call(session: ClientHttp2Session, path: string, body: Uint8Array, headers: Record<string, string> = {}): Promise<Record<string, unknown>> {
  return new Promise((resolve, reject) => {
    const seen: Record<string, unknown> = {};
    const stream = session.request({ ":method": "POST", ":path": path, "content-type": "application/grpc", te: "trailers", ...headers });
    stream.on("response", (got) => Object.assign(seen, got));
    stream.on("trailers", (got) => Object.assign(seen, got));
    stream.on("error", reject);
    stream.on("close", () => resolve(seen));
    stream.resume();
    stream.end(body);
  });
}
const frame = (message: Uint8Array, flags = 0): Uint8Array => {
  const head = Buffer.alloc(5);
  head[0] = flags;
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
};
const predictPath = "/tensorflow.serving.PredictionService/Predict";
const spec = Uint8Array.of(0x0a, 3, 0x0a, 1, 0x6d); // model_spec { name: "m" }
const raw: readonly {
  readonly name: string;
  readonly path?: string;
  readonly body: Uint8Array;
  readonly headers?: Record<string, string>;
  readonly status: string;
}[] = [
  { name: "a method that no service has", path: "/tensorflow.serving.PredictionService/Nope", body: frame(spec), status: "12" },
  { name: "a service that is not there", path: "/tensorflow.serving.SessionService/SessionRun", body: frame(spec), status: "12" },
  { name: "a message that ends in a field", body: frame(spec.subarray(0, 3)), status: "*" },
  { name: "a frame that is cut off", body: frame(spec).subarray(0, 7), status: "*" },
  { name: "no message", body: new Uint8Array(0), status: "*" },
  { name: "a frame that says it is longer than all messages", body: Uint8Array.of(0, 0xff, 0xff, 0xff, 0xff, 0), status: "*" },
  { name: "an encoding that is unknown", body: frame(spec, 1), headers: { "grpc-encoding": "zz" }, status: "12" },
  { name: "a flag without an encoding", body: frame(spec, 1), status: "*" },
  { name: "a gzip frame that is none", body: frame(spec, 1), headers: { "grpc-encoding": "gzip" }, status: "*" },
  { name: "a gzip frame", body: frame(gzipSync(spec), 1), headers: { "grpc-encoding": "gzip" }, status: "3" },
  { name: "a timeout that is none", body: frame(spec), headers: { "grpc-timeout": "soon" }, status: "*" },
];
test("what no client would send is refused, and the next call is served", async (t) => {
  await using served = await serve([{ name: "m", basePath }]);
  for (const row of raw) {
    await t.test(row.name, async () => {
      const got = await post(served.grpc, row.path ?? predictPath, row.body, row.headers);
      if (row.status === "*") assert.ok(Number(got["grpc-status"]) > 0, JSON.stringify(got));
      else assert.equal(got["grpc-status"], row.status, JSON.stringify(got));
    });
  }
  using wire = wires(served.grpc)[0]!;
  const got = await createClient(PredictionService, wire.transport).predict({ modelSpec: { name: "m" }, inputs: x });
  assert.deepEqual(got.outputs["y"]?.floatVal, [4]);
});

test("a damaged model is a state with an error, or still answers; it never stops the server", async () => {
  const random = newRandom(7);
  const sources = Array.from({ length: 40 }, (_, i) => {
    const path = dir.copy(i % 2 === 0 ? "half_plus_two/1" : "half_plus_two_tf2/1", `damaged${i}/1`);
    const file = join(path, "1/saved_model.pb");
    writeFileSync(file, damage(readFileSync(file), random));
    return { name: `damaged${i}`, basePath: path };
  });
  await using served = await serve([...sources, "matrix"]);
  assert.ok(served.started.failures.length > 5, `${served.started.failures.length} were noticed`);
  for (const { model, failure } of served.started.failures)
    assert.notEqual(Code[failure.code], "Internal", `${model}: ${failure.message} ${String(failure.cause)}`);
  using wire = wires(served.grpc)[0]!;
  const client = createClient(PredictionService, wire.transport);
  for (const { name } of sources) {
    const err = await client.predict({ modelSpec: { name }, inputs: x }).then(
      () => undefined,
      (e: unknown) => ConnectError.from(e),
    );
    assert.notEqual(err?.code, Code.Internal, `${name}: ${err?.rawMessage}`);
  }
  assert.equal((await fetch(`${served.rest}/v1/models/matrix`)).status, 200);
});

/** Short runs are part of the tests; the counts of a full run come from its own command. */
const rounds = 400;
test("damaged gRPC requests are refused or answered, never with an inner failure", async () => {
  await using served = await serve([{ name: "m", basePath }]);
  const random = newRandom(11);
  const whole = toBinary(
    PredictRequestSchema,
    create(PredictRequestSchema, { modelSpec: { name: "m" }, inputs: { x: toMessage(newTensor(DType.Float, [2, 2], Float32Array.of(1, 2, 3, 4))) } }),
  );
  const session = connectHttp2(served.grpc);
  let refused = 0;
  for (let i = 0; i < rounds; i++) {
    const message = damage(whole, random);
    const got = await call(session, predictPath, frame(message));
    const status = Number(got["grpc-status"]);
    if (status !== 0) refused++;
    // What is no protobuf message is Internal in gRPC's own list of codes; anything else of ours must not be.
    const unparsed = status === Code.Internal && decodeURIComponent(String(got["grpc-message"])).startsWith("parse binary");
    const fine = unparsed || [0, Code.InvalidArgument, Code.NotFound, Code.FailedPrecondition, Code.ResourceExhausted].includes(status);
    assert.ok(fine, `${i}: ${Buffer.from(message).toString("hex")}: ${JSON.stringify(got)}`);
  }
  session.close();
  assert.ok(refused > rounds / 4, `only ${refused} were refused`);
});
test("damaged REST requests are refused or answered, never with an inner failure", async () => {
  await using served = await serve(["half_plus_two", "second_model", "text"]);
  const random = newRandom(13);
  const documents = [
    ["half_plus_two:predict", '{"signature_name":"serving_default","instances":[[1.0],[2.5e1],{"b64":"AA=="}]}'],
    ["half_plus_two:predict", '{"instances":[{"x":[1.0]},{"x":[-2]}]}'],
    ["second_model:predict", '{"inputs":{"features":[[1,2,3,4]],"counts":[[1,2,3]]}}'],
    ["text:predict", '{"inputs":["a \\u00e9 \\ud83d\\ude00 b",{"b64":"aGVsbG8="}]}'],
    ["half_plus_two:regress", '{"signature_name":"regress_x_to_y","context":{"x2":[1.0]},"examples":[{"x":[8e1]},{"x":2.0}]}'],
  ] as const;
  for (let i = 0; i < rounds; i++) {
    const [path, text] = documents[i % documents.length]!;
    const body = damage(Buffer.from(text), random);
    const got = await fetch(`${served.rest}/v1/models/${path}`, { method: "POST", body: new Uint8Array(body) });
    const answer = await got.text();
    assert.ok([200, 400].includes(got.status), `${i}: ${Buffer.from(body).toString()}: ${got.status} ${answer}`);
    if (got.status === 400) assert.match(answer, /^\{\n {4}"error": "/);
  }
});
