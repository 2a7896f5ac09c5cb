import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { peers } from "../../bench/gateway/peers/index.ts";
import { fill } from "../../bench/gateway/peers/peer.ts";
import { certificates } from "../../bench/gateway/tools.ts";

test("fill: every name gets its value, as often as it is there", () => assert.equal(fill("a @X@ b @Y@ @X@", { X: 1, Y: "two" }), "a 1 b two 1"));
test("fill: a name without a value is a mistake", () => assert.throws(() => fill("@PORT@", {}), /@PORT@, which has no value/));
test("fill: a value without a name is a mistake", () => assert.throws(() => fill("", { PORT: 1 }), /lacks PORT/));

const linux = process.platform === "linux" ? {} : { skip: "the benchmark runs on Linux only" };
// The floor has one backend and one thread.
for (const peer of peers.filter(({ name }) => name !== "relay"))
  test(`${peer.name}: its command or configuration names the port, every backend and the number of workers`, linux, () => {
    const dir = mkdtempSync(join(tmpdir(), "tfs-bench-test-"));
    try {
      const { command } = peer.command({ port: 12345, backends: ["127.0.0.1:23451", "127.0.0.1:23452"], workers: 77, protocol: "grpc", tls: undefined, dir });
      const said = [...command, ...readdirSync(dir).map((file) => readFileSync(join(dir, file), "utf8"))].join("\n");
      for (const text of ["12345", "23451", "23452", "77"]) assert.match(said, new RegExp(`\\b${text}\\b`));
    } finally {
      rmSync(dir, { recursive: true });
    }
  });

for (const name of ["tfs", "envoy", "nginx", "haproxy"])
  test(`${name}: TLS shows the certificate, believes the authority on the other side, and is nowhere unless asked for`, linux, () => {
    const peer = peers.find((one) => one.name === name)!;
    const dir = mkdtempSync(join(tmpdir(), "tfs-bench-test-"));
    try {
      const said = (tls: "in" | "both" | undefined): string => {
        const { command } = peer.command({ port: 12345, backends: ["127.0.0.1:23451"], workers: 1, protocol: "grpc", tls, dir });
        return [...command, ...readdirSync(dir).map((file) => readFileSync(join(dir, file), "utf8"))].join("\n");
      };
      const shows = /server\.pem|BEGIN CERTIFICATE/;
      assert.deepEqual(
        ([undefined, "in", "both"] as const).map((tls) => [shows.test(said(tls)), said(tls).includes(certificates.ca)]),
        [
          [false, false],
          [true, false],
          [true, true],
        ],
      );
    } finally {
      rmSync(dir, { recursive: true });
    }
  });
