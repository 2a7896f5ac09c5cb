// connectconformance: its own clients, through the gateway, to its own reference server. Whatever comes in, gRPC goes out.
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { missing, run, start, tool } from "../testing/index.ts";

const suite = tool("connectconformance", "connectconformance");
const reference = tool("connectconformance", "referenceserver");
const shim = fileURLToPath(new URL("../testing/shim/main.js", import.meta.url));
const testdata = fileURLToPath(new URL("../../testdata/conformance/", import.meta.url));

interface Expected {
  /** cases is how many the suite has for the profile. */
  readonly cases: number;
  /** known are the failures that are known: a pattern of names, how many of these fail, and why. */
  readonly known: readonly { readonly names: string; readonly fail: number; readonly why: string }[];
}
const expected = JSON.parse(readFileSync(join(testdata, "connect.json"), "utf8")) as Readonly<Record<string, Expected>>;

/** Features of the gateway, as the suite's configuration names them. */
const features = { compressions: ["COMPRESSION_IDENTITY", "COMPRESSION_GZIP"], supports_h2c: true, supports_tls: false, supports_trailers: true };
const both = ["HTTP_VERSION_1", "HTTP_VERSION_2"];

const profiles: readonly {
  readonly name: string;
  readonly mode: "pass" | "bridge";
  readonly versions: readonly string[];
  readonly protocol: string;
  readonly codec: string;
}[] = [
  { name: "gRPC", mode: "pass", versions: ["HTTP_VERSION_2"], protocol: "PROTOCOL_GRPC", codec: "CODEC_PROTO" },
  { name: "gRPC-Web", mode: "bridge", versions: both, protocol: "PROTOCOL_GRPC_WEB", codec: "CODEC_PROTO" },
  { name: "Connect", mode: "bridge", versions: both, protocol: "PROTOCOL_CONNECT", codec: "CODEC_PROTO" },
  { name: "Connect with JSON", mode: "bridge", versions: both, protocol: "PROTOCOL_CONNECT", codec: "CODEC_JSON" },
];

/** descriptors is the flag that makes the suite's messages known to the gateway, once the gateway has it. */
async function descriptors(): Promise<readonly string[]> {
  await using help = run("packages/gateway/bin/tfs-gateway.js", ["--help"]);
  assert.equal(await help.exited, 0);
  return help.lines.some((line) => line.includes("--descriptor_set=")) ? [`--descriptor_set=${join(testdata, "connectrpc.binpb")}`] : [];
}

/** measure runs one profile and gives what the suite says. */
async function measure(profile: (typeof profiles)[number], flags: readonly string[]): Promise<readonly string[]> {
  const dir = mkdtempSync(join(tmpdir(), "tfs-connect-"));
  try {
    const config = join(dir, "config.yaml"); // JSON is YAML
    writeFileSync(config, JSON.stringify({ features: { ...features, versions: profile.versions, protocols: [profile.protocol], codecs: [profile.codec] } }));
    const server = [process.execPath, shim, profile.mode, reference, ...flags];
    // One pair of servers at a time: cases have deadlines of some hundred milliseconds.
    await using program = start(suite, ["--mode", "server", "--conf", config, "--max-servers", "1", "--parallel", "4", "--", ...server]);
    await program.exited; // its exit code says only whether all passed
    return program.lines;
  } finally {
    rmSync(dir, { recursive: true });
  }
}

test("connectconformance", { skip: missing(suite, reference) }, async (t) => {
  const flags = await descriptors();
  for (const profile of profiles) {
    await t.test(`${profile.name} to gRPC`, async () => {
      const { cases, known } = expected[profile.name]!;
      const lines = await measure(profile, flags);
      const said = lines.join("\n");
      assert.match(said, new RegExp(`^Total cases: ${cases}$`, "m"), said.slice(-2000));
      const [, passed = ""] = /^(\d+) passed, \d+ failed$/m.exec(said) ?? [];
      const failed = lines.filter((line) => line.startsWith("FAILED: ")).map((line) => line.slice("FAILED: ".length).replace(/:$/, ""));
      assert.equal(Number(passed) + failed.length, cases);
      t.diagnostic(`measured: connectconformance ${profile.name} ${passed} of ${cases} cases pass`);
      const unknown = failed.filter((name) => !known.some(({ names }) => new RegExp(names).test(name)));
      assert.deepEqual(unknown, [], said);
      for (const { names, fail, why } of known) {
        const count = failed.filter((name) => new RegExp(names).test(name)).length;
        assert.equal(count, fail, `${count} cases fail that match /${names}/, ${fail} are known to (${why}): change testdata/conformance/connect.json`);
      }
    });
  }
});
