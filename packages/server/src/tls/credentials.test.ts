// TLS as its users meet it: real sockets, grpc-js and curl, and files that change under a server that runs.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { connect } from "node:tls";
import { promisify } from "node:util";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { Client, credentials as grpcJs, type ServiceError, status } from "@grpc/grpc-js";
import { GetModelStatusRequestSchema, GetModelStatusResponseSchema } from "@tfs/proto";
import { type CertificateName, certificate, certificateFile } from "@tfs/rpc/testing";
import { Code, systemClock } from "@tfs/std";
import { fakeClock } from "@tfs/std/testing";
import { newHeard, scratch, serve, silent } from "../testing/index.ts";
import { type Credentials, openCredentials } from "./index.ts";

const dir = scratch();
after(() => dir[Symbol.dispose]());
let made = 0;
const write = (text: string, name = `${made++}.config`): string => {
  const path = join(dir.path, name);
  writeFileSync(path, text);
  return path;
};
const pem = (name: CertificateName, part: "cert" | "key" = "cert"): string => readFileSync(certificateFile(name, part), "utf8");
const inline = (field: string, text: string): string => `${field}: ${JSON.stringify(text)}\n`;
const server = inline("server_key", pem("server", "key")) + inline("server_cert", pem("server"));
const ours = inline("custom_ca", pem("ca"));
const flag = "ssl_config_file";
const opened = (text: string): Promise<Credentials> => openCredentials(write(text), { flag, clock: systemClock(), logger: silent });

/** ask calls GetModelStatus by grpc-js and gives the version; "UNAVAILABLE" if the server does not let it in. */
async function ask(target: string, client?: CertificateName | "plain"): Promise<string> {
  const { key, cert } = client === undefined || client === "plain" ? { key: null, cert: null } : certificate(client);
  // By name: Node 26 asks for none by address, and a unix socket has none.
  const named = { "grpc.ssl_target_name_override": "localhost", "grpc.default_authority": "localhost" };
  const caller = new Client(target, client === "plain" ? grpcJs.createInsecure() : grpcJs.createSsl(certificate("ca").cert, key, cert), named);
  try {
    const request = create(GetModelStatusRequestSchema, { modelSpec: { name: "half_plus_two" } });
    const answer = await new Promise<Uint8Array>((resolve, reject) =>
      caller.makeUnaryRequest(
        "/tensorflow.serving.ModelService/GetModelStatus",
        (bytes: Uint8Array) => Buffer.from(bytes),
        (bytes) => bytes,
        toBinary(GetModelStatusRequestSchema, request),
        (err, value) => (err === null ? resolve(value!) : reject(err)),
      ),
    );
    return String(fromBinary(GetModelStatusResponseSchema, answer).modelVersionStatus[0]!.version);
  } catch (err) {
    return (err as ServiceError).code === status.UNAVAILABLE ? "UNAVAILABLE" : String(err);
  } finally {
    caller.close();
  }
}

const served: readonly { readonly name: string; readonly config: string; readonly client?: CertificateName; readonly want: string }[] = [
  { name: "PEM in the config", config: server, want: "2" },
  {
    name: "PEM behind the text that openssl prints in front of it",
    config: inline("server_key", `Bag Attributes\n${pem("server", "key")}`) + inline("server_cert", `subject=CN = localhost\n${pem("server")}`),
    want: "2",
  },
  {
    name: "files by absolute path",
    config: inline("server_key", certificateFile("server", "key")) + inline("server_cert", certificateFile("server")),
    want: "2",
  },
  { name: "no client certificate is asked for by default", config: server + ours, want: "2" },
  { name: "client_verify: a client with a certificate is served", config: `${server}${ours}client_verify: true`, client: "client", want: "2" },
  { name: "client_verify: a client without one is not", config: `${server}${ours}client_verify: true`, want: "UNAVAILABLE" },
  { name: "client_verify: a client of another authority is not", config: `${server}${ours}client_verify: true`, client: "stranger", want: "UNAVAILABLE" },
  { name: "client_verify without custom_ca: nobody verifies", config: `${server}client_verify: true`, client: "client", want: "UNAVAILABLE" },
  { name: "client_verify: false with custom_ca asks for none", config: `${server}${ours}client_verify: false`, client: "stranger", want: "2" },
];
for (const { name, config, client, want } of served)
  test(`TLS for gRPC, on a port and on a unix socket: ${name}`, { skip: process.platform === "win32" && "no unix sockets" }, async () => {
    const path = join(dir.path, `${made++}.sock`);
    const { tls } = await opened(config);
    await using running = await serve(["half_plus_two"], { grpc: [{ port: 0, host: "127.0.0.1" }, { path }], grpcTls: tls });
    assert.equal(await ask(running.started.grpc[0]!, client), want);
    assert.equal(await ask(`unix:${path}`, client), want);
  });

