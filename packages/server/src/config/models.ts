import { posix } from "node:path";
import type { FileSystemStoragePathSourceConfig_ServableVersionPolicy, ModelConfig as ModelConfigMessage, ModelServerConfig } from "@tfs/proto";
import { ModelType } from "@tfs/proto";
import type { LoggingConfig } from "@tfs/proto/gen/tensorflow_serving/config/logging_config_pb.js";
import { type EngineName, engineNames } from "@tfs/engine";
import { Code, newError } from "@tfs/std";
import { latestOnly, type VersionPolicy } from "./policy.ts";

/** ModelSource is one model to serve: its name, and the folder whose numeric children are its versions. */
export interface ModelSource {
  readonly name: string;
  /** basePath is absolute, or a URI of a storage that the server has. */
  readonly basePath: string;
  /** standIn is a folder that is meant in the place of `basePath` if the first versions are found there. */
  readonly standIn?: string;
  /** policy picks versions; default the greatest. */
  readonly policy?: VersionPolicy;
  /** labels are versions by label; default none. */
  readonly labels?: ReadonlyMap<string, bigint>;
  /** engine is the one that shall run it; default the server's. */
  readonly engine?: EngineName;
  /** logging says which requests are logged, and where; default none. */
  readonly logging?: LoggingConfig;
}

const platform = "tensorflow";
/** A platform may name the engine that shall run the model behind it: "tensorflow:openvino". */
const separator = ":";

/**
 * modelsOf reads what a ModelServerConfig says of models: undefined if it says nothing, which leaves everything as it is. `now` is what it shall follow on.
 * Throws InvalidArgument in TensorFlow Serving's words, and in its order: names and paths first.
 */
export function modelsOf(config: ModelServerConfig, now: readonly ModelSource[] = []): ModelSource[] | undefined {
  if (config.config.case === undefined) return undefined;
  if (config.config.case === "customModelConfig") throw newError(Code.InvalidArgument, "ModelServer does not yet support custom model config.");
  const models = config.config.value.config;
  checkModels(models);
  const kept = new Set(now.map(({ name }) => name));
  return models.map((message) => modelOf(message, kept.has(message.name)));
}

/** checkModels refuses what no list of models may hold, however it was written. */
export function checkModels(models: readonly Pick<ModelSource, "name" | "basePath">[]): void {
  const seen = new Set<string>();
  for (const { name, basePath } of models) {
    if (seen.has(name)) throw newError(Code.InvalidArgument, `Illegal to list model ${name} multiple times in config list`);
    seen.add(name);
    if (!posix.isAbsolute(basePath) && schemeOf(basePath) === undefined)
      throw newError(Code.InvalidArgument, `Expected model ${name} to have an absolute path or URI; got base_path()=${basePath}`);
  }
}

/** schemeOf gives a URI's scheme in lower case; undefined for a path. */
export function schemeOf(path: string): string | undefined {
  return /^([a-z][a-z0-9+.-]*):\/\//i.exec(path)?.[1]?.toLowerCase();
}

/** withoutQuery gives a base path as it may stand in texts: what signs a URL is in its query. */
export function withoutQuery(basePath: string): string {
  return basePath.replace(/\?.*$/s, "");
}

function modelOf(message: ModelConfigMessage, kept: boolean): ModelSource {
  const { name, basePath, modelType, modelPlatform } = message;
  const choices = "ModelServerConfig::model_type (deprecated)";
  if (modelType !== ModelType.MODEL_TYPE_UNSPECIFIED && modelPlatform !== "")
    throw newError(Code.InvalidArgument, `Illegal setting both ${choices} and ModelServerConfig::model_platform, model name is ${name}`);
  if (modelType === ModelType.MODEL_TYPE_UNSPECIFIED && modelPlatform === "")
    throw newError(Code.InvalidArgument, `Illegal setting neither ${choices} nor ModelServerConfig::model_platform, model name is ${name}`);
  if (modelPlatform === "" && modelType !== ModelType.TENSORFLOW)
    throw newError(Code.InvalidArgument, `ModelServerConfig::model_type choice ${modelType} not supported.`);
  const [base, ...named] = modelPlatform.split(separator);
  const engine = engineNames.find((known) => known === named.join(separator));
  if (modelPlatform !== "" && (base !== platform || (named.length > 0 && engine === undefined))) {
    const change = `Illegal to change a model's platform. For model ${name} platform was ${platform} and new platform requested is ${modelPlatform}`;
    throw newError(Code.InvalidArgument, kept ? change : `Model ${name} requests unsupported platform ${modelPlatform}`);
  }
  const labels = new Map(Object.entries(message.versionLabels));
  const { loggingConfig: logging } = message;
  return { name, basePath, policy: policyOf(message.modelVersionPolicy), labels, ...(engine && { engine }), ...(logging && { logging }) };
}

function policyOf(message: FileSystemStoragePathSourceConfig_ServableVersionPolicy | undefined): VersionPolicy {
  const choice = message?.policyChoice;
  if (choice?.case === "all") return { kind: "all" };
  if (choice?.case === "specific") return { kind: "specific", versions: choice.value.versions };
  return choice?.case === "latest" ? { kind: "latest", count: Math.max(1, choice.value.numVersions) } : latestOnly;
}
