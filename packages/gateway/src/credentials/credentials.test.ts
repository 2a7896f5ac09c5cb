import assert from "node:assert/strict";
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { connect } from "node:tls";
import { type CertificateName, certificate, certificateFile } from "@tfs/rpc/testing";
import { background, Code, discard, isFailure, newLogger } from "@tfs/std";
import { fakeClock } from "@tfs/std/testing";
import { newListener } from "@tfs/rpc";
import type { BackendTls, ListenTls } from "../config/index.ts";
import { type Credentials, newCredentials } from "./index.ts";

/** Folder has the files of one gateway. */
interface Folder {
  readonly file: (name: string) => string;
  /** put lays a certificate and its key there, under `as`. */
  readonly put: (as: string, cert: CertificateName, key?: CertificateName) => void;
  readonly tls: ListenTls;
  readonly backendTls: BackendTls;
}

async function inFolder(use: (folder: Folder) => Promise<void>): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), "tfs-credentials-"));
  const file = (name: string): string => join(dir, name);
  const put: Folder["put"] = (as, cert, key = cert) => {
    copyFileSync(certificateFile(cert), file(`${as}.pem`));
    copyFileSync(certificateFile(key, "key"), file(`${as}.key.pem`));
  };
  try {
    put("port", "server");
    put("own", "client");
    copyFileSync(certificateFile("ca"), file("ca.pem"));
    await use({
      file,
      put,
      tls: { certFile: file("port.pem"), keyFile: file("port.key.pem"), clientCaFile: "", clientCerts: "none", minVersion: "TLSv1.2" },
      backendTls: { caFile: file("ca.pem"), certFile: file("own.pem"), keyFile: file("own.key.pem"), serverName: "" },
    });
  } finally {
    rmSync(dir, { recursive: true });
  }
}

/** shown gives the name in the certificate that a new connection gets. */
async function shown(credentials: Credentials): Promise<string> {
  const listener = newListener({ clock: fakeClock(), logger: discard(), tls: credentials.server!, onExchange() {} });
  const address = await listener.listen(background(), { host: "127.0.0.1", port: 0 });
  assert.ok("port" in address);
  const socket = connect({ host: "127.0.0.1", port: address.port, ca: certificate("ca").cert });
  const name = await new Promise<string>((resolve, reject) => {
    socket.on("secureConnect", () => resolve(String(socket.getPeerCertificate().subject.CN)));
    socket.on("error", reject);
  });
  socket.destroy();
  await listener.close();
  return name;
}

test("credentials: without TLS there are none, and nothing is watched", () => {
  const clock = fakeClock();
  const credentials = newCredentials({ tls: undefined, backendTls: undefined }, { clock, logger: discard() });
  credentials.watch();
  assert.deepEqual([credentials.server, credentials.backend, clock.pending], [undefined, undefined, 0]);
});

test("credentials: a pair that changes is taken within ten seconds, a bad one never, which is said once", () =>
  inFolder(async ({ tls, put, file }) => {
    const clock = fakeClock();
    const lines: string[] = [];
    const logger = newLogger({ write: (line) => void lines.push(line), clock, level: "info", format: "text" });
    const credentials = newCredentials({ tls, backendTls: undefined }, { clock, logger });
    credentials.watch();
    assert.equal(await shown(credentials), "server");
    put("port", "renewed");
    await clock.advance(9999);
    assert.equal(await shown(credentials), "server");
    await clock.advance(1);
    assert.equal(await shown(credentials), "renewed");
    assert.equal(lines.length, 1);
    assert.match(lines[0]!, /certificates read again.*the port/);

    put("port", "server", "client"); // half of it is there: the key comes a moment later
    await clock.advance(30_000);
    assert.equal(await shown(credentials), "renewed");
    assert.equal(lines.length, 2);
    assert.match(lines[1]!, /certificates not taken.*do not belong together/);

    rmSync(file("port.key.pem"));
    await clock.advance(30_000);
    assert.equal(await shown(credentials), "renewed");
    assert.equal(lines.length, 3);
    assert.match(lines[2]!, /certificates not taken.*tls_key: .*ENOENT/);

    put("port", "server");
    credentials.look();
    assert.equal(await shown(credentials), "server");
    credentials.close();
    assert.equal(clock.pending, 0);
  }));

test("credentials: what is shown to backends changes for new connections", () =>
  inFolder(async ({ backendTls, put, file }) => {
    const credentials = newCredentials({ tls: undefined, backendTls }, { clock: fakeClock(), logger: discard() });
    const before = credentials.backend!().secureContext;
    credentials.look();
    assert.equal(credentials.backend!().secureContext, before);
    put("own", "stranger");
    credentials.look();
    const after = credentials.backend!().secureContext;
    assert.notEqual(after, before);
    writeFileSync(file("ca.pem"), "garbage");
    credentials.look();
    assert.equal(credentials.backend!().secureContext, after);
  }));

test("credentials: the name of backends goes with each connection", () =>
  inFolder(async ({ backendTls }) => {
    const named = newCredentials({ tls: undefined, backendTls: { ...backendTls, serverName: "models" } }, { clock: fakeClock(), logger: discard() });
    assert.equal(named.backend!().servername, "models");
    const plain = newCredentials({ tls: undefined, backendTls }, { clock: fakeClock(), logger: discard() });
    assert.equal("servername" in plain.backend!(), false);
  }));

const bad: readonly { readonly name: string; readonly spoil: (folder: Folder) => void; readonly want: RegExp }[] = [
  { name: "a certificate that is not there", spoil: ({ file }) => rmSync(file("port.pem")), want: /^tls_cert: .*ENOENT/ },
  { name: "a certificate that is none", spoil: ({ file }) => writeFileSync(file("port.pem"), "x"), want: /^certificate: not a PEM certificate$/ },
  { name: "a key of another's", spoil: ({ put }) => put("port", "server", "renewed"), want: /^certificate and key do not belong together$/ },
  {
    name: "a file of a gigabyte, or nearly",
    spoil: ({ file }) => writeFileSync(file("port.key.pem"), Buffer.alloc((1 << 20) + 1)),
    want: /^tls_key: .* is larger than 1048576 bytes$/,
  },
  { name: "authorities of backends that are not there", spoil: ({ file }) => rmSync(file("ca.pem")), want: /^backend_ca: .*ENOENT/ },
  {
    name: "authorities of backends that are none",
    spoil: ({ file }) => writeFileSync(file("ca.pem"), ""),
    want: /^backend_ca, backend_cert and backend_key: /,
  },
  { name: "our key of another's", spoil: ({ put }) => put("own", "client", "server"), want: /^backend_ca, backend_cert and backend_key: .*mismatch/ },
];
for (const tc of bad) {
  test(`credentials: ${tc.name} is refused at the start`, () =>
    inFolder(async (folder) => {
      tc.spoil(folder);
      assert.throws(
        () => newCredentials(folder, { clock: fakeClock(), logger: discard() }),
        (err) => isFailure(err) && err.code === Code.InvalidArgument && tc.want.test(err.message),
      );
    }));
}
