// The SDK's gRPC against node:http2 and raw frames: what becomes of a call when its peer, its connection or its caller gives up.
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createSecureServer, type Http2Server, type IncomingHttpHeaders, type ServerHttp2Stream } from "node:http2";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { create, toBinary } from "@bufbuild/protobuf";
import { GetModelStatusResponseSchema } from "@tfs/proto";
import { frameMessage } from "@tfs/rpc";
import { certificate, encodeFrame, encodeHeaders, freePort, frameFlag, frameType, rawServer, reply, type Serve, startBackend, uint32 } from "@tfs/rpc/testing";
import { background } from "@tfs/std";
import { build } from "esbuild";
import { type Client, type ClientOptions, isTfsError, newClient, type VersionState } from "../index.ts";
import { newGrpcTransport } from "./grpc.ts";

const statusMessage = frameMessage(
  toBinary(GetModelStatusResponseSchema, create(GetModelStatusResponseSchema, { modelVersionStatus: [{ version: 7n, state: 30 }] })),
);
const available: VersionState[] = [{ version: 7n, state: "AVAILABLE", error: undefined }];

/** answering gives every call the same status of a model. */
const answering: Serve = (stream) => {
  stream.resume();
  stream.on("end", () => reply(stream, statusMessage));
};

interface Want {
  readonly codeName: string;
  readonly message: string | RegExp;
  readonly hint: RegExp;
}

/** fails asserts what a call of model m throws. */
async function fails(call: Promise<unknown>, want: Want): Promise<void> {
  await assert.rejects(call, (err: unknown) => {
    assert.ok(isTfsError(err));
    assert.deepEqual([err.codeName, err.model, err.attempts], [want.codeName, "m", 1]);
    if (typeof want.message === "string") assert.equal(err.message, want.message);
    else assert.match(err.message, want.message);
    assert.match(err.hint ?? "", want.hint);
    return true;
  });
}

const ca = certificate("ca").cert;
const secure = (): Http2Server => createSecureServer(certificate("server"));

const encrypted: readonly { readonly name: string; readonly options: (port: number) => ClientOptions; readonly want?: Want }[] = [
  { name: "an https target and whom to trust", options: (port) => ({ target: `https://localhost:${port}/`, tls: { ca } }) },
  { name: "host and port, and tls options", options: (port) => ({ target: `127.0.0.1:${port}`, tls: { ca: String(ca) } }) },
  {
    name: "a certificate that nobody vouches for",
    options: (port) => ({ target: `https://localhost:${port}` }),
    want: { codeName: "UNAVAILABLE", message: /^cannot connect to localhost:\d+: unable to verify the first certificate/, hint: /tls\.ca/ },
  },
  {
    name: "a certificate of another name",
    options: (port) => ({ target: `localhost:${port}`, tls: { ca, serverName: "models.example" } }),
    want: { codeName: "UNAVAILABLE", message: /^cannot connect to localhost:\d+: .*models\.example/, hint: /tls\.serverName/ },
  },
];
for (const tc of encrypted) {
  test(`grpc over TLS: ${tc.name}`, async () => {
    await using backend = await startBackend(answering, { server: secure() });
    await using client = newClient(tc.options(backend.port));
    if (tc.want === undefined) assert.deepEqual(await client.status({ model: "m" }), available);
    else await fails(client.status({ model: "m" }), tc.want);
  });
}

test("grpc: a plaintext client of a TLS port, and the other way round, are UNAVAILABLE and name the address", async () => {
  await using plain = await startBackend(answering);
  await using tls = await startBackend(answering, { server: secure() });
  for (const target of [tls.address, `https://${plain.address}`]) {
    await using client = newClient({ target });
    const address = target.replace("https://", "");
    await fails(client.status({ model: "m" }), { codeName: "UNAVAILABLE", message: new RegExp(`^cannot connect to ${address}: `), hint: new RegExp(address) });
  }
});

test("grpc: a unix socket", async () => {
  const dir = mkdtempSync(join(tmpdir(), "tfs-sdk-"));
  try {
    const path = join(dir, "s.sock");
    await using _ = await startBackend(answering, { path });
    await using client = newClient({ target: `unix:${path}` });
    assert.deepEqual(await client.status({ model: "m" }), available);
    await using nobody = newClient({ target: `unix:${path}.not` });
    await fails(nobody.status({ model: "m" }), { codeName: "UNAVAILABLE", message: `cannot connect to unix:${path}.not: no such socket`, hint: /unix:/ });
  } finally {
    rmSync(dir, { recursive: true });
  }
});

const malformed: readonly { readonly name: string; readonly options: ClientOptions; readonly message: RegExp }[] = [
  { name: "no port", options: { target: "localhost" }, message: /"localhost" is not HOST:PORT/ },
  { name: "a scheme of something else", options: { target: "ftp://localhost:1" }, message: /has the scheme ftp/ },
  { name: "a path", options: { target: "https://localhost:1/v1" }, message: /has a path/ },
  { name: "plaintext with tls options", options: { target: "http://localhost:1", tls: {} }, message: /says plaintext/ },
  { name: "plaintext with tls options, over Connect", options: { target: "http://localhost:1", tls: {}, transport: "connect" }, message: /says plaintext/ },
  { name: "a unix socket over gRPC-Web", options: { target: "unix:/s", transport: "grpc-web" }, message: /only transport "grpc"/ },
  { name: "tls options over REST", options: { target: "localhost:1", tls: {}, transport: "rest" }, message: /NODE_EXTRA_CA_CERTS/ },
];
for (const tc of malformed) {
  test(`a target is refused when the client is made: ${tc.name}`, () => {
    assert.throws(() => newClient(tc.options), { code: 3, message: tc.message });
  });
}

