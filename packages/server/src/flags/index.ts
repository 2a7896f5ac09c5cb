/**
 * Package flags names the server's flags, TensorFlow Serving's own names and defaults first, and what becomes of each; and it holds a command line to its rules.
 *
 *     const flags = readFlags(["--model_name=m", "--port", "8500"]);
 *     checkFlags(flags);
 *
 * @module
 */
export type { ChannelSettings } from "./channel.ts";
export { channelSettings } from "./channel.ts";
export { checkConflicts, checkFlags, refuse, remark } from "./checks.ts";
export { namedDir, pythonsOf, runtimeTuning } from "./engine.ts";
export type { Fate, ServerFlag } from "./fate.ts";
export { helpText, readFlags } from "./flags.ts";
export { requestLogTuning } from "./requestlog.ts";
export { remoteTuning } from "./storage.ts";
export { table } from "./table.ts";
export { defaultLevel, runningLines, startFailure, versionText } from "./texts.ts";
