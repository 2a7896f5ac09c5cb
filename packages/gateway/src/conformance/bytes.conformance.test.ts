// Random calls through the gateway, Python's gRPC client and server at the ends: what arrives is what was sent, byte for byte, with one to four workers.
import assert from "node:assert/strict";
import { randomInt } from "node:crypto";
import { join } from "node:path";
import { test } from "node:test";
import { missing, root, start, startFront, tool } from "../testing/index.ts";

const python = tool("venv/bin", "python");
const program = join(root, "scripts/conformance/bytes.py");
const short = process.env["TFS_SHORT"] === "1";
/** 10,000 calls in all; a short run makes the same few each time. */
const callsEach = short ? 100 : 2_500;
const connectionsPerWorker = 3;

test("random calls come out byte for byte", { skip: missing(python) }, async (t) => {
  await using server = start(python, [program, "server"]);
  const { port } = JSON.parse(await server.until((line) => line.startsWith("{"))) as { readonly port: number };
  for (const workers of [1, 2, 3, 4]) {
    const seed = short ? workers : randomInt(2 ** 32);
    await t.test(`${workers} worker(s), seed ${seed}`, async () => {
      await using front = await startFront(`127.0.0.1:${port}`, `--workers=${workers}`);
      await using client = start(python, [program, "client", front.address, String(callsEach), String(seed), String(workers * connectionsPerWorker)]);
      const code = await client.exited;
      const wrong = client.lines.filter((line) => line.startsWith('{"error"'));
      assert.deepEqual(wrong.slice(0, 5), [], `seed ${seed}: ${wrong.length} of ${callsEach} calls`);
      assert.equal(code, 0, client.lines.slice(-20).join("\n"));
      const { calls, sent, received } = JSON.parse(client.lines.at(-1)!) as { readonly calls: number; readonly sent: number; readonly received: number };
      assert.equal(calls, callsEach);
      t.diagnostic(
        `measured: ${calls} calls with ${workers} worker(s), seed ${seed}: ${megabytes(sent)} MB there, ${megabytes(received)} MB back, none differs`,
      );
    });
  }
});

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(0);
}
