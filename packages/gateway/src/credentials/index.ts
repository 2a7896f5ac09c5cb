/**
 * Package credentials reads the gateway's certificates and keys from their files, once at the start and again when they have changed.
 *
 *     const credentials = newCredentials(config, { clock, logger });
 *     newListener({ tls: credentials.server, … });
 *     credentials.watch();
 *
 * @module
 */
export type { Credentials } from "./credentials.ts";
export { newCredentials } from "./credentials.ts";
