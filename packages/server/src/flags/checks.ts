import { Code, type Flags, type Logger, newError } from "@tfs/std";
import { channelSettings } from "./channel.ts";
import { sessionFlags } from "./engine.ts";
import type { ServerFlag } from "./fate.ts";
import { table } from "./table.ts";

/** checkFlags holds flags to TensorFlow Serving's rules for which no file has to be read, in its order and words, and to a few of our own. Throws InvalidArgument. */
export function checkFlags(flags: Flags): void {
  if (flags.int("port") === 0 && flags.string("grpc_socket_path") === "")
    throw newError(Code.InvalidArgument, "At least one of server_options.grpc_port or server_options.grpc_socket_path must be set.");
  if (flags.bool("use_alts_credentials") && flags.string("ssl_config_file") !== "")
    throw newError(Code.InvalidArgument, "Either use_alts_credentials must be false or ssl_config_file must be empty.");
  if (flags.given("model_base_path") && flags.string("model_base_path") === "" && flags.string("model_config_file") === "")
    throw newError(Code.InvalidArgument, "Both server_options.model_base_path and server_options.model_config_file are empty!");
  for (const name of ["port", "rest_api_port"]) {
    const port = flags.int(name);
    if (port < 0 || port > 65_535) throw newError(Code.InvalidArgument, `--${name}=${port}: a port is between 0 and 65535`);
  }
  const metrics = flags.string("metrics_path");
  if (metrics !== "" && !metrics.startsWith("/")) throw newError(Code.InvalidArgument, `--metrics_path=${metrics}: a path begins with /`);
  if (/^\/(?:v1(?:\/.*)?|healthz|readyz|openapi\.json)$/i.test(metrics)) throw newError(Code.InvalidArgument, `--metrics_path=${metrics}: the API is there`);
  channelSettings(flags);
}

/** checkConflicts is for flags that do not go together but whose files are looked at first. Throws InvalidArgument in TensorFlow Serving's words. */
export function checkConflicts(flags: Flags): void {
  if (flags.string("batching_parameters_file") !== "" && !flags.bool("enable_batching"))
    throw newError(Code.InvalidArgument, "server_options.batching_parameters_file is set without setting server_options.enable_batching to true.");
  if (flags.string("batching_low_priority_parameters_file") !== "" && !flags.bool("enable_batching"))
    throw newError(Code.InvalidArgument, "--batching_low_priority_parameters_file is given without --enable_batching");
  if (["session", "intra_op", "inter_op"].every((part) => flags.int(`tensorflow_${part}_parallelism`) > 0))
    throw newError(
      Code.InvalidArgument,
      "Either configure server_options.tensorflow_session_parallelism or (server_options.tensorflow_intra_op_parallelism, server_options.tensorflow_inter_op_parallelism) separately. You cannot configure all.",
    );
}

/** refuse throws Unimplemented for the first flag that asks for what must not silently be missing. */
export function refuse(flags: Flags): void {
  for (const flag of table)
    if (flag.fate === "refused" && asks(flags, flag)) throw newError(Code.Unimplemented, `--${flag.name} is not supported: ${flag.why}`);
}

/** threadFlags are those of TensorFlow's that the embedded engine keeps to as well. */
const threadFlags: ReadonlySet<string> = new Set(["tensorflow_session_parallelism", "tensorflow_inter_op_parallelism"]);

/** remark logs, once each, the flags that were given and do nothing. */
export function remark(flags: Flags, logger: Logger): void {
  const { moot } = channelSettings(flags);
  if (moot.length > 0) logger.warn("gRPC channel arguments are accepted and mean nothing here", { flag: "grpc_channel_arguments", names: moot.join(",") });
  for (const flag of table) {
    if (!asks(flags, flag)) continue;
    if (sessionFlags.includes(flag) && !["auto", "tensorflow", ...(threadFlags.has(flag.name) ? ["embedded"] : [])].includes(flags.string("engine")))
      logger.warn("a flag is about models that TensorFlow runs", { flag: flag.name, engine: flags.string("engine") });
    if (flag.fate === "not yet") logger.warn("a flag is accepted but not in force yet", { flag: flag.name, why: flag.why });
    if (flag.fate === "moot") logger.warn("a flag is accepted and means nothing here", { flag: flag.name, why: flag.why });
  }
}

/** asks tells whether a flag was given a value that asks for something: not false, not empty, not the number that is in force anyway. */
function asks(flags: Flags, flag: ServerFlag): boolean {
  if (!flags.given(flag.name)) return false;
  if (flag.kind === "bool") return flags.bool(flag.name);
  return flag.kind === "string" ? flags.string(flag.name) !== "" : flags.int(flag.name) !== flag.fallback;
}