test("TLS: paths are read from the config file's folder on", async () => {
  write(pem("server"), "server.pem");
  write(pem("server", "key"), "server.key.pem");
  const { tls } = await opened('server_cert: "server.pem" server_key: "./server.key.pem"');
  await using running = await serve(["half_plus_two"], { grpcTls: tls });
  assert.equal(await ask(running.started.grpc[0]!), "2");
});

test("TLS for gRPC: a client in plain text gets nothing", async () => {
  const { tls } = await opened(server);
  await using running = await serve(["half_plus_two"], { grpcTls: tls });
  assert.equal(await ask(running.started.grpc[0]!, "plain"), "UNAVAILABLE");
});

test("TLS for REST: curl is served over HTTP/1.1 and HTTP/2, without TLS it is not", { skip: !existsSync("/usr/bin/curl") && "needs curl" }, async () => {
  const { tls } = await opened(`${server}${ours}client_verify: true`);
  await using running = await serve(["half_plus_two"], { restTls: tls });
  const curl = async (...args: readonly string[]): Promise<string> => {
    const { stdout } = await promisify(execFile)("/usr/bin/curl", ["-sS", "--max-time", "20", "--cacert", certificateFile("ca"), ...args]);
    return stdout;
  };
  const url = `${running.rest.replace("http:", "https:")}/v1/models/half_plus_two:predict`;
  const client = ["--cert", certificateFile("client"), "--key", certificateFile("client", "key")];
  for (const version of ["--http1.1", "--http2"])
    assert.deepEqual(JSON.parse(await curl(version, ...client, "-d", '{"instances":[2]}', url)), { predictions: [4] }, version);
  await assert.rejects(curl("--http1.1", url), /certificate required|alert|SSL|reset/i);
  await assert.rejects(curl("--http1.1", url.replace("https:", "http:")), /Empty reply|reset|Received HTTP\/0\.9/);
});

/** shown opens a connection and gives the name in the certificate that it gets. */
async function shown(target: string, rejectUnauthorized = true): Promise<{ readonly name: string; close(): void; readonly closed: boolean }> {
  const [host, port] = target.split(":");
  const socket = connect({ host, port: Number(port), ca: certificate("ca").cert, ALPNProtocols: ["h2"], rejectUnauthorized });
  await new Promise<void>((resolve, reject) => socket.once("secureConnect", resolve).once("error", reject));
  return {
    name: String(socket.getPeerCertificate().subject.CN),
    close: () => socket.destroy(),
    get closed() {
      return socket.destroyed;
    },
  };
}

