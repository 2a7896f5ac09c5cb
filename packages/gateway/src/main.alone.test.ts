// The command itself, as processes of its own.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect, type ServerHttp2Stream } from "node:http2";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { frameMessage, newChannel } from "@tfs/rpc";
import { type Backend, echo, fieldsFrom, reply, startBackend } from "@tfs/rpc/testing";
import { background, discard, systemClock } from "@tfs/std";
import { exchange, freePort, grpcHeaders, type Program, run, turn } from "./testing/index.ts";

const bin = "packages/gateway/bin/tfs-gateway.js";
const hello = frameMessage(Buffer.from("hello"));

/** isListening is the one line that the command promises to print on standard output. */
const isListening = (line: string): boolean => line.startsWith('{"event":"listening","address"');

async function addressOf(program: Program): Promise<string> {
  return (JSON.parse(await program.until(isListening)) as { address: string }).address;
}

async function ready(address: string): Promise<void> {
  while ((await fetch(`http://${address}/readyz`)).status !== 200) await turn();
}

const says: readonly { readonly name: string; readonly argv: readonly string[]; readonly exit: number; readonly says: RegExp }[] = [
  { name: "--help lists the flags with their defaults", argv: ["--help"], exit: 0, says: /--port=INT[\s\S]*default 9000/ },
  { name: "--version names itself", argv: ["--version"], exit: 0, says: /^tfs-gateway \d+\.\d+\.\d+$/m },
  {
    name: "a mistyped flag is told the nearest",
    argv: ["--beckends=a:1"],
    exit: 1,
    says: /^tfs-gateway: unknown flag --beckends; did you mean --backends\?$/m,
  },
  { name: "no backends is an error", argv: [], exit: 1, says: /^tfs-gateway: no backends: / },
  { name: "a config file that is not there is named", argv: ["--config=/nowhere.yaml"], exit: 1, says: /^tfs-gateway: --config: .*\/nowhere\.yaml/ },
  {
    name: "a log level that is none is refused",
    argv: ["--backends=a:1", "--log_level=loud"],
    exit: 1,
    says: /--log_level=loud: expected one of debug, info, warn, error/,
  },
];
for (const tc of says) {
  test(`bin: ${tc.name}`, async () => {
    await using program = run(bin, tc.argv);
    assert.equal(await program.exited, tc.exit);
    assert.match(program.lines.join("\n"), tc.says);
  });
}

test("bin: a port in use is an error that names it, with one worker and with two", async () => {
  const holder = createServer();
  await new Promise<void>((resolve) => holder.listen(0, "127.0.0.1", resolve));
  const { port } = holder.address() as { port: number };
  for (const workers of [1, 2]) {
    await using program = run(bin, ["--backends=127.0.0.1:1", "--host=127.0.0.1", `--port=${port}`, `--workers=${workers}`]);
    assert.equal(await program.exited, 1);
    assert.match(program.lines.join("\n"), new RegExp(`cannot listen on 127\\.0\\.0\\.1:${port}: address already in use`));
  }
  await new Promise((resolve) => holder.close(resolve));
});

test("bin: a config file is read, flags override it", async () => {
  const dir = mkdtempSync(join(tmpdir(), "tfs-gateway-"));
  await using backend = await startBackend(echo);
  try {
    writeFileSync(join(dir, "g.yaml"), `listen: { host: 127.0.0.1, port: 1 }\nbackends: [{ address: "${backend.address}" }]\n`);
    await using program = run(bin, ["--config", join(dir, "g.yaml"), "--port", "0"]);
    const address = await addressOf(program);
    assert.match(address, /^127\.0\.0\.1:(?!1$)\d+$/);
    await ready(address);
    assert.equal(Buffer.compare((await exchange(address, grpcHeaders("/s/M"), hello)).body, hello), 0);
  } finally {
    rmSync(dir, { recursive: true });
  }
});

/** start runs a gateway in front of one backend and waits until it is ready. */
async function start(backend: Backend, ...more: readonly string[]): Promise<{ readonly program: Program; readonly address: string }> {
  const program = run(bin, ["--host=127.0.0.1", "--port=0", `--backends=${backend.address}`, ...more]);
  const address = await addressOf(program);
  await ready(address);
  return { program, address };
}

for (const signal of ["SIGTERM", "SIGINT"] as const) {
  for (const workers of [1, 2]) {
    test(`bin: ${signal} with ${workers} worker(s): the call in flight finishes, then the exit is 0`, async () => {
      const held: ServerHttp2Stream[] = [];
      await using backend = await startBackend((stream) => held.push(stream));
      const { program, address } = await start(backend, `--workers=${workers}`);
      await using _ = program;
      const call = exchange(address, grpcHeaders("/s/M"), hello);
      while (held.length === 0) await turn();
      program.process.kill(signal);
      await program.until((line) => line.includes("draining"));
      while (await answers(address)) await turn();
      reply(held[0]!, hello);
      assert.deepEqual((await call).trailers, ["grpc-status", "0"]);
      assert.equal(await program.exited, 0);
    });
  }
}

