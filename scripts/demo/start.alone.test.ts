// The demo is a test: what `npm start` runs, with every prediction held to TensorFlow's.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { type Member, startOnFree } from "./fleet.ts";
import { shown } from "./showcase.ts";
import { table } from "./table.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const main = fileURLToPath(new URL("./main.ts", import.meta.url));
const { scripts } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as { scripts: { start: string } };

const windows = process.platform === "win32";

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
test("npm start -- --once ends with 1 if one prediction differs from TensorFlow's, and says which", { timeout: 120_000 }, async () => {
  const dir = mkdtempSync(join(tmpdir(), "tfs-demo-test-"));
  try {
    for (const { model } of shown) cpSync(join(root, "testdata/models", model), join(dir, model), { recursive: true });
    const file = join(dir, "half_plus_two/golden.json");
    // 3.5, 4 and 5.5 as TensorFlow computed them; here the last is a 6.
    writeFileSync(file, readFileSync(file, "utf8").replaceAll("AABgQAAAgEAAALBA", "AABgQAAAgEAAAMBA"));
    const args = ["--disable-warning=ExperimentalWarning", main, "--once", "--json", `--models=${dir}`];
    const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"] });
    const [rows, complaints]: [Row[], string[]] = [[], []];
    createInterface({ input: child.stderr }).on("line", (line) => complaints.push(line));
    for await (const line of createInterface({ input: child.stdout })) rows.push(JSON.parse(line) as Row);
    const code = child.exitCode ?? (await once(child, "exit"))[0];
    assert.equal(code, 1);
    assert.deepEqual(
      rows.filter((r) => !r.ok).map((r) => `${r.model} ${r.via}`),
      ["half_plus_two/2 gRPC", "half_plus_two REST"],
    );
    assert.deepEqual(complaints, [`2 of ${rows.length} predictions differ from TensorFlow's`]);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
});
for (const { name, signal, all } of [
  { name: "Ctrl-C, which a terminal sends to the shell and everything below it,", signal: "SIGINT", all: true },
  { name: "SIGTERM to what npm has started", signal: "SIGTERM", all: false },
] as const) {
  test(`npm start stays up, and ${name} stops everything with status 0`, { timeout: 120_000, skip: windows ? "needs process groups" : false }, async () => {
    const child = spawn("sh", ["-c", scripts.start], { cwd: root, stdio: ["ignore", "pipe", "inherit"], detached: true });
    let text = "";
    for await (const line of createInterface({ input: child.stdout })) {
      text += `${line}\n`;
      if (line.startsWith("Ctrl-C stops everything")) process.kill(all ? -child.pid! : child.pid!, signal);
    }
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
    assert.equal(child.exitCode, 0, String(child.signalCode));
    for (const word of ["curl", "grpcurl", "@tfs/sdk", "http://localhost:", "stopping"]) assert.ok(text.includes(word), word);
  });
}
const taken = "server 1 ended (exit 1)\ntfs-server: cannot listen on 127.0.0.1:8500: address already in use";
for (const tc of [
  { name: "takes the ports it prefers", failures: [], calls: 1 },
  { name: "whose port was taken meanwhile starts on another", failures: [taken], calls: 2 },
  { name: "whose ports are taken again and again gives up", failures: [taken, taken, taken], calls: 3, error: taken },
  { name: "that fails otherwise is not started again", failures: ["the model is broken"], calls: 1, error: "the model is broken" },
] as const) {
  test(`a member ${tc.name}`, async () => {
    const given: (readonly number[])[] = [];
    const member = { name: "m" } as unknown as Member; // nothing looks into it here
    const started = startOnFree([0, 0], async (ports) => {
      given.push(ports);
      const failure = tc.failures[given.length - 1];
      if (failure !== undefined) throw new Error(failure);
      return await Promise.resolve(member);
    });
    if ("error" in tc) await assert.rejects(started, { message: tc.error });
    else assert.deepEqual(await started, { member, ports: given.at(-1) });
    assert.equal(given.length, tc.calls);
    assert.equal(new Set(given.flat()).size, 2 * tc.calls);
  });
}
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
