// h2spec, case by case, against the gateway's port. What is known to fail is listed with its reason; a case that leaves or joins that list fails here.
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { echo, startBackend } from "@tfs/rpc/testing";
import { type Case, missing, parseReport, start, startFront, tool } from "../testing/index.ts";

const h2spec = tool("h2spec", "h2spec");
const known = JSON.parse(readFileSync(new URL("../../testdata/conformance/h2spec.json", import.meta.url), "utf8")) as Readonly<Record<string, string>>;
/** All cases of h2spec 2.2.1 without --strict. */
const total = 145;
/** Time that the gateway has for one answer. Where nothing is the right answer to wait for, h2spec waits so long too. */
const answerSeconds = 4;

/** measure runs all cases. h2spec's own exit code says only whether all pass. */
async function measure(port: number): Promise<readonly Case[]> {
  const dir = mkdtempSync(join(tmpdir(), "tfs-h2spec-"));
  try {
    const report = join(dir, "report.xml");
    await using program = start(h2spec, ["-h", "127.0.0.1", "-p", String(port), "-o", String(answerSeconds), "-j", report]);
    await program.exited;
    return parseReport(readFileSync(report, "utf8"));
  } finally {
    rmSync(dir, { recursive: true });
  }
}

test("h2spec", { skip: missing(h2spec) }, async (t) => {
  await using backend = await startBackend(echo);
  await using front = await startFront(backend.address);
  const cases = await measure(front.port);
  assert.equal(cases.length, total);
  assert.deepEqual(
    Object.keys(known).filter((id) => !cases.some((c) => c.id === id)),
    [],
    "known failures that are no cases",
  );
  const passed = cases.filter((c) => c.failure === undefined).length;
  t.diagnostic(`measured: h2spec ${passed} of ${total} cases pass, ${Object.keys(known).length} are known to fail`);
  for (const { id, says, failure } of cases) {
    await t.test(`${id}: ${says}`, () => {
      if (known[id] === undefined) assert.equal(failure, undefined, failure);
      else assert.notEqual(failure, undefined, `${id} passes now: take it off the list of known failures`);
    });
  }
  assert.equal(front.program.process.exitCode, null, "the gateway ended");
});
