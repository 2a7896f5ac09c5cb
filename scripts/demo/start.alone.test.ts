// The demo is a test: what `npm start` runs, with every prediction held to TensorFlow's.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { table } from "./table.ts";

const main = fileURLToPath(new URL("./main.ts", import.meta.url));

interface Row {
  readonly model: string;
  readonly via: string;
  readonly ok: boolean;
}

test("npm start -- --once: every prediction equals TensorFlow's, by gRPC and by REST", { timeout: 120_000 }, async () => {
  assert.equal(process.versions.node.split(".")[0], "24", "the repository's own Node runs the demo");
  const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", main, "--once", "--json"], { stdio: ["ignore", "pipe", "inherit"] });
  const rows: Row[] = [];
  for await (const line of createInterface({ input: child.stdout })) rows.push(JSON.parse(line) as Row);
  const code = child.exitCode ?? (await once(child, "exit"))[0];
  assert.equal(code, 0);
  assert.deepEqual(
    rows.map((r) => r.ok),
    new Array(rows.length).fill(true),
  );
  assert.deepEqual(new Set(rows.map((r) => r.via)), new Set(["gRPC", "REST"]));
  assert.ok(rows.length >= 8);
});
test("npm start stays up, and Ctrl-C stops everything with status 0", { timeout: 120_000 }, async () => {
  const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", main], { stdio: ["ignore", "pipe", "inherit"] });
  let text = "";
  for await (const line of createInterface({ input: child.stdout })) {
    text += `${line}\n`;
    if (line.startsWith("Ctrl-C stops everything")) child.kill("SIGINT");
  }
  const code = child.exitCode ?? (await once(child, "exit"))[0];
  assert.equal(code, 0);
  for (const word of ["curl", "grpcurl", "@tfs/sdk", "http://localhost:"]) assert.ok(text.includes(word), word);
});
test("a table lines its columns up", () =>
  assert.equal(
    table(
      ["a", "bb"],
      [
        ["ccc", "d"],
        ["", "e"],
      ],
    ),
    "a    bb\n───  ──\nccc  d\n     e",
  ));
