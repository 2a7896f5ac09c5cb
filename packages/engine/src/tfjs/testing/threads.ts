import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type URL, pathToFileURL } from "node:url";

/**
 * What a thread does that speaks as the real one does and runs nothing. Models are numbered; a run gives each fetch the thread's number in the process, and what its
 * name says: "die:0" ends the thread, "throw:0" fails, "hold:0" answers when "go:0" is asked for.
 */
const script = `
import { parentPort, threadId, workerData } from "node:worker_threads";
if (workerData.url === "file:///lacking") parentPort.postMessage({ kind: "failed", message: "tfjs-node does not load: lacking" });
else if (workerData.url === "file:///dying") process.exit(3);
else {
  let models = 0, held = [];
  const answer = (id, fetches) => parentPort.postMessage({ kind: "answer", id, done: { tensors: fetches.map(() => ({ dtype: 3, shape: [], data: Int32Array.of(threadId) })) } });
  const failed = (id, code, message) => parentPort.postMessage({ kind: "error", id, failure: { code, message, details: [] } });
  parentPort.on("message", ({ id, request: { kind, fetches = [], dir } }) => {
    if (dir === "/bad") failed(id, 9, "bad model");
    else if (kind === "load") parentPort.postMessage({ kind: "answer", id, done: { model: ++models } });
    else if (kind === "unload") parentPort.postMessage({ kind: "answer", id, done: {} });
    else if (fetches.includes("die:0")) throw new Error("run over by a test");
    else if (fetches.includes("throw:0")) failed(id, 3, "thrown");
    else if (fetches.includes("hold:0")) held.push(() => answer(id, fetches));
    else { answer(id, fetches); for (const go of held.splice(0)) go(); }
  });
  parentPort.postMessage({ kind: "ready", info: { tensorflow: "0.0.0", gpu: false } });
}`;

/** threadScript writes a file for a thread to run. */
export function threadScript(): URL {
  const file = join(mkdtempSync(join(tmpdir(), "tfs-thread-")), "thread.mjs");
  writeFileSync(file, script);
  return pathToFileURL(file);
}
