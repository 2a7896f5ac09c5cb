// The one table of flags: TensorFlow Serving's all, then ours, by subject, each with what becomes of it. docs/compatibility.md says the same to readers; a test holds it to this.
import { numberForms } from "@tfs/rest";
import { defaultMaxCalls } from "../admission/index.ts";
import { paddings, policies } from "../batching/index.ts";
import { transitions } from "../manager/index.ts";
import { engineFlags, runtimeFlags, sessionFlags } from "./engine.ts";
import { alsoCalled, atLeast, bool, inForce, int32, int64, moot, own, refused, type ServerFlag, string } from "./fate.ts";
import { requestLogFlags } from "./requestlog.ts";
import { storageFlags } from "./storage.ts";

const oneLoop = "one event loop answers all requests and runs them one after the other";

const listening: readonly ServerFlag[] = [
  inForce(alsoCalled(["grpc_port", "grpc_api_port"], int32("Listening", "port", 8500, "TCP port for gRPC, gRPC-Web and Connect; 0 turns it off"))),
  inForce(string("Listening", "grpc_socket_path", "", "unix socket on which gRPC listens as well")),
  inForce(alsoCalled(["http_port", "http_api_port"], int32("Listening", "rest_api_port", 8501, "TCP port for REST; 0 turns it off"))),
  own(string("Listening", "host", "", "address to bind; empty means every address")),
  inForce(int32("Listening", "rest_api_timeout_in_ms", 30_000, "time one inference over REST may take; 0 or less means no limit")),
  inForce(bool("Listening", "rest_api_enable_cors_support", false, "send CORS headers with REST answers")),
  own(string("Listening", "grpc_cors_origins", "", "comma-separated origins whose pages may call by gRPC-Web and Connect: SCHEME://HOST[:PORT], or * for all")),
  own(
    string("Listening", "rest_api_numbers", "tensorflow", `how REST answers print floats: ${numberForms.join(" or ")} (as few digits as read back the same)`),
  ),
  own(bool("Listening", "rest_api_enable_response_compression", false, "gzip REST answers of 1 KiB and more for clients that accept it")),
  own(bool("Listening", "rest_api_list_models", true, "answer GET /v1/models with the list of models; without it that is an error, as in TensorFlow Serving")),
  own(atLeast(0, int32("Listening", "drain_ms", 10_000, "time requests in flight get to finish after SIGTERM"))),
  moot(atLeast(0, int32("Listening", "rest_api_num_threads", 0, "threads that answer HTTP requests", "4 for each CPU")), oneLoop),
  moot(atLeast(0, int32("Listening", "grpc_max_threads", 0, "threads that answer gRPC calls", "4 for each CPU")), oneLoop),
  inForce(string("Listening", "grpc_channel_arguments", "", "comma-separated key=value list of gRPC's own settings: ages, keepalive and sizes")),
  own(atLeast(0, int32("Listening", "max_concurrent_requests", defaultMaxCalls, "calls that wait for their turn or run; one more is refused; 0 is no limit"))),
];

const services: readonly ServerFlag[] = [
  inForce(bool("Services", "enable_grpc_healthcheck_service", true, "answer grpc.health.v1.Health: for all models, and for each by its name")),
  own(bool("Services", "enable_session_run", false, "serve SessionService.SessionRun, which runs any part of a model's graph")),
];

const security: readonly ServerFlag[] = [
  inForce(string("Security", "ssl_config_file", "", "text-format SSLConfig: TLS for gRPC; each part is PEM, or the path of a file that has it")),
  own(string("Security", "rest_api_ssl_config_file", "", "the same for REST, which is served in plain text without it")),
  moot(bool("Security", "use_alts_credentials", false, "ALTS for gRPC"), "there is no ALTS here, and gRPC is served in plain text"),
];

const models: readonly ServerFlag[] = [
  inForce(
    string(
      "Models",
      "model_name",
      "default",
      "name of the one model, if --model_config_file is not given",
      "$MODEL_NAME, or default, or model without --model_base_path",
    ),
  ),
  inForce(
    alsoCalled(
      ["model_path", "model_dir", "model_directory"],
      string("Models", "model_base_path", "", "folder with its versions", "${MODEL_BASE_PATH:-/models}/${MODEL_NAME:-the model's name}"),
    ),
  ),
  inForce(
    alsoCalled(
      ["config", "config_file", "models_config"],
      string(
        "Models",
        "model_config_file",
        "",
        "text-format ModelServerConfig: several models, with version policies and labels; --model_name and --model_base_path are ignored",
      ),
    ),
  ),
  inForce(int32("Models", "model_config_file_poll_wait_seconds", 0, "time between two reads of that file, whose changes are applied; 0 reads it once")),
  inForce(int32("Models", "file_system_poll_wait_seconds", 1, "time between two looks for new versions; 0 or less looks once with each configuration")),
  inForce(bool("Models", "allow_version_labels_for_unavailable_models", false, "let a new label point to a version that is not available yet")),
  own(bool("Models", "servable_versions_always_present", false, "keep serving versions whose directories are all gone")),
  inForce(string("Models", "saved_model_tags", "serve", "comma-separated tags of the meta-graph to load")),
  own(bool("Models", "strict_startup", false, "exit if a model does not load, as TensorFlow Serving does, instead of serving the others")),
  refused(
    string("Models", "platform_config_file", "", "text-format PlatformConfigMap: how models of each platform are loaded"),
    "it replaces every flag that says how models are run, and none of it would be obeyed",
  ),
  inForce(bool("Models", "prefer_tflite_model", false, "load model.tflite where a version has one")),
  inForce(atLeast(0, int32("Models", "num_tflite_pools", 0, "runs of one model.tflite at a time", "1 for each CPU"))),
  inForce(
    atLeast(
      0,
      int32("Models", "num_tflite_interpreters_per_pool", 1, "with more than 1, calls of a model.tflite are joined: into batches of 500 rows divided by it"),
    ),
  ),
];

