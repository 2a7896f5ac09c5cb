import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { constants, cpSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { once } from "node:events";
import { type FileHandle, open } from "node:fs/promises";
import { type IncomingMessage, request } from "node:http";
import { connect as connectHttp2 } from "node:http2";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, test } from "node:test";
import { createClient } from "@connectrpc/connect";
import { PredictionService } from "@tfs/proto";
import { DType, newTensor, toMessage } from "@tfs/tensor";
import { helpText } from "./flags/index.ts";
import { predictRecord, writeWarmupRequests } from "./index.ts";
import { bin, freePort, launch, models, wires } from "./testing/index.ts";

const scratch = mkdtempSync(join(tmpdir(), "tfs-bin-"));
after(() => rmSync(scratch, { recursive: true, force: true }));
const run = (...args: string[]) => spawnSync(process.execPath, [bin, ...args], { encoding: "utf8", timeout: 30_000 });

interface Listening {
  readonly process: ChildProcess;
  readonly lines: string[];
  readonly rest: string;
}

/** start waits for the line that says where the server listens. */
async function start(args: string[], env: Record<string, string> = {}): Promise<Listening> {
  const child = spawn(process.execPath, [bin, "--log_format=json", "--host=127.0.0.1", ...args], {
    env: { ...process.env, ...env },
    stdio: ["ignore", "ignore", "pipe"],
  });
  const lines: string[] = [];
  const ready = new Promise<{ rest: string }>((resolve, reject) => {
    createInterface({ input: child.stderr! }).on("line", (line) => {
      lines.push(line);
      if (line.includes('"event":"listening"')) resolve(JSON.parse(line) as { rest: string });
    });
    child.once("exit", () => reject(new Error(lines.join("\n"))));
  });
  return { process: child, lines, rest: (await ready).rest };
}

async function stop(server: Listening): Promise<number | null> {
  server.process.kill("SIGTERM");
  const [code] = (await once(server.process, "exit")) as [number | null];
  return code;
}

test("--help prints every flag by group and exits with 0", () => {
  const { status, stdout } = run("--help");
  assert.equal(status, 0);
  for (const flag of ["--port=INT", "--rest_api_port=INT", "--model_name=STRING", "--model_base_path=STRING", "--engine=STRING"])
    assert.ok(stdout.includes(flag), flag);
  assert.match(stdout, /^Listening:$/m);
  assert.deepEqual(
    stdout.split("\n").filter((line) => line.length > 80),
    [],
  );
});
test("a second SIGTERM leaves a drain as it is; a second SIGINT ends it", { skip: process.platform === "win32" ? "has no signals" : false }, async () => {
  for (const [signal, ends] of [
    ["SIGTERM", false],
    ["SIGINT", true],
  ] as const) {
    await using server = await launch(["--drain_ms=60000", "--model_name=m", `--model_base_path=${join(models, "half_plus_two")}`]);
    const req = request(`${server.rest}/v1/models/m:predict`, { method: "POST", headers: { "content-length": "12", expect: "100-continue" } });
    const answered = once(req, "response").catch(() => ["cut"]) as Promise<[IncomingMessage | "cut"]>;
    req.flushHeaders();
    await once(req, "continue");
    process.kill(server.pid, signal);
    await server.logged('"event":"draining"');
    process.kill(server.pid, signal);
    if (!ends) await server.logged('"event":"stopping already"', signal);
    if (!ends) req.end('{"inputs":2}');
    const [answer] = await answered;
    assert.equal(answer === "cut" ? answer : answer.statusCode, ends ? "cut" : 200);
    assert.equal(await server.exited, ends ? 130 : 0);
  }
});
test("--version prints TensorFlow Serving's two lines with our version", () => {
  const { status, stdout } = run("--version");
  assert.equal(status, 0);
  assert.match(stdout, /^TensorFlow ModelServer: \d+\.\d+\.\d+ \(tfs-server\)\nTensorFlow Library: none \(engine embedded\)\n$/);
});

