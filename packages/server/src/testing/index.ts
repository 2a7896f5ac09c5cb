/**
 * Package testing starts servers on real sockets for the tests of this package, and writes the models that no exporter would write.
 *
 *     await using served = await serve(["half_plus_two"]);
 *     for (const wire of wires(served.grpc)) …
 *
 * @module
 */
export type { Running } from "./process.ts";
export { bin, freePort, launch } from "./process.ts";
export { damage, newRandom } from "./random.ts";
export type { Scratch } from "./scratch.ts";
export { scratch } from "./scratch.ts";
export type { Reply } from "./send.ts";
export { send } from "./send.ts";
export type { Served } from "./serve.ts";
export { models, serve, silent } from "./serve.ts";
export type { Wire } from "./wires.ts";
export { wires } from "./wires.ts";
export type { WrittenSignature } from "./written.ts";
export { writeModel } from "./written.ts";
