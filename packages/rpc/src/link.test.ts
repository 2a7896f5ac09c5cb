// TLS towards a peer: whom a channel believes, what it shows, and what it says when nothing comes of it.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { createSecureServer, createServer, type Http2SecureServer, type Http2Server } from "node:http2";
import { createServer as createTcpServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { type ConnectionOptions, createServer as createTlsServer, type TLSSocket, type TlsOptions } from "node:tls";
import { background, Code, discard, systemClock } from "@tfs/std";
import { fakeClock } from "@tfs/std/testing";
import { type Channel, type ChannelOptions, newChannel, newListener, newServerTls } from "./index.ts";
import { type Backend, certificate, echo, reply, type Serve, serveBody, startBackend } from "./testing/index.ts";

const ca = certificate("ca").cert;
const hello = Buffer.from("hello");
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** secureServer is node's; as a backend's server it has the type of its plaintext kin. */
function secureServer(options: TlsOptions = {}): Http2Server {
  const server: Http2SecureServer = createSecureServer({ ...certificate("server"), ...options });
  server.on("tlsClientError", () => {});
  server.on("secureConnection", (socket) => socket.on("error", () => {}));
  return server as unknown as Http2Server; // listen, close and the events that a backend uses are the same
}

/** withChannel runs `use` with a backend and a channel to it, and takes both down. */
async function withChannel(
  server: Http2Server,
  options: Partial<ChannelOptions>,
  use: (channel: Channel, backend: Backend) => Promise<void>,
  serve: Serve = echo,
): Promise<void> {
  await using backend = await startBackend(serve, { server });
  const channel = newChannel({ address: backend.address, clock: systemClock(), logger: discard(), ...options });
  try {
    await use(channel, backend);
  } finally {
    await channel.destroy();
  }
}

const cases: readonly { readonly name: string; readonly server: () => Http2Server; readonly tls: ConnectionOptions; readonly want: RegExp | undefined }[] = [
  { name: "a certificate of an authority that we trust is talked to", server: secureServer, tls: { ca }, want: undefined },
  { name: "one of an authority that we do not know is refused", server: secureServer, tls: {}, want: /unable to verify the first certificate/ },
  { name: "one of another authority than ours is refused", server: secureServer, tls: { ca: certificate("stranger-ca").cert }, want: /unable to verify/ },
  { name: "one of the past is refused", server: () => secureServer(certificate("expired")), tls: { ca }, want: /certificate has expired/ },
  { name: "one for another name is refused", server: () => secureServer(certificate("elsewhere")), tls: { ca }, want: /does not match certificate's altnames/ },
  { name: "the name may be given", server: () => secureServer(certificate("elsewhere")), tls: { ca, servername: "elsewhere.test" }, want: undefined },
  { name: "a wrong name that is given is refused", server: secureServer, tls: { ca, servername: "elsewhere.test" }, want: /does not match/ },
  { name: "a client that shows a certificate is let in", server: () => demanding(), tls: { ca, ...certificate("client") }, want: undefined },
  { name: "a client that shows none is told so", server: () => demanding(), tls: { ca }, want: /the peer wants a certificate of us/ },
  {
    name: "a client that shows a stranger's is cut",
    server: () => demanding(),
    tls: { ca, ...certificate("stranger") },
    want: /lost connection|cannot connect/,
  },
  { name: "a peer of TLS 1.2 is talked to", server: () => secureServer({ maxVersion: "TLSv1.2" }), tls: { ca }, want: undefined },
  {
    name: "a peer too old for us is refused",
    server: () => secureServer({ maxVersion: "TLSv1.2" }),
    tls: { ca, minVersion: "TLSv1.3" },
    want: /TLS: .*protocol version/,
  },
  { name: "a peer that speaks plaintext is named as such", server: () => createServer(), tls: { ca }, want: /the peer does not speak TLS/ },
];
for (const tc of cases) {
  test(`tls: ${tc.name}`, () =>
    withChannel(tc.server(), { tls: tc.tls }, async (channel, backend) => {
      const call = channel.unary(background(), "/s/M", hello);
      if (tc.want === undefined) return assert.equal(String(Buffer.from((await call).message)), "hello");
      await assert.rejects(call, (err: Error & { code: Code }) => {
        assert.equal(err.code, Code.Unavailable);
        assert.match(err.message, tc.want!);
        assert.ok(err.message.includes(backend.address), err.message);
        assert.doesNotMatch(err.message, /:error:|\.c:\d/, "OpenSSL's own lines are for nobody");
        return true;
      });
    }));
}

function demanding(): Http2Server {
  return secureServer({ ca, requestCert: true, rejectUnauthorized: true });
}

const protocols: readonly { readonly name: string; readonly ALPNProtocols: string[] | undefined; readonly want: RegExp }[] = [
  { name: "speaks HTTP/1.1 alone", ALPNProtocols: ["http/1.1"], want: /it has no protocol in common with us \(ALPN\)$/ },
  { name: "knows nothing of ALPN", ALPNProtocols: undefined, want: /it agreed to no protocol \(ALPN\)$/ },
];
for (const { name, ALPNProtocols, want } of protocols) {
  test(`alpn: a peer that ${name} is no peer`, async () => {
    const server = createTlsServer({ ...certificate("server"), ...(ALPNProtocols === undefined ? {} : { ALPNProtocols }) }, (socket) =>
      socket.on("error", () => {}),
    );
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as { port: number };
    const channel = newChannel({ address: `127.0.0.1:${port}`, clock: systemClock(), logger: discard(), tls: { ca } });
    const call = channel.unary(background(), "/s/M", hello);
    await assert.rejects(call, { code: Code.Unavailable, message: want }).finally(() => channel.destroy());
    await new Promise((resolve) => server.close(resolve));
  });
}

test("tls: the server hears the name of the host, or the one that is given (SNI); an IP address is no name", async () => {
  const names: (string | false | null)[] = [];
  const server = secureServer();
  server.on("secureConnection", (socket: TLSSocket & { readonly servername: string | false | null }) => names.push(socket.servername));
  await withChannel(server, { tls: { ca } }, async (channel, { port }) => {
    await channel.unary(background(), "/s/M", hello);
    for (const { address, servername } of [
      { address: `localhost:${port}`, servername: undefined },
      { address: `127.0.0.1:${port}`, servername: "gateway.test" },
    ]) {
      const other = newChannel({ address, clock: systemClock(), logger: discard(), tls: { ca, ...(servername === undefined ? {} : { servername }) } });
      await other.unary(background(), "/s/M", hello);
      await other.destroy();
    }
  });
  assert.deepEqual(names, [false, "localhost", "gateway.test"]);
});

const authorities = [
  { name: "the address, and the scheme https", options: {}, want: (address: string) => ["https", address] },
  { name: "what is given", options: { authority: "models.test" }, want: () => ["https", "models.test"] },
];
for (const tc of authorities) {
  test(`tls: :authority is ${tc.name}`, async () => {
    let got: unknown[] = [];
    await withChannel(
      secureServer(),
      { tls: { ca }, ...tc.options },
      async (channel, backend) => {
        await channel.unary(background(), "/s/M", hello);
        assert.deepEqual(got, tc.want(backend.address));
      },
      (stream, headers) => {
        got = [headers[":scheme"], headers[":authority"]];
        reply(stream, Buffer.of(0, 0, 0, 0, 0));
      },
    );
  });
}

test("tls: a function is asked anew for each connection", async () => {
  let asked = 0;
  const clock = fakeClock();
  const tls = (): ConnectionOptions => (asked++ === 0 ? {} : { ca });
  await withChannel(secureServer(), { tls, clock, random: () => 0.5 }, async (channel) => {
    await assert.rejects(channel.unary(background(), "/s/M", hello), { code: Code.Unavailable });
    await clock.advance(1000);
    assert.equal(String(Buffer.from((await channel.unary(background(), "/s/M", hello)).message)), "hello");
    assert.equal(asked, 2);
  });
});

test("tls: over a unix socket the name is localhost unless one is given", async () => {
  const dir = mkdtempSync(join(tmpdir(), "tfs-rpc-"));
  try {
    await using backend = await startBackend(echo, { server: secureServer(), path: join(dir, "s.sock") });
    const channel = newChannel({ address: backend.address, clock: systemClock(), logger: discard(), tls: { ca } });
    assert.equal(String(Buffer.from((await channel.unary(background(), "/s/M", hello)).message)), "hello");
    await channel.destroy();
  } finally {
    rmSync(dir, { recursive: true });
  }
});

test("tls: a peer that accepts and says nothing fails the attempt when its time is up", async () => {
  const clock = fakeClock();
  const server = createTcpServer((socket) => void socket.on("error", () => {}).resume());
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  const channel = newChannel({ address: `127.0.0.1:${port}`, clock, logger: discard(), tls: { ca }, limits: { connectMs: 500 } });
  const call = assert.rejects(channel.unary(background(), "/s/M", hello), { code: Code.Unavailable, message: /no answer within 500 ms$/ });
  await clock.advance(500);
  await call;
  await channel.destroy();
  await new Promise((resolve) => server.close(resolve));
});

test("tls: a plaintext channel to a TLS port fails as Unavailable", () =>
  withChannel(secureServer(), {}, (channel) => assert.rejects(channel.unary(background(), "/s/M", hello), { code: Code.Unavailable })));

test("tls: many calls at a time, small and large, arrive as they were sent, with TLS of ours on both sides", async () => {
  const listener = newListener({
    clock: systemClock(),
    logger: discard(),
    tls: newServerTls({ ...certificate("server"), clientCa: ca }),
    onExchange: (exchange) => serveBody(exchange, (body) => Uint8Array.from(body)),
  });
  const address = await listener.listen(background(), { host: "127.0.0.1", port: 0 });
  assert.ok("port" in address);
  const tls = { ca, ...certificate("client") };
  const channel = newChannel({ address: `127.0.0.1:${address.port}`, clock: systemClock(), logger: discard(), tls });
  const sizes = [0, 1, 100, 2047, 2048, 2049, 16_383, 16_384, 16_385, 65_536, 300_000, 2_000_000];
  await Promise.all(
    [...sizes, ...sizes, ...sizes].map(async (size, i) => {
      const message = Buffer.alloc(size, `call ${i}, in a pattern that no size is a multiple of `);
      assert.ok(message.equals((await channel.unary(background(), "/s/M", message)).message), `${size} bytes`);
    }),
  );
  await channel.destroy();
  await listener.close();
  await turn();
});
