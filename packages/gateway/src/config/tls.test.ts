import assert from "node:assert/strict";
import { test } from "node:test";
import { Code, isFailure, parseFlags } from "@tfs/std";
import { type Config, configOf, defaults, flags, parseConfigFile } from "./index.ts";

/** read gives the parts of a config that are about sockets and TLS. */
function read(argv: readonly string[], file = "{}"): Partial<Config> {
  const { tls, backendTls, socket, socketMode, socketOnly } = configOf(parseFlags(flags, ["--backends=a:1", ...argv]), parseConfigFile(file, "gateway.yaml"));
  return { tls, backendTls, socket, socketMode, socketOnly };
}

const none = { tls: undefined, backendTls: undefined, socket: "", socketMode: 0o600, socketOnly: false };
const port = { certFile: "c.pem", keyFile: "k.pem", clientCaFile: "", clientCerts: "none", minVersion: "TLSv1.2" } as const;
const trusting = { caFile: "", certFile: "", keyFile: "", serverName: "" };

const good: readonly { readonly name: string; readonly argv: readonly string[]; readonly file?: string; readonly want: Partial<Config> }[] = [
  { name: "nothing is plaintext, and no socket", argv: [], want: none },
  { name: "a certificate and its key", argv: ["--tls_cert=c.pem", "--tls_key=k.pem"], want: { ...none, tls: port } },
  {
    name: "authorities make certificates of clients a must",
    argv: ["--tls_cert=c.pem", "--tls_key=k.pem", "--tls_client_ca=ca.pem"],
    want: { ...none, tls: { ...port, clientCaFile: "ca.pem", clientCerts: "require" } },
  },
  {
    name: "unless they are but asked for",
    argv: ["--tls_cert=c.pem", "--tls_key=k.pem", "--tls_client_ca=ca.pem", "--tls_client_certs=request", "--tls_min_version=1.3"],
    want: { ...none, tls: { ...port, clientCaFile: "ca.pem", clientCerts: "request", minVersion: "TLSv1.3" } },
  },
  {
    name: "a file says it all",
    argv: [],
    file: `
listen:
  socket: /run/tfs.sock
  socketMode: "660"
  socketOnly: true
  tls: { certFile: c.pem, keyFile: k.pem, clientCaFile: ca.pem, clientCerts: request, minVersion: "1.3" }
backendTls: { caFile: bca.pem, certFile: bc.pem, keyFile: bk.pem, serverName: models }
`,
    want: {
      tls: { ...port, clientCaFile: "ca.pem", clientCerts: "request", minVersion: "TLSv1.3" },
      backendTls: { caFile: "bca.pem", certFile: "bc.pem", keyFile: "bk.pem", serverName: "models" },
      socket: "/run/tfs.sock",
      socketMode: 0o660,
      socketOnly: true,
    },
  },
  {
    name: "flags override the file, one by one",
    argv: ["--tls_key=other.pem", "--backend_server_name=n", "--socket=s", "--socket_mode=0666"],
    file: "{listen: {socket: x, tls: {certFile: c.pem, keyFile: k.pem}}, backendTls: {caFile: ca.pem}}",
    want: { ...none, tls: { ...port, keyFile: "other.pem" }, backendTls: { ...trusting, caFile: "ca.pem", serverName: "n" }, socket: "s", socketMode: 0o666 },
  },
  { name: "TLS to backends with nothing more", argv: ["--backend_tls"], want: { ...none, backendTls: trusting } },
  { name: "TLS to backends by a file with nothing more", argv: [], file: "backendTls: {}", want: { ...none, backendTls: trusting } },
  { name: "a flag takes the file's TLS to backends back", argv: ["--backend_tls=false"], file: "backendTls: {caFile: ca.pem}", want: none },
];
for (const tc of good) test(`tls config: ${tc.name}`, () => assert.deepEqual(read(tc.argv, tc.file), tc.want));

const bad: readonly { readonly name: string; readonly argv: readonly string[]; readonly file?: string; readonly want: RegExp }[] = [
  { name: "a certificate without its key", argv: ["--tls_cert=c.pem"], want: /^tls_cert needs tls_key$/ },
  { name: "a key without its certificate", argv: ["--tls_key=k.pem"], want: /^tls_key needs tls_cert$/ },
  { name: "authorities without a certificate", argv: ["--tls_client_ca=ca.pem"], want: /^TLS on the port needs tls_cert and tls_key$/ },
  { name: "TLS in a file that says nothing", argv: [], file: "listen: {tls: {}}", want: /^TLS on the port needs/ },
  {
    name: "certificates of clients without authorities",
    argv: ["--tls_cert=c.pem", "--tls_key=k.pem", "--tls_client_certs=require"],
    want: /^tls_client_certs needs tls_client_ca$/,
  },
  { name: "another word for it", argv: ["--tls_client_certs=maybe"], want: /^tls_client_certs is maybe; it must be request or require$/ },
  { name: "a TLS of old", argv: ["--tls_min_version=1.1"], want: /^tls_min_version is 1\.1; it must be 1\.2 or 1\.3$/ },
  { name: "a property of every object", argv: ["--tls_min_version=constructor"], want: /^tls_min_version is constructor; it must be/ },
  { name: "authorities of backends without TLS", argv: ["--backend_ca=ca.pem"], want: /^backend_ca needs backend_tls$/ },
  { name: "a name of backends without TLS", argv: ["--backend_server_name=n"], want: /^backend_server_name needs backend_tls$/ },
  { name: "our certificate without its key", argv: ["--backend_tls", "--backend_cert=c.pem"], want: /^backend_cert needs backend_key$/ },
  { name: "a socket alone, and none given", argv: ["--socket_only"], want: /^socket_only needs a socket$/ },
  { name: "a mode that is none", argv: ["--socket=s", "--socket_mode=rw"], want: /^socket_mode is rw; it must be three octal digits/ },
  { name: "a mode with a digit too large", argv: ["--socket=s", "--socket_mode=680"], want: /^socket_mode is 680/ },
  { name: "a path that no system takes", argv: [`--socket=/${"s".repeat(103)}`], want: /^socket is longer than 103 bytes: \/s/ },
];
for (const tc of bad) {
  test(`tls config: ${tc.name} is refused`, () =>
    assert.throws(
      () => read(tc.argv, tc.file),
      (err) => isFailure(err) && err.code === Code.InvalidArgument && tc.want.test(err.message),
    ));
}

test("tls config: as long a path as every system takes", () => assert.equal(read([`--socket=/${"s".repeat(102)}`]).socket?.length, 103));
test("tls config: the defaults are what no flag and no file give", () => {
  const { tls, backendTls, socket, socketMode, socketOnly } = defaults;
  assert.deepEqual({ tls, backendTls, socket, socketMode, socketOnly }, none);
});
