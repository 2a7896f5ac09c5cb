/**
 * Package embedded is the engine without native code. At load the graph is flattened (functions inlined, lazily from what is asked for), variables
 * are restored by running the graph's own restore op, and unsupported ops are refused by name. Each set of fetches becomes a slot program
 * that runs synchronously; heavy float32 kernels go to WebAssembly, everything else runs on the host, exact for every dtype.
 *
 * @module
 */
export { newEmbeddedEngine } from "./embedded.ts";
export { functionsOf, opsReached } from "./reach.ts";