/** Use has the server's side of a call that waits, and may choose how the next ones are served. */
type Use = (stream: ServerHttp2Stream, client: Client, serve: (next: Serve) => void, headers: IncomingHttpHeaders) => Promise<void>;

/** withCall starts a call that the server does not answer. */
async function withCall(use: Use, call: (client: Client) => Promise<void>): Promise<void> {
  let onCall = (..._: Parameters<Serve>): void => {};
  const arrived = new Promise<Parameters<Serve>>((resolve) => (onCall = (...args) => resolve(args)));
  let serve: Serve = onCall;
  await using backend = await startBackend((...args) => serve(...args));
  await using client = newClient({ target: backend.address });
  const done = call(client);
  const [stream, headers] = await arrived;
  await use(stream, client, (next) => (serve = next), headers);
  await done;
}

test("grpc: an aborted signal is CANCELLED, and the server hears of it", async () => {
  const controller = new AbortController();
  await withCall(
    async (stream) => {
      controller.abort();
      await once(stream, "close");
      assert.equal(stream.rstCode, 8);
    },
    (client) => fails(client.status({ model: "m" }, { signal: controller.signal }), { codeName: "CANCELLED", message: "canceled", hint: /^$/ }),
  );
});

test("grpc: a deadline is told to the server, which hears when it has passed", async () => {
  await withCall(
    async (stream, _client, _serve, headers) => {
      assert.match(String(headers["grpc-timeout"]), /^\d{1,6}u$/);
      await once(stream, "close");
      assert.equal(stream.rstCode, 8);
    },
    (client) => fails(client.status({ model: "m" }, { timeoutMs: 999 }), { codeName: "DEADLINE_EXCEEDED", message: "deadline exceeded", hint: /timeoutMs/ }),
  );
});

test("grpc: a connection lost in the middle of a call is UNAVAILABLE, and the next call makes a new one", async () => {
  await withCall(
    async (stream, client, serve) => {
      serve(answering);
      stream.session!.destroy();
      // The next connection is due after a wait, and calls fail meanwhile.
      for (;;) {
        try {
          assert.deepEqual(await client.status({ model: "m" }), available);
          return;
        } catch (err) {
          assert.ok(isTfsError(err) && err.codeName === "UNAVAILABLE", String(err));
          await new Promise((resolve) => setImmediate(resolve));
        }
      }
    },
    (client) =>
      fails(client.status({ model: "m" }), {
        codeName: "UNAVAILABLE",
        message: /^lost connection to 127\.0\.0\.1:\d+: connection (closed|reset)$/,
        hint: /8500/,
      }),
  );
});

test("grpc: a server that comes back on its port is found again", async () => {
  const port = await freePort();
  await using client = newClient({ target: `127.0.0.1:${port}` });
  await fails(client.status({ model: "m" }), { codeName: "UNAVAILABLE", message: `cannot connect to 127.0.0.1:${port}: connection refused`, hint: /8500/ });
  await using _ = await startBackend(answering, { port });
  for (;;) {
    const found = await client.status({ model: "m" }).catch(() => undefined);
    if (found !== undefined) return assert.deepEqual(found, available);
    await new Promise((resolve) => setImmediate(resolve));
  }
});

test("grpc: after GOAWAY the call in flight is answered on its connection", async () => {
  await withCall(
    async (stream, _client, serve) => {
      serve(answering);
      stream.session!.goaway(0, stream.id!);
      stream.resume();
      reply(stream, statusMessage);
    },
    async (client) => assert.deepEqual(await client.status({ model: "m" }), available),
  );
});

test("grpc: a call that the server refused unseen is sent once more", async () => {
  const head = encodeHeaders({ ":status": "200", "content-type": "application/grpc" });
  using raw = await rawServer((peer) => {
    for (const id of [1, 3]) {
      void peer
        .until((f) => f.stream === id && f.flags % 2 === frameFlag.endStream)
        .then(
          () =>
            id === 1
              ? peer.send(encodeFrame(frameType.rstStream, 0, id, uint32(7)))
              : peer.send(
                  encodeFrame(frameType.headers, frameFlag.endHeaders, id, head),
                  encodeFrame(frameType.data, 0, id, statusMessage),
                  encodeFrame(frameType.headers, frameFlag.endHeaders | frameFlag.endStream, id, encodeHeaders({ "grpc-status": "0" })),
                ),
          () => {},
        );
    }
  });
  await using client = newClient({ target: `127.0.0.1:${raw.port}` });
  assert.deepEqual(await client.status({ model: "m" }), available);
});

test("grpc: any other call, with messages as bytes", async () => {
  await using backend = await startBackend((stream, headers) => {
    assert.equal(headers[":path"], "/s/M");
    answering(stream, headers, []);
  });
  const transport = newGrpcTransport({ target: backend.address });
  const { message } = await transport.calls.unary(background(), "/s/M", new Uint8Array());
  assert.deepEqual(frameMessage(message), new Uint8Array(statusMessage));
  const got: Uint8Array[] = [];
  for await (const one of transport.calls.stream(background(), "/s/M", [message, message]).messages) got.push(frameMessage(one));
  assert.deepEqual(got, [new Uint8Array(statusMessage)]);
  await transport.close();
});

test("grpc stands on rpc alone: nothing of Connect's packages is in it", async () => {
  const entry = fileURLToPath(new URL("grpc.js", import.meta.url));
  const { metafile } = await build({ entryPoints: [entry], bundle: true, platform: "node", format: "esm", write: false, metafile: true });
  const inputs = Object.keys(metafile.inputs);
  assert.ok(inputs.some((name) => name.includes("packages/rpc/")));
  assert.deepEqual(
    inputs.filter((name) => name.includes("@connectrpc")),
    [],
  );
});
