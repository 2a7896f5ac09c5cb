import { numberForms } from "@tfs/rest";
import { type Flag, type Flags, parseFlags } from "@tfs/std";
import { transitions } from "../manager/index.ts";

/** headline is the first line of --help. */
export const headline = "tfs-server: serves SavedModels as TensorFlow Serving does";

const string = (group: string, name: string, fallback: string, help: string): Flag => ({ name, kind: "string", fallback, group, help });
const int = (group: string, name: string, fallback: number, help: string): Flag => ({ name, kind: "int", fallback, group, help });
const bool = (group: string, name: string, fallback: boolean, help: string): Flag => ({ name, kind: "bool", fallback, group, help });

export const flags: readonly Flag[] = [
  int("Listening", "port", 8500, "TCP port for gRPC, gRPC-Web and Connect; 0 turns it off"),
  int("Listening", "rest_api_port", 8501, "TCP port for REST; 0 turns it off"),
  string("Listening", "host", "", "address to bind; empty means every address"),
  string("Listening", "grpc_socket_path", "", "unix socket on which gRPC listens as well"),
  bool("Listening", "rest_api_enable_cors_support", false, "send CORS headers with REST answers"),
  int("Listening", "rest_api_timeout_in_ms", 30_000, "time one inference over REST may take; 0 or less means no limit"),
  string("Listening", "rest_api_numbers", "tensorflow", `how REST answers print floats: ${numberForms.join(" or ")} (as few digits as read back the same)`),
  int("Listening", "drain_ms", 10_000, "time requests in flight get to finish after SIGTERM"),
  string("Models", "model_name", "model", "name of the one model, if --model_config_file is not given; MODEL_NAME sets the default"),
  string("Models", "model_base_path", "", "folder with its versions; default ${MODEL_BASE_PATH:-/models}/${MODEL_NAME:-model}"),
  string(
    "Models",
    "model_config_file",
    "",
    "text-format ModelServerConfig: several models, with version policies and labels; --model_name and --model_base_path are ignored",
  ),
  int("Models", "model_config_file_poll_wait_seconds", 0, "time between two reads of that file, whose changes are applied; 0 reads it once"),
  int("Models", "file_system_poll_wait_seconds", 1, "time between two looks for new versions; 0 or less looks once with each configuration"),
  bool("Models", "allow_version_labels_for_unavailable_models", false, "let a new label point to a version that is not available yet"),
  bool("Models", "servable_versions_always_present", false, "keep serving versions whose directories are all gone"),
  string("Models", "saved_model_tags", "serve", "comma-separated tags of the meta-graph to load"),
  bool("Models", "strict_startup", false, "exit if a model does not load, as TensorFlow Serving does, instead of serving the others"),
  string("Loading", "version_transition", "availability", `how versions take over: ${transitions.join(" or ")}, which unloads the old one first`),
  int("Loading", "num_load_threads", 0, "versions loaded at a time once the start is over; 0 is one"),
  int("Loading", "num_unload_threads", 0, "versions unloaded at a time; 0 is no limit"),
  int("Loading", "max_num_load_retries", 5, "tries to load a version after the first that failed"),
  int("Loading", "load_retry_interval_micros", 60_000_000, "time between two tries; negative is none"),
  int("Loading", "total_model_memory_limit_bytes", 0, "what loaded versions may hold, estimated as 1.2 times their size on disk; 0 is no limit"),
  string("Inference", "engine", "embedded", "what runs models: embedded"),
  bool("Inference", "enable_signature_method_name_check", false, "hold calls to the method name that a signature declares"),
  bool("Inference", "enable_serialization_as_tensor_content", false, "answer Predict with tensor_content instead of value fields"),
  string("Logging", "log_level", "info", "least level that is logged: debug, info, warn or error"),
  string("Logging", "log_format", "text", "text, or json for one object a line"),
  bool("Other", "help", false, "print this and exit"),
  bool("Other", "version", false, "print the version and exit"),
];

export function readFlags(argv: readonly string[]): Flags {
  return parseFlags(flags, argv);
}
