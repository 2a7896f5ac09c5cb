/**
 * Package config turns flags and an optional file into one immutable value: what the gateway is to be.
 *
 * @module
 */
export type { Config } from "./config.ts";
export { configOf, defaults, parseConfigFile } from "./config.ts";
export { flags, headline } from "./flags.ts";
