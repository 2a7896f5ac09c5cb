// The thread's own file: it is started, never imported. Requests come one after the other, and so do their answers.
import { parentPort, workerData } from "node:worker_threads";
import { codeOf, messageOf } from "@tfs/std";
import { type Addon, openAddon } from "./addon.ts";
import type { Answer, Asked, Request, Started } from "./messages.ts";
import { buffersOf, packOwned, unpack } from "./packing.ts";

const port = parentPort!; // this is a worker

function answer(addon: Addon, id: number, request: Request): Answer {
  switch (request.kind) {
    case "load":
      return { kind: "answer", id, model: addon.load(request.dir, request.tags) };
    case "unload":
      addon.unload(request.model);
      return { kind: "answer", id };
    case "run": {
      const feeds = request.feeds.map((name, i) => [name, unpack(request.tensors[i]!)] as const);
      const begun = performance.now();
      const tensors = addon.run(request.model, feeds, request.fetches);
      return { kind: "answer", id, ms: performance.now() - begun, tensors: tensors.map(packOwned) };
    }
  }
}

function serve(addon: Addon): void {
  port.on("message", ({ id, request }: Asked) => {
    let said: Answer;
    try {
      said = answer(addon, id, request);
    } catch (err) {
      said = { kind: "error", id, code: codeOf(err), message: messageOf(err) };
    }
    port.postMessage(said, said.kind === "answer" ? buffersOf(said.tensors ?? []) : []);
  });
}

let first: Started;
try {
  const addon = await openAddon((workerData as { readonly url: string }).url);
  serve(addon);
  first = { kind: "ready", tensorflow: addon.tensorflow, gpu: addon.gpu };
} catch (err) {
  first = { kind: "failed", message: messageOf(err) };
}
port.postMessage(first);