const exchanges: readonly {
  readonly name: string;
  readonly before: string;
  readonly broken: () => void;
  readonly why: RegExp;
  readonly renewed: () => void;
}[] = [
  {
    name: "files",
    before: 'server_cert: "turn.pem" server_key: "turn.key.pem"',
    broken: () => write(pem("renewed"), "turn.pem"),
    why: /server_cert \(.*turn\.pem\) and server_key \(.*turn\.key\.pem\) do not belong together/,
    renewed: () => write(pem("renewed", "key"), "turn.key.pem"),
  },
  {
    name: "the config file itself",
    before: server,
    broken: () => write("server_cert {", "turn.config"),
    why: /Invalid protobuf file: '.*turn\.config'/,
    renewed: () => write(inline("server_key", pem("renewed", "key")) + inline("server_cert", pem("renewed")), "turn.config"),
  },
  {
    name: "a file that is gone for a while",
    before: 'server_cert: "turn.pem" server_key: "turn.key.pem"',
    broken: () => rmSync(join(dir.path, "turn.pem")),
    why: /server_cert: .*turn\.pem; No such file or directory/,
    renewed: () => {
      write(pem("renewed"), "turn.pem");
      write(pem("renewed", "key"), "turn.key.pem");
    },
  },
];
for (const { name, before, broken, why, renewed } of exchanges)
  test(`TLS is exchanged while it is used: ${name}`, async () => {
    write(pem("server"), "turn.pem");
    write(pem("server", "key"), "turn.key.pem");
    const [heard, clock] = [newHeard(), fakeClock()];
    const credentials = await openCredentials(write(before, "turn.config"), { flag, clock, logger: heard.logger });
    await using running = await serve(["half_plus_two"], { grpcTls: credentials.tls });
    const target = running.started.grpc[0]!;
    credentials.watch();
    const old = await shown(target);
    assert.equal(old.name, "server");

    broken();
    await clock.advance(9_999);
    assert.deepEqual(heard.lines, [], "nothing is looked at before it is time");
    await clock.advance(1);
    assert.match(await heard.line(/not taken/), why);
    for (let i = 0; i < 2; i++) await credentials.look();
    assert.equal(heard.lines.length, 1, "what is wrong is said once");
    const between = await shown(target);
    assert.equal(between.name, "server");

    renewed();
    await credentials.look();
    assert.match(heard.lines[1] ?? "", /certificates read again/);
    const young = await shown(target);
    assert.equal(young.name, "renewed");
    assert.deepEqual([old.closed, between.closed], [false, false]);
    for (const connection of [old, between, young]) connection.close();
    credentials.close();
    await clock.advance(60_000);
    assert.equal(clock.pending, 0);
  });

const renewed = inline("server_key", pem("renewed", "key")) + inline("server_cert", pem("renewed"));
const strict = `${ours}client_verify: true`;
const changes: readonly { readonly name: string; readonly before: string; readonly after: string; readonly want: Readonly<Record<string, string>> }[] = [
  { name: "set", before: "", after: strict, want: { nobody: "2", client: "2", stranger: "2" } },
  { name: "no longer set, with authorities", before: strict, after: ours, want: { nobody: "UNAVAILABLE", client: "2", stranger: "UNAVAILABLE" } },
  { name: "no longer set, without authorities", before: strict, after: "", want: { nobody: "UNAVAILABLE", client: "2", stranger: "UNAVAILABLE" } },
];
for (const { name, before, after, want } of changes)
  test(`client_verify that is ${name} takes a restart, and what the server shows does not`, async () => {
    const heard = newHeard();
    const path = write(server + before);
    const credentials = await openCredentials(path, { flag, clock: systemClock(), logger: heard.logger });
    await using running = await serve(["half_plus_two"], { grpcTls: credentials.tls, restTls: credentials.tls });
    writeFileSync(path, renewed + after);
    for (let i = 0; i < 2; i++) await credentials.look();
    assert.deepEqual(
      heard.lines.map((line) => /client_verify has changed|certificates read again/.exec(line)?.[0]),
      ["client_verify has changed", "certificates read again"],
    );
    const target = running.started.grpc[0]!;
    const connection = await shown(target);
    assert.equal(connection.name, "renewed");
    connection.close();
    for (const [who, version] of Object.entries(want)) assert.equal(await ask(target, who === "nobody" ? undefined : (who as CertificateName)), version, who);
    writeFileSync(path, server + before);
    await credentials.look();
    assert.match(heard.lines[2]!, /certificates read again/);
  });