/** answers tells whether somebody still accepts connections. */
async function answers(address: string): Promise<boolean> {
  return await fetch(`http://${address}/healthz`).then(
    () => true,
    () => false,
  );
}

test("bin: a call that outlives --drain_ms is cut, and the exit is 0 all the same", async () => {
  const held: ServerHttp2Stream[] = [];
  await using backend = await startBackend((stream) => held.push(stream));
  const { program, address } = await start(backend, "--drain_ms=50");
  await using _ = program;
  const session = connect(`http://${address}`);
  session.on("error", () => {});
  session.request(grpcHeaders("/s/M")).on("error", () => {});
  while (held.length === 0) await turn();
  program.process.kill("SIGTERM");
  assert.equal(await program.exited, 0);
});

test("bin: workers share the port, connections are spread evenly, each worker has its own to the backend", async () => {
  await using backend = await startBackend(echo);
  const { program, address } = await start(backend, "--workers=2");
  await using _ = program;
  while (backend.sessions.length < 2) await turn();
  // Who answers is seen at the backend: each worker has one connection to it.
  const byWorker = new Map<unknown, number>();
  for (const session of backend.sessions) session.on("stream", () => byWorker.set(session, (byWorker.get(session) ?? 0) + 1));
  for (let i = 0; i < 20; i++) await exchange(address, grpcHeaders("/s/M"), hello);
  assert.deepEqual([...byWorker.values()], [10, 10]);
});

test("bin: a worker that is killed is replaced, and meanwhile the other one serves", async () => {
  await using backend = await startBackend(echo);
  const { program, address } = await start(backend, "--workers=2", "--log_format=json");
  await using _ = program;
  await program.until((line) => pids(program).size === 2 && line !== "");
  const [first] = pids(program);
  process.kill(first!, "SIGKILL");
  await program.until((line) => line.includes('"event":"worker ended"'));
  for (let i = 0; i < 4; i++) assert.equal((await exchange(address, grpcHeaders("/s/M"), hello)).body.length, hello.length);
  await program.until(() => pids(program).size === 3);
  program.process.kill("SIGTERM");
  assert.equal(await program.exited, 0);
});

/** pids are the workers that have said that they serve. */
function pids(program: Program): Set<number> {
  const lines = program.lines.filter((line) => line.includes('"event":"worker ready"'));
  return new Set(lines.map((line) => (JSON.parse(line) as { pid: number }).pid));
}

test("bin: SIGTERM under load loses no call that was taken", async () => {
  await using backend = await startBackend(echo);
  const { program, address } = await start(backend, "--workers=2");
  await using _ = program;
  const results = { ok: 0, refused: 0, lost: [] as string[] };
  let stop = false;
  const load = Array.from({ length: 4 }, async () => {
    const channel = newChannel({ address, clock: systemClock(), logger: discard() });
    await Promise.all(
      Array.from({ length: 8 }, async () => {
        while (!stop) {
          await new Promise<void>((resolve) => {
            const call = channel.open(fieldsFrom(grpcHeaders("/s/M", { ":scheme": "http", ":authority": "a" })), {
              onHeaders() {},
              onData() {},
              onEnd: () => resolve(void results.ok++),
              onError(failure, refused) {
                if (refused) results.refused++;
                else results.lost.push(failure.message);
                resolve();
              },
              onDrain() {},
            });
            call.write(hello);
            call.end();
          });
          if (results.refused > 0) return;
        }
      }),
    );
    await channel.destroy();
  });
  while (results.ok < 2000) await turn();
  program.process.kill("SIGTERM");
  assert.equal(await program.exited, 0);
  stop = true;
  await Promise.all(load);
  assert.deepEqual(results.lost, []);
});

test("bin: the gateway of 64 concurrent calls through two workers gives everything back", async () => {
  await using backend = await startBackend(echo);
  const { program, address } = await start(backend, "--workers=2");
  await using _ = program;
  const channels = Array.from({ length: 4 }, () => newChannel({ address, clock: systemClock(), logger: discard() }));
  const message = Buffer.alloc(300_000, "0123456789");
  const replies = await Promise.all(Array.from({ length: 64 }, (_, i) => channels[i % 4]!.unary(background(), "/s/Echo", message)));
  for (const { message: back } of replies) assert.equal(Buffer.compare(back, message), 0);
  for (const channel of channels) await channel.close();
});

