import { isAbsolute, join } from "node:path";
import { fromText } from "@bufbuild/protobuf/txtpb";
import { ModelServerConfigSchema } from "@tfs/proto";
import { Code, type Flags, newError } from "@tfs/std";

/** ModelSource is one model to serve: its name, and the folder whose numeric children are its versions. */
export interface ModelSource {
  readonly name: string;
  readonly basePath: string;
}

/** modelsOf reads the single-model flags; `env` gives MODEL_NAME and MODEL_BASE_PATH, as TensorFlow Serving's container does. */
export function modelsOf(flags: Flags, env: { readonly [name: string]: string | undefined }): ModelSource[] {
  const name = flags.given("model_name") ? flags.string("model_name") : env["MODEL_NAME"] || "model";
  const basePath = flags.string("model_base_path") || join(env["MODEL_BASE_PATH"] || "/models", env["MODEL_NAME"] || name);
  return [{ name, basePath }];
}

/**
 * parseModelConfig reads a text-format ModelServerConfig. Throws InvalidArgument in TensorFlow Serving's words for what it refuses too, and Unimplemented
 * for version policies, labels and logging, which are not served yet: ignoring them would serve something else than was asked for.
 */
export function parseModelConfig(text: string, file: string): ModelSource[] {
  let config: ReturnType<typeof fromText<typeof ModelServerConfigSchema>>;
  try {
    config = fromText(ModelServerConfigSchema, text);
  } catch (err) {
    throw newError(Code.InvalidArgument, `Invalid protobuf file: '${file}': ${err instanceof Error ? err.message : String(err)}`, err);
  }
  if (config.config.case === "customModelConfig") throw newError(Code.InvalidArgument, "ModelServer does not yet support custom model config.");
  const models = config.config.value?.config ?? [];
  const seen = new Set<string>();
  return models.map((m) => {
    if (seen.has(m.name)) throw newError(Code.InvalidArgument, `Illegal to list model ${m.name} multiple times in config list`);
    seen.add(m.name);
    if (!isAbsolute(m.basePath))
      throw newError(Code.InvalidArgument, `Expected model ${m.name} to have an absolute path or URI; got base_path()=${m.basePath}`);
    if (m.modelPlatform !== "" && m.modelPlatform !== "tensorflow")
      throw newError(Code.InvalidArgument, `Model ${m.name} requests unsupported platform ${m.modelPlatform}`);
    if (m.modelVersionPolicy !== undefined || Object.keys(m.versionLabels).length > 0 || m.loggingConfig !== undefined) {
      throw newError(Code.Unimplemented, `model ${m.name}: version policies, labels and logging are not supported yet`);
    }
    return { name: m.name, basePath: m.basePath };
  });
}