test("flags with and without =, a REST answer, and a drained exit with 0 on SIGTERM", async () => {
  const [grpc, rest] = [await freePort(), await freePort()];
  const server = await start([
    `--port=${grpc}`,
    "--rest_api_port",
    String(rest),
    "--model_name",
    "half_plus_two",
    `--model_base_path=${join(models, "half_plus_two")}`,
  ]);
  const response = await fetch(`http://${server.rest}/v1/models/half_plus_two:predict`, { method: "POST", body: '{"instances":[1.0]}' });
  assert.deepEqual(await response.json(), { predictions: [3.5] });
  assert.equal(await stop(server), 0);
  const said = server.lines.map((line) => (JSON.parse(line) as { event: string }).event);
  assert.ok(said.includes("draining"));
  // Supervisors wait for these.
  assert.deepEqual(
    said.filter((event) => /^Running|^Exporting/.test(event)),
    [`Running gRPC ModelServer at 127.0.0.1:${grpc} ...`, `Exporting HTTP/REST API at:127.0.0.1:${rest} ...`],
  );
});
test("it ends once it is drained, whatever holds the process", { timeout: 60_000 }, async () => {
  const holding = join(scratch, "holding.mjs");
  writeFileSync(holding, "setInterval(() => {}, 1000);");
  const [grpc, rest] = [await freePort(), await freePort()];
  const model = ["--model_name=m", `--model_base_path=${join(models, "half_plus_two")}`];
  const server = await start([`--port=${grpc}`, `--rest_api_port=${rest}`, ...model], { NODE_OPTIONS: `--import=${holding}` });
  const ended = once(server.process.stderr!, "close");
  assert.equal(await stop(server), 0);
  await ended;
  assert.match(server.lines.at(-1)!, /"event":"stopped"/);
});
test("--help through a pipe is whole", { skip: process.platform === "win32" && "needs a shell" }, () => {
  const { stdout } = spawnSync("sh", ["-c", '"$1" "$2" --help | cat', "sh", process.execPath, bin], { encoding: "utf8", timeout: 30_000 });
  assert.equal(stdout, helpText());
});
test("a call whose loop never ends holds up neither other calls nor the end", { timeout: 60_000 }, async () => {
  const [grpc, rest] = [await freePort(), await freePort()];
  const model = ["--model_name=m", `--model_base_path=${join(models, "cond_loop")}`];
  const server = await start([`--port=${grpc}`, `--rest_api_port=${rest}`, "--rest_api_timeout_in_ms=0", "--drain_ms=200", ...model]);
  const inputs = (n: number) => JSON.stringify({ inputs: { x: [1], n } });
  const session = connectHttp2(`http://${server.rest}`);
  const post = async (body: string): Promise<string> => {
    const stream = session.request({ ":method": "POST", ":path": "/v1/models/m:predict" });
    stream.end(body);
    let text = "";
    for await (const piece of stream.setEncoding("utf8")) text += String(piece);
    return text;
  };
  using wire = wires(`http://127.0.0.1:${grpc}`).find(({ name }) => name.startsWith("grpc"))!;
  const client = createClient(PredictionService, wire.transport);
  const predict = (n: number) =>
    client.predict({
      modelSpec: { name: "m" },
      inputs: { x: toMessage(newTensor(DType.Float, [1], Float32Array.of(1))), n: toMessage(newTensor(DType.Int32, [], Int32Array.of(n))) },
    });
  const ended = [post(inputs(2_000_000_000)), predict(2_000_000_000)].map((call) => call.then(String, String));
  // On the same connections, and so behind the others.
  assert.deepEqual(JSON.parse(await post(inputs(3))), { outputs: [9] });
  assert.deepEqual((await predict(3)).outputs["y"]?.floatVal, [9]);
  assert.equal(await stop(server), 0);
  assert.deepEqual(await Promise.all(ended), ['{\n    "error": "the server is shutting down"\n}', "ConnectError: [unavailable] the server is shutting down"]);
  session.destroy();
});
test("MODEL_NAME and MODEL_BASE_PATH stand in for the flags", async () => {
  const [grpc, rest] = [await freePort(), await freePort()];
  const server = await start([`--port=${grpc}`, `--rest_api_port=${rest}`], { MODEL_NAME: "digits", MODEL_BASE_PATH: models.replace(/\/$/, "") });
  assert.equal((await fetch(`http://${server.rest}/v1/models/digits`)).status, 200);
  assert.equal(await stop(server), 0);
});
test("a version's warm-up requests are run as often as the flag says, unless warm-up is turned off", async () => {
  const base = join(scratch, "warm");
  cpSync(join(models, "half_plus_two/1"), join(base, "1"), { recursive: true });
  await writeWarmupRequests(join(base, "1"), [predictRecord({ x: newTensor(DType.Float, [1], Float32Array.of(2)) })]);
  for (const [flags, want] of [
    [[], ["num_request_iterations { value: 1 }"]],
    [["--num_request_iterations_for_warmup=3"], ["num_request_iterations { value: 3 }"]],
    [["--enable_model_warmup=false", "--num_request_iterations_for_warmup=3"], []],
  ] as const) {
    const [grpc, rest] = [await freePort(), await freePort()];
    const server = await start([`--port=${grpc}`, `--rest_api_port=${rest}`, "--model_name=m", `--model_base_path=${base}`, ...flags]);
    assert.deepEqual(
      server.lines.flatMap((line) => /num_request_iterations \{ value: \d+ \}/.exec(line) ?? []),
      want,
    );
    assert.equal(await stop(server), 0);
  }
});
test("health is there unless it is turned off, SessionRun only if it is turned on", async () => {
  const ask = async (port: number, path: string): Promise<unknown> => {
    const response = await fetch(`http://127.0.0.1:${port}/${path}`, { method: "POST", headers: { "content-type": "application/json" }, body: "{}" });
    const { status, code, message } = (await response.json()) as Record<string, unknown>;
    return status ?? `${code}: ${message}`;
  };
  const [health, session] = ["grpc.health.v1.Health/Check", "tensorflow.serving.SessionService/SessionRun"];
  const model = ["--model_name=half_plus_two", `--model_base_path=${join(models, "half_plus_two")}`];
  for (const [flags, want] of [
    [[], ["SERVING", `unimplemented: unknown method /${session}`]],
    [
      ["--enable_grpc_healthcheck_service=false", "--enable_session_run"],
      [`unimplemented: unknown method /${health}`, "invalid_argument: Missing ModelSpec"],
    ],
  ] as const) {
    const [grpc, rest] = [await freePort(), await freePort()];
    const server = await start([`--port=${grpc}`, `--rest_api_port=${rest}`, ...model, ...flags]);
    assert.deepEqual([await ask(grpc, health), await ask(grpc, session)], want);
    assert.equal(await stop(server), 0);
  }
});
test("a model that does not load is a state with its error; the server stays", async () => {
  const config = join(scratch, "mixed.config");
  writeFileSync(
    config,
    `model_config_list { config { name: "good" base_path: "${join(models, "matrix")}" model_platform: "tensorflow" } config { name: "bad" base_path: "${scratch}" model_platform: "tensorflow" } }`,
  );
  const [grpc, rest] = [await freePort(), await freePort()];
  const server = await start([`--port=${grpc}`, `--rest_api_port=${rest}`, `--model_config_file=${config}`]);
  assert.equal((await fetch(`http://${server.rest}/v1/models/good`)).status, 200);
  assert.equal((await fetch(`http://${server.rest}/v1/models/bad`)).status, 404);
  assert.ok(server.lines.some((line) => line.includes("No versions of servable bad found under base path")));
  assert.equal(await stop(server), 0);
});
test("gRPC over a unix socket, REST off", async () => {
  const socket = join(scratch, "grpc.sock");
  const server = await start([
    "--port=0",
    "--rest_api_port=0",
    `--grpc_socket_path=${socket}`,
    "--model_name=matrix",
    `--model_base_path=${join(models, "matrix")}`,
  ]);
  assert.equal(server.rest, "off");
  const peer = connect(socket);
  await once(peer, "connect");
  peer.destroy();
  assert.equal(await stop(server), 0);
});

