// TLS and unix sockets of the command itself, as processes of its own: with one worker, and with two that get their connections from a primary.
import assert from "node:assert/strict";
import { copyFileSync, existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createSecureServer, type Http2SecureServer, type Http2Server, type ServerHttp2Stream } from "node:http2";
import { request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { connect, type TLSSocket } from "node:tls";
import { frameMessage } from "@tfs/rpc";
import { type CertificateName, certificate, certificateFile, echo, startBackend } from "@tfs/rpc/testing";
import { exchange, grpcHeaders, type Program, run, turn } from "./testing/index.ts";

const bin = "packages/gateway/bin/tfs-gateway.js";
const ca = certificate("ca").cert;
const hello = frameMessage(Buffer.from("hello"));

/** announced gives the address that a gateway prints. */
async function announced(program: Program): Promise<string> {
  return (JSON.parse(await program.until((line) => line.startsWith('{"event":"listening","address"'))) as { address: string }).address;
}

/** status asks over HTTP/1.1 and TLS. */
function status(address: string, path: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    request(`https://${address}${path}`, { ca, agent: false }, (res) => {
      res.resume().on("end", () => resolve(res.statusCode));
    })
      .on("error", reject)
      .end();
  });
}

/** shown gives the name in the certificate that a new connection gets. */
function shown(address: string): Promise<string> {
  const [host, port] = address.split(":");
  return new Promise((resolve, reject) => {
    const socket: TLSSocket = connect({ host: host!, port: Number(port), ca }, () => {
      resolve(String(socket.getPeerCertificate().subject.CN));
      socket.destroy();
    });
    socket.on("error", reject);
  });
}

async function inFolder(use: (file: (name: string) => string) => Promise<void>): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), "tfs-gateway-"));
  try {
    await use((name) => join(dir, name));
  } finally {
    rmSync(dir, { recursive: true });
  }
}

for (const workers of [1, 2]) {
  test(`bin: TLS towards clients and backends, both with certificates; new ones are taken on SIGHUP, without a failed call (${workers} worker(s))`, () =>
    inFolder(async (file) => {
      const put = (name: CertificateName): void => {
        copyFileSync(certificateFile(name), file("cert.pem"));
        copyFileSync(certificateFile(name, "key"), file("key.pem"));
      };
      const seen: string[] = [];
      const server: Http2SecureServer = createSecureServer({ ...certificate("elsewhere"), ca, requestCert: true, rejectUnauthorized: true });
      const serve = (stream: ServerHttp2Stream, headers: { readonly [name: string]: unknown }): void => {
        const socket = stream.session!.socket as TLSSocket;
        seen.push(`${headers[":scheme"]} ${socket.getPeerCertificate().subject.CN}`);
        echo(stream);
      };
      await using backend = await startBackend(serve, { server: server as unknown as Http2Server }); // what a backend uses is the same
      put("server");
      await using program = run(bin, [
        `--workers=${workers}`,
        "--host=127.0.0.1",
        "--port=0",
        `--tls_cert=${file("cert.pem")}`,
        `--tls_key=${file("key.pem")}`,
        `--tls_client_ca=${certificateFile("ca")}`,
        "--tls_client_certs=request",
        `--backends=${backend.address}`,
        "--backend_tls",
        `--backend_ca=${certificateFile("ca")}`,
        `--backend_cert=${certificateFile("client")}`,
        `--backend_key=${certificateFile("client", "key")}`,
        "--backend_server_name=elsewhere.test",
      ]);
      const address = await announced(program);
      while ((await status(address, "/readyz")) !== 200) await turn();
      const call = async (tls: object = {}): Promise<void> => {
        const { body, trailers } = await exchange(address, grpcHeaders("/s/M"), hello, { ca, ...tls });
        assert.ok(body.equals(hello) && trailers[1] === "0", `${body.length} bytes, ${trailers.join(" ")}`);
      };
      await call();
      await call(certificate("client"));
      await assert.rejects(call(certificate("stranger")));
      assert.deepEqual(seen, ["https client", "https client"]);

      let over = false;
      const calling = (async () => {
        while (!over) await call();
      })();
      put("renewed");
      program.process.kill("SIGHUP");
      for (let renewed = 0; renewed < 2 * workers; ) renewed = (await shown(address)) === "renewed" ? renewed + 1 : 0;
      writeFileSync(file("key.pem"), "garbage");
      program.process.kill("SIGHUP");
      await program.until((line) => line.includes("certificates not taken"));
      assert.equal(await shown(address), "renewed");
      over = true;
      await calling;
      program.process.kill("SIGTERM");
      assert.equal(await program.exited, 0);
    }));
}

/** withSockets has `use` make calls by way of a unix socket, to a backend on another. */
async function withSockets(use: (front: string, argv: readonly string[], called: () => Promise<void>) => Promise<void>): Promise<void> {
  await inFolder(async (file) => {
    const [front, back] = [file("front.sock"), file("back.sock")];
    await using _ = await startBackend(echo, { path: back });
    await use(front, ["--host=127.0.0.1", "--port=0", `--backends=unix:${back}`, `--socket=${front}`], async () => {
      while (Number((await exchange(`unix:${front}`, { ":path": "/readyz" })).headers[":status"]) !== 200) await turn();
      const { body, trailers } = await exchange(`unix:${front}`, grpcHeaders("/s/M"), hello);
      assert.ok(body.equals(hello) && trailers[1] === "0", `${body.length} bytes, ${trailers.join(" ")}`);
    });
  });
}

for (const workers of [1, 2]) {
  test(`bin: a unix socket beside a port with TLS speaks plaintext; its file is ours alone, and goes in the end (${workers} worker(s))`, () =>
    withSockets(async (front, argv, called) => {
      const tls = [`--tls_cert=${certificateFile("server")}`, `--tls_key=${certificateFile("server", "key")}`];
      await using program = run(bin, [...argv, ...tls, `--workers=${workers}`]);
      const address = await announced(program);
      await called();
      assert.equal(await shown(address), "server");
      assert.equal(statSync(front).mode & 0o777, 0o600);
      program.process.kill("SIGTERM");
      assert.equal(await program.exited, 0);
      assert.equal(existsSync(front), false);
    }));
}

test("bin: a unix socket alone, with a mode that is asked for; a second gateway does not take its place while it lives, and does when it was killed", () =>
  withSockets(async (front, argv, called) => {
    {
      await using program = run(bin, [...argv, "--socket_only", "--socket_mode=660"]);
      assert.equal(await announced(program), `unix:${front}`);
      await called();
      assert.equal(statSync(front).mode & 0o777, 0o660);
      await using second = run(bin, [...argv, "--socket_only"]);
      assert.equal(await second.exited, 1);
      assert.match(second.lines.join("\n"), /cannot listen on unix:.*front\.sock: address already in use/);
      await called();
    } // killed: its file stays
    assert.equal(existsSync(front), true);
    await using program = run(bin, [...argv, "--socket_only"]);
    await announced(program);
    await called();
  }));

test("bin: a certificate that is not there ends it with a word", async () => {
  await using program = run(bin, ["--backends=127.0.0.1:1", "--port=0", "--tls_cert=/nowhere.pem", "--tls_key=/nowhere.pem"]);
  assert.equal(await program.exited, 1);
  assert.match(program.lines.join("\n"), /^tfs-gateway: tls_cert: .*\/nowhere\.pem/m);
});
