/**
 * Package tls reads TensorFlow Serving's SSLConfig, with PEM in it or in files of its own, and takes it again when it has changed.
 *
 *     const credentials = await openCredentials("/etc/tfs/ssl.config", { flag: "ssl_config_file", clock, logger });
 *     newListener({ tls: credentials.tls, … });
 *     credentials.watch();
 *
 * @module
 */
export type { Credentials, CredentialsOptions } from "./credentials.ts";
export { openCredentials } from "./credentials.ts";