const pipes = { skip: process.platform === "win32" ? "needs named pipes" : false, timeout: 60_000 };
test("SIGTERM before the start has ended exits with 0, though a file hangs", pipes, async () => {
  const pipe = join(scratch, "config.pipe");
  assert.equal(spawnSync("mkfifo", [pipe]).status, 0);
  const args = [bin, `--port=${await freePort()}`, "--rest_api_port=0", `--model_config_file=${pipe}`];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "ignore", "ignore"] });
  const exited = once(child, "exit") as Promise<[number | null]>;
  const writer = await reached(pipe, () => child.exitCode === null);
  child.kill("SIGTERM");
  assert.equal((await exited)[0], 0);
  await writer.close();
});
test("SIGTERM exits with 0, though a file hangs", pipes, async () => {
  const [config, pipe] = [join(scratch, "polled.config"), join(scratch, "polled.pipe")];
  writeFileSync(config, `model_config_list { config { name: "m" base_path: "${join(models, "half_plus_two")}" model_platform: "tensorflow" } }`);
  await using server = await launch([`--model_config_file=${config}`, "--model_config_file_poll_wait_seconds=1"]);
  assert.equal(spawnSync("mkfifo", [pipe]).status, 0);
  renameSync(pipe, config);
  const writer = await reached(config, () => true);
  assert.equal(await server.stop(), 0);
  await server.logged("a load, a run or a disk hangs");
  await writer.close();
});