const brief = inline("server_key", certificateFile("expired", "key")) + inline("server_cert", certificateFile("expired"));
const dated: readonly { readonly name: string; readonly wall: string; readonly want: readonly string[] }[] = [
  { name: "is not valid yet", wall: "2019-12-31T23:59:59Z", want: ["the server's certificate is not valid yet", "from=2020-01-01T00:00:00.000Z"] },
  { name: "is valid", wall: "2020-01-01T12:00:00Z", want: [] },
  { name: "has expired", wall: "2020-01-02T00:00:01Z", want: ["the server's certificate has expired", "to=2020-01-02T00:00:00.000Z"] },
];
for (const { name, wall, want } of dated)
  test(`a server's certificate that ${name} is shown, which is said if it cannot be right: at the start and when it is exchanged`, async () => {
    const clock = { ...fakeClock(), wallMs: () => Date.parse(wall) };
    const heard = newHeard();
    const said = (): void => {
      assert.equal(heard.lines.length, want.length === 0 ? 0 : 1);
      for (const part of ["WARN", flag, `server_cert (${certificateFile("expired")})`, ...want])
        for (const line of heard.lines) assert.ok(line.includes(part), `${line} without ${part}`);
    };
    const path = write(brief);
    const credentials = await openCredentials(path, { flag, clock, logger: heard.logger });
    said();
    await using running = await serve(["half_plus_two"], { grpcTls: credentials.tls });

    writeFileSync(path, server);
    await credentials.look();
    heard.lines.length = 0;
    writeFileSync(path, brief);
    await credentials.look();
    assert.match(heard.lines.pop()!, /certificates read again/);
    said();
    const connection = await shown(running.started.grpc[0]!, false);
    assert.equal(connection.name, "expired");
    connection.close();
  });

const key = inline("server_key", pem("server", "key"));
const cert = inline("server_cert", pem("server"));
const faults: readonly { readonly name: string; readonly config: string; readonly code?: Code; readonly why: string }[] = [
  { name: "no key", config: cert, why: "server_key is missing" },
  { name: "no certificate", config: key, why: "server_cert is missing" },
  { name: "nothing", config: "", why: "server_key is missing" },
  {
    name: "a key of another certificate",
    config: inline("server_key", pem("client", "key")) + cert,
    why: "server_cert and server_key do not belong together",
  },
  {
    name: "a file for another",
    config: `server_key: ${JSON.stringify(certificateFile("server"))}\n${cert}`,
    why: `server_key (${certificateFile("server")}): not a PEM private key without passphrase`,
  },
  {
    name: "a file that is not there",
    config: `server_key: "no/such.pem"\n${cert}`,
    code: Code.NotFound,
    why: `server_key: ${join(dir.path, "no/such.pem")}; No such file or directory`,
  },
  { name: "PEM that is cut", config: key + inline("server_cert", pem("server").slice(0, 200)), why: "server_cert: not a PEM certificate" },
  {
    name: "authorities that are none",
    config: `${server}custom_ca: "-----BEGIN CERTIFICATE-----\\nAAAA\\n-----END CERTIFICATE-----"`,
    why: "custom_ca: not a PEM certificate",
  },
  {
    name: "the inside of a key without its frame is not shown",
    config: `server_key: "AAAA\\nBBBB"\n${cert}`,
    why: "server_key: neither PEM nor the path of a file",
  },
  { name: "a folder", config: `server_key: "."\n${cert}`, why: `server_key (${dir.path}): EISDIR: illegal operation on a directory, read` },
  { name: "a file that is no key", config: `server_key: "large"\n${cert}`, why: `server_key (${join(dir.path, "large")}): larger than 1048576 bytes` },
];
write("x".repeat((1 << 20) + 1), "large");
for (const { name, config, code = Code.InvalidArgument, why } of faults)
  test(`TLS that cannot be is said at the start: ${name}`, async () => {
    const path = write(config);
    await assert.rejects(openCredentials(path, { flag, clock: systemClock(), logger: silent }), { code, message: `--ssl_config_file=${path}: ${why}` });
  });
