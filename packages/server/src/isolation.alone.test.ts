// --engine_isolation=process, with the real process: one model's engine crashes under calls, and the other model's callers see nothing of it.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { PredictionService } from "@tfs/proto";
import { DType, fromMessage, newTensor, toMessage } from "@tfs/tensor";
import { launch, models, type Running, wires } from "./testing/index.ts";

const scratch = mkdtempSync(join(tmpdir(), "tfs-isolation-"));
after(() => rmSync(scratch, { recursive: true, force: true }));

const config = join(scratch, "models.pbtxt");
const entry = (name: string, folder: string): string => `config { name: "${name}" base_path: "${join(models, folder)}" model_platform: "tensorflow" }`;
writeFileSync(config, `model_config_list { ${entry("broken", "half_plus_two")} ${entry("other", "half_plus_two_tf2")} }`);

/** pids are the engines' processes of a model's folder, in the order in which they were ready. */
function pids(server: Running, folder: string): number[] {
  const ready = server.lines.filter((line) => line.includes('"event":"engine process ready"') && line.includes(`/${folder}/`));
  return ready.map((line) => (JSON.parse(line) as { readonly pid: number }).pid);
}

/** isGone tells whether there is no such process, not even one that has ended and whom nobody has asked after. */
function isGone(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return false;
  } catch {
    return true;
  }
}

test("a model's engine crashes twice under calls over gRPC: its callers hear UNAVAILABLE, the other model's hear nothing, and it is back", async (t) => {
  await using server = await launch([`--model_config_file=${config}`, "--engine_isolation=process"]);
  using wire = wires(server.grpc)[0]!;
  const client = createClient(PredictionService, wire.transport);
  const want = { broken: [3.5, 7], other: [2.5, 6] }; // half_plus_two/2 adds 3
  const predict = async (name: "broken" | "other"): Promise<void> => {
    const x = newTensor(DType.Float, [2, 1], Float32Array.of(1, 8));
    const { outputs } = await client.predict({ modelSpec: { name }, inputs: { x: toMessage(x) } });
    assert.deepEqual([...(fromMessage(outputs["y"]!).data as Float32Array)], want[name]);
  };
  let over = false;
  let answered = 0;
  const failures: { readonly name: string; readonly err: unknown }[] = [];
  const asking = (["broken", "other"] as const).flatMap((name) =>
    Array.from({ length: 8 }, async () => {
      while (!over) {
        try {
          await predict(name);
          answered++;
        } catch (err) {
          failures.push({ name, err });
        }
      }
    }),
  );
  const [first] = pids(server, "half_plus_two");
  for (const signal of ["SIGSEGV", "SIGKILL"] as const) {
    const pid = pids(server, "half_plus_two").at(-1)!;
    const since = performance.now();
    process.kill(pid, signal);
    await server.logged('"event":"engine process ended"', `"pid":${pid}`);
    while (pids(server, "half_plus_two").at(-1) === pid) await predict("other");
    t.diagnostic(`measured: back ${Math.round(performance.now() - since)} ms after ${signal} of a server's engine under calls`);
    await predict("broken");
  }
  over = true;
  await Promise.all(asking);
  assert.ok(answered > 0 && failures.length > 0);
  for (const { name, err } of failures) {
    const { code, rawMessage } = ConnectError.from(err);
    assert.deepEqual([name, code], ["broken", Code.Unavailable], rawMessage);
    assert.match(rawMessage, /^the process of the embedded engine was ended by SIG(SEGV|KILL)(; another one is being started)?$/);
  }
  assert.ok(first !== undefined && isGone(first));

  const engines = [...pids(server, "half_plus_two"), ...pids(server, "half_plus_two_tf2")];
  assert.equal(engines.length, 4);
  assert.equal(await server.stop(), 0);
  assert.deepEqual(
    engines.filter((pid) => !isGone(pid)),
    [],
  );
});

test("--engine_isolation takes none and process", async () => {
  await assert.rejects(launch([`--model_config_file=${config}`, "--engine_isolation=thread"]), /--engine_isolation=thread: expected one of none, process/);
});
