/**
 * Package thread is a worker thread that is asked for things and answers: there while somebody uses it, started anew when it has died, and tensors on their way
 * to it and back. What it is asked for is its user's.
 *
 *     const thread = newThread<Request, Done, Info>({ file, data: { url }, name: "tfjs", clock });
 *     thread.join();
 *     const life = await thread.life();
 *     const done = await life.call({ kind: "run", tensors }, buffersOf(tensors));
 *
 * @module
 */
export type { Deaths } from "./deaths.ts";
export { newDeaths } from "./deaths.ts";
export type { Done, RunRequest } from "./messages.ts";
export type { Packed } from "./packing.ts";
export { buffersOf, copyInto, pack, packOwned, unpack } from "./packing.ts";
export type { Handled } from "./serve.ts";
export { serveThread } from "./serve.ts";
export type { Stay, There } from "./stay.ts";
export { newStay } from "./stay.ts";
export type { Life, Thread, ThreadOptions } from "./thread.ts";
export { compiledFile, newThread } from "./thread.ts";