const loading: readonly ServerFlag[] = [
  own(string("Loading", "version_transition", "availability", `how versions take over: ${transitions.join(" or ")}, which unloads the old one first`)),
  inForce(atLeast(0, int32("Loading", "num_load_threads", 0, "versions loaded at a time once the start is over; 0 is one"))),
  inForce(atLeast(0, int32("Loading", "num_unload_threads", 0, "versions unloaded at a time; 0 is no limit"))),
  inForce(atLeast(0, int32("Loading", "max_num_load_retries", 5, "tries to load a version after the first that failed"))),
  inForce(int64("Loading", "load_retry_interval_micros", 60_000_000, "time between two tries; negative is none")),
  own(
    atLeast(
      0,
      int64("Loading", "total_model_memory_limit_bytes", 0, "what loaded versions may hold, estimated as 1.2 times their size on disk; 0 is no limit"),
    ),
  ),
  inForce(bool("Loading", "enable_model_warmup", true, "run a version's assets.extra/tf_serving_warmup_requests before it is available")),
  inForce(int32("Loading", "num_request_iterations_for_warmup", 0, "runs of each such request; 0 is one")),
  moot(bool("Loading", "flush_filesystem_caches", true, "drop file-system caches once models are loaded"), "files are read through and not kept"),
  moot(
    bool("Loading", "remove_unused_fields_from_bundle_metagraph", true, "keep no more than the signatures of a meta-graph"),
    "a loaded model holds what it runs and its signatures",
  ),
];

const inference: readonly ServerFlag[] = [
  inForce(bool("Inference", "enable_signature_method_name_check", false, "hold calls to the method name that a signature declares")),
  inForce(bool("Inference", "enable_serialization_as_tensor_content", false, "answer Predict over gRPC with tensor_content instead of value fields")),
  inForce(bool("Inference", "enable_batching", false, "join requests of several callers into one run")),
  inForce(string("Inference", "batching_parameters_file", "", "text-format BatchingParameters; needs --enable_batching")),
  inForce(
    bool(
      "Inference",
      "enable_per_model_batching_parameters",
      false,
      "take them from each version's batching_params.pbtxt; versions without it are not batched",
    ),
  ),
  own(
    string(
      "Inference",
      "batching_low_priority_parameters_file",
      "",
      "text-format BatchingParameters of the queues of requests with tfs-priority: low",
      "those of the other requests",
    ),
  ),
  own(string("Inference", "batching_mixed_priority_policy", policies[0], `how requests of both priorities share batches: ${policies.join(", ")}`)),
  own(string("Inference", "batching_padding_policy", paddings[0], `what becomes of a batch of a size that is not allowed: ${paddings.join(" or ")}`)),
  own(
    bool(
      "Inference",
      "batching_isolation",
      true,
      "run the requests of a batch that failed once more, each by itself; without it all fail, as in TensorFlow Serving",
    ),
  ),
];

const observing: readonly ServerFlag[] = [
  inForce(string("Observing", "monitoring_config_file", "", "text-format MonitoringConfig: TensorFlow Serving's page of metrics on the REST port")),
  own(
    string(
      "Observing",
      "metrics_path",
      "/metrics",
      "path on the REST port of our own metrics, for Prometheus: by version, signature, method and protocol; empty for none",
    ),
  ),
  own(bool("Observing", "enable_opentelemetry", false, "tell OpenTelemetry of calls, by the package @opentelemetry/api and the SDK that is registered")),
  own(string("Observing", "log_level", "info", "least level that is logged: debug, info, warn or error", "as TF_CPP_MIN_LOG_LEVEL says, or else info")),
  own(string("Observing", "log_format", "text", "text, or json for one object a line")),
  own(alsoCalled(["h", "?", "usage"], bool("Observing", "help", false, "print this and exit"))),
  inForce(alsoCalled(["v"], bool("Observing", "version", false, "print the version and exit"))),
];

export const table: readonly ServerFlag[] = [
  ...listening,
  ...services,
  ...security,
  ...models,
  ...loading,
  ...storageFlags,
  ...inference,
  ...engineFlags,
  ...sessionFlags,
  ...runtimeFlags,
  ...requestLogFlags,
  ...observing,
];
