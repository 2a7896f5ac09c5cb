/**
 * Package config turns flags and an optional file into one immutable value: what the gateway is to be.
 *
 *     const config = configOf(parseFlags(flags, argv), parseConfigFile(text, "gateway.yaml"));
 *
 * @module
 */
export type { Config } from "./config.ts";
export type { BackendTls, ListenTls } from "./tls.ts";
export { checkConfig, configOf, defaults, parseConfigFile } from "./config.ts";
export { flags, headline } from "./flags.ts";
