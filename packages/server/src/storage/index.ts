/**
 * Package storage lists base paths and brings versions to this machine: the local disk, and whatever else a scheme was given a driver for.
 *
 * @module
 */
export { newLocalStorage } from "./local.ts";
export type { RemoteOptions, RemoteStorages, RemoteTuning } from "./remote.ts";
export { defaultLimitBytes, defaultParallel, openRemoteStorages } from "./remote.ts";
export type { Brought, Storage, Storages } from "./storage.ts";
export { storageFor } from "./storage.ts";
