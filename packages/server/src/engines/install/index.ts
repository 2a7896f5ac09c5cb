/**
 * Package install brings native libraries into the cache: it asks pip which wheel is meant, tells how large it is, has pip download it, and unpacks what an
 * engine needs of it and the licences.
 *
 *     const installed = await install(ctx, libraries.openvino, { cacheDir, pythons: ["python3"], env, machine, agree, progress, clock });
 *
 * A run that breaks off leaves in the cache only what is whole, in a folder that no search looks into; the next run goes on from it.
 *
 * @module
 */
export type { Installed, InstallOptions, Plan } from "./install.ts";
export { install, versionForm } from "./install.ts";
export type { Machine } from "./machine.ts";
export { thisMachine } from "./machine.ts";
export { bytes, newProgress } from "./progress.ts";
export type { Progress } from "./progress.ts";