/** reached opens a named pipe for writing as soon as somebody reads there; a read that had come too late for the writer's end would wait for ever. */
async function reached(pipe: string, waiting: () => boolean): Promise<FileHandle> {
  while (waiting()) {
    try {
      return await open(pipe, constants.O_WRONLY | constants.O_NONBLOCK);
    } catch (err) {
      if ((err as NodeJS.ErrnoException).code !== "ENXIO") throw err; // ENXIO: no reader yet
    }
  }
  assert.fail("nobody has read the file");
}
for (const port of ["taken", "the gRPC port"] as const) {
  test(`REST on a port that is ${port}: said so, and gRPC is served alone`, async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
    const address = other.address();
    assert.ok(address !== null && typeof address === "object");
    const grpc = await freePort();
    const rest = port === "taken" ? address.port : grpc;
    const server = await start([`--port=${grpc}`, `--rest_api_port=${rest}`, "--model_name=matrix", `--model_base_path=${join(models, "matrix")}`]);
    other.close();
    assert.equal(server.rest, "off");
    const want = port === "taken" ? `Failed to start HTTP Server at localhost:${rest}` : "server_options.http_port cannot be same as grpc_port.";
    assert.ok(
      server.lines.some((line) => line.includes(want) && line.includes('"error"')),
      server.lines.join("\n"),
    );
    const peer = connect(grpc, "127.0.0.1");
    await once(peer, "connect");
    peer.destroy();
    assert.equal(await stop(server), 0);
  });
}
test("a config file that changes is followed, with a period", async () => {
  const config = join(scratch, "followed.config");
  const listing = (name: string) => `model_config_list { config { name: "${name}" base_path: "${join(models, name)}" model_platform: "tensorflow" } }`;
  writeFileSync(config, listing("matrix"));
  const args = [
    `--port=${await freePort()}`,
    `--rest_api_port=${await freePort()}`,
    `--model_config_file=${config}`,
    "--model_config_file_poll_wait_seconds=1",
  ];
  const server = await start(args);
  const status = async (name: string) => (await fetch(`http://${server.rest}/v1/models/${name}/metadata`)).status;
  assert.deepEqual([await status("matrix"), await status("counter")], [200, 404]);
  writeFileSync(config, listing("counter"));
  while ((await status("counter")) !== 200 || (await status("matrix")) !== 404) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(await stop(server), 0);
});
test("flags that do nothing here are said once each, and the server serves", async () => {
  const server = await start([
    `--port=${await freePort()}`,
    "--rest_api_port=0",
    "--model_name=matrix",
    `--model_base_path=${join(models, "matrix")}`,
    "--grpc_max_threads=4",
    "--xla_cpu_compilation_enabled",
    "--grpc_channel_arguments=grpc.max_connection_age_ms=2000,grpc.lb_policy_name=grpclb",
  ]);
  const warned = server.lines.map((line) => JSON.parse(line) as { level: string; flag?: string }).filter(({ level }) => level === "warn");
  assert.deepEqual(
    warned.map(({ flag }) => flag),
    ["grpc_channel_arguments", "grpc_max_threads", "xla_cpu_compilation_enabled"],
  );
  assert.equal(await stop(server), 0);
});
for (const [level, argv, want] of [
  ["2", [], false],
  ["2", ["--log_level=warn"], true],
  ["1", [], true],
] as const) {
  test(`TF_CPP_MIN_LOG_LEVEL=${level} ${argv.join(" ")}: warnings are ${want ? "" : "not "}logged`, () => {
    // It warns, then fails: there is no model to serve, and none may be missing.
    const args = [bin, "--grpc_max_threads=1", "--strict_startup", `--model_base_path=${join(scratch, "missing")}`, ...argv];
    const { status, stderr } = spawnSync(process.execPath, args, { encoding: "utf8", timeout: 30_000, env: { ...process.env, TF_CPP_MIN_LOG_LEVEL: level } });
    assert.equal(status, 255);
    assert.equal(stderr.includes("grpc_max_threads"), want, stderr);
    assert.ok(!stderr.includes(" INFO "), stderr);
    assert.ok(stderr.includes(" ERROR did not start"), stderr);
  });
}
