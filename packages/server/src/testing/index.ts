/**
 * Package testing starts servers on real sockets for the tests of this package, those that models come from among them, and writes the models that no exporter
 * would write.
 *
 *     await using served = await serve(["half_plus_two"]);
 *     for (const wire of wires(served.grpc)) …
 *
 * @module
 */
export { admitting } from "./admitting.ts";
export type { Started, Tool } from "./buckets.ts";
export { fakeGcs, moto } from "./buckets.ts";
export type { Crashed } from "./crash.ts";
export { crashed, logConfig } from "./crash.ts";
export type { Asked, Fault, Faulty } from "./faults.ts";
export { startFaulty } from "./faults.ts";
export type { Heard } from "./heard.ts";
export { newHeard } from "./heard.ts";
export type { Listening } from "./listening.ts";
export { listening } from "./listening.ts";
export type { LogFile, LoggingOptions } from "./logs.ts";
export { logFiles, logged, logging } from "./logs.ts";
export type { Entry } from "./packing.ts";
export { entriesOf, tarGzOf, tarOf, zipOf } from "./packing.ts";
export { meter } from "./meter.ts";
export type { Running } from "./process.ts";
export { bin, freePort, launch } from "./process.ts";
export { damage, newRandom } from "./random.ts";
export { downloads, filesOf, modelFiles, remoteStorages } from "./remote.ts";
export type { Scratch } from "./scratch.ts";
export { scratch } from "./scratch.ts";
export type { Reply } from "./send.ts";
export { send } from "./send.ts";
export type { Served } from "./serve.ts";
export { models, serve, silent } from "./serve.ts";
export type { Shelf } from "./shelf.ts";
export { startShelf } from "./shelf.ts";
export type { Site, Visit } from "./site.ts";
export { authority, startSite } from "./site.ts";
export type { IndexOptions, PythonIndex, WheelFile } from "./wheels.ts";
export { libraryParts, openvinoWheel, pipEnv, pipMissing, pipPython, startIndex } from "./wheels.ts";
export type { Wire } from "./wires.ts";
export { wires } from "./wires.ts";
export type { WrittenSignature } from "./written.ts";
export { writeModel } from "./written.ts";