/** scrape reads /metrics of an admin port as name{labels} → value. */
async function scrape(port: number): Promise<Map<string, number>> {
  const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  return new Map(
    text
      .split("\n")
      .filter((line) => line !== "" && !line.startsWith("#"))
      .map((line) => [line.slice(0, line.lastIndexOf(" ")), Number(line.slice(line.lastIndexOf(" ") + 1))]),
  );
}

const digits = frameMessage(Uint8Array.of(0x0a, 3, 0x0a, 1, 0x6d));

for (const workers of [1, 3]) {
  test(`bin: with ${workers === 1 ? "one worker" : `${workers} workers`} the admin port tells what all have counted`, async () => {
    const admin = await freePort();
    await using backend = await startBackend(echo);
    await using program = run(bin, [`--backends=${backend.address}`, "--host=127.0.0.1", "--port=0", `--workers=${workers}`, `--admin_port=${admin}`]);
    const address = await addressOf(program);
    while ((await fetch(`http://127.0.0.1:${admin}/readyz`)).status !== 200) await turn();
    // A connection a call: every worker gets some.
    for (let i = 0; i < 12; i++) {
      const { trailers } = await exchange(address, grpcHeaders("/tensorflow.serving.PredictionService/Predict"), digits);
      assert.deepEqual(trailers, ["grpc-status", "0"]);
    }
    const counted = await scrape(admin);
    const labels = '{protocol="grpc",model="m"';
    assert.equal(counted.get(`tfs_gateway_requests_total${labels},code="OK"}`), 12);
    assert.equal(counted.get(`tfs_gateway_request_duration_seconds_count${labels}}`), 12);
    assert.equal(counted.get(`tfs_gateway_request_bytes_total${labels}}`), 12 * digits.length);
    assert.equal(counted.get(`tfs_gateway_response_bytes_total${labels}}`), 12 * digits.length);
    assert.equal(counted.get('tfs_gateway_requests_in_flight{protocol="grpc"}'), 0);
    assert.equal(counted.get(`tfs_gateway_backend_connected{backend="${backend.address}"}`), workers);
  });
}

test("bin: what a worker had counted stays when it dies", { skip: process.platform === "win32" && "needs SIGKILL by pid" }, async () => {
  const admin = await freePort();
  await using backend = await startBackend(echo);
  await using program = run(bin, [`--backends=${backend.address}`, "--host=127.0.0.1", "--port=0", "--workers=2", `--admin_port=${admin}`]);
  const address = await addressOf(program);
  while ((await fetch(`http://127.0.0.1:${admin}/readyz`)).status !== 200) await turn();
  for (let i = 0; i < 4; i++) await exchange(address, grpcHeaders("/tensorflow.serving.PredictionService/Predict"), digits);
  const total = 'tfs_gateway_requests_total{protocol="grpc",model="m",code="OK"}';
  assert.equal((await scrape(admin)).get(total), 4);
  const [, pid] = /worker ready.*pid=(\d+)/.exec(program.lines.find((line) => line.includes("worker ready"))!)!;
  process.kill(Number(pid), "SIGKILL");
  await program.until((line) => line.includes("worker ended"));
  assert.equal((await scrape(admin)).get(total), 4);
});

const told: readonly { readonly call: string; readonly status: number; readonly says: RegExp }[] = [
  { call: "GET /healthz", status: 200, says: /^ok\n$/ },
  { call: "GET /readyz", status: 503, says: /^no model server is connected\n$/ },
  { call: "GET /metrics?x=1", status: 200, says: /^# TYPE tfs_gateway_requests_total counter$/m },
  { call: "POST /metrics", status: 405, says: /only GET/ },
  { call: "GET /v1/models/m", status: 404, says: /\/metrics, \/healthz and \/readyz/ },
];
test("bin: the admin port tells, and does nothing else; a port in use is an error", async () => {
  const admin = await freePort();
  await using program = run(bin, ["--backends=127.0.0.1:1", "--host=127.0.0.1", "--port=0", `--admin_port=${admin}`]);
  const address = await addressOf(program);
  for (const tc of told) {
    const [method, path] = tc.call.split(" ");
    const response = await fetch(`http://127.0.0.1:${admin}${path}`, { method: method! });
    assert.equal(response.status, tc.status, tc.call);
    assert.match(await response.text(), tc.says, tc.call);
  }
  assert.equal((await fetch(`http://${address}/metrics`)).status, 404, "and the port for clients knows nothing of it");
  for (const workers of [1, 2]) {
    await using second = run(bin, ["--backends=127.0.0.1:1", "--host=127.0.0.1", "--port=0", `--admin_port=${admin}`, `--workers=${workers}`]);
    assert.equal(await second.exited, 1);
    assert.match(second.lines.join("\n"), new RegExp(`cannot listen on 127\\.0\\.0\\.1:${admin}`));
  }
});
