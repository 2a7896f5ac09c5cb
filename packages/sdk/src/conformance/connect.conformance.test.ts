// connectconformance: its own servers, called by a client that stands on the SDK's gRPC transport.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { missing, root, start, tool } from "@tfs/rpc/testing";

const suite = tool("connectconformance", "connectconformance");
const client = fileURLToPath(new URL("../testing/conformance/main.js", import.meta.url));
const descriptors = join(root, "packages/gateway/testdata/conformance/connectrpc.binpb");

/** Features of the SDK's gRPC transport, as the suite's configuration names them; every type of stream is in them. */
const features = {
  versions: ["HTTP_VERSION_2"],
  protocols: ["PROTOCOL_GRPC"],
  codecs: ["CODEC_PROTO"],
  compressions: ["COMPRESSION_IDENTITY", "COMPRESSION_GZIP"],
  supports_h2c: true,
  supports_tls: true,
  supports_tls_client_certs: true,
  supports_trailers: true,
  supports_message_receive_limit: true,
};

/** The suite's cases for these features: in plaintext and over TLS, with certificates of the client's and without, against connect-go and grpc-go. */
const cases = 646;

test("connectconformance: the SDK's gRPC client", { skip: missing(suite) }, async (t) => {
  const dir = mkdtempSync(join(tmpdir(), "tfs-connect-"));
  try {
    const config = join(dir, "config.yaml"); // JSON is YAML
    writeFileSync(config, JSON.stringify({ features }));
    // One server at a time: cases have deadlines of some hundred milliseconds.
    await using program = start(suite, ["--mode", "client", "--conf", config, "--max-servers", "1", "--", process.execPath, client, descriptors]);
    await program.exited; // its exit code says only whether all passed
    const said = program.lines.join("\n");
    const [, passed = ""] = /^(\d+) passed, 0 failed$/m.exec(said) ?? [];
    assert.equal(Number(passed), cases, said.slice(-20_000));
    t.diagnostic(`measured: connectconformance SDK gRPC ${passed} of ${cases} cases pass`);
  } finally {
    rmSync(dir, { recursive: true });
  }
});
