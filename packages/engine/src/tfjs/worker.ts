// The thread's own file: it is started, never imported. Requests come one after the other, and so do their answers.
import { parentPort, workerData } from "node:worker_threads";
import { buffersOf, type Done, type Handled, packOwned, serveThread, unpack } from "../thread/index.ts";
import { type Addon, openAddon } from "./addon.ts";
import type { Info, Request } from "./messages.ts";

function answer(addon: Addon, request: Request): Handled<Done> {
  switch (request.kind) {
    case "load":
      return { done: { model: addon.load(request.dir, request.tags) } };
    case "unload":
      addon.unload(request.model);
      return { done: {} };
    case "run": {
      const feeds = request.feeds.map((name, i) => [name, unpack(request.tensors[i]!)] as const);
      const begun = performance.now();
      const given = addon.run(request.model, feeds, request.fetches);
      const ms = performance.now() - begun;
      const tensors = given.map(packOwned);
      return { done: { tensors, ms }, transfer: buffersOf(tensors) };
    }
  }
}

await serveThread<Request, Done, Info>(parentPort!, async () => {
  const addon = await openAddon((workerData as { readonly url: string }).url);
  return { info: { tensorflow: addon.tensorflow, gpu: addon.gpu }, handle: (request) => answer(addon, request) };
});
