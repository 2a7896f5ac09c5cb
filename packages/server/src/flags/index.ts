/**
 * Package flags names the server's flags, TensorFlow Serving's own names and defaults first, and turns a command line into options.
 *
 *     const flags = readFlags(["--model_name=m", "--port", "8500"]);
 *
 * @module
 */
export { flags, readFlags, headline } from "./flags.ts";
