import { join } from "node:path";
import type { Flags } from "@tfs/std";
import { type ModelSource, schemeOf } from "./models.ts";

/** Env is the environment, as main has it. */
export interface Env {
  readonly [name: string]: string | undefined;
}

/**
 * singleModel reads the flags of the one model; `env` gives MODEL_NAME and MODEL_BASE_PATH, as TensorFlow Serving's container does. Without a name anywhere, the
 * model is called as its binary calls it where a base path was given, and as its container does where none was. A base path without versions whose sub-folder
 * of the model's name has some means that sub-folder: it is what the container's documentation mounts. Which it is shows with the first version.
 */
export function singleModel(flags: Flags, env: Env): ModelSource {
  const given = flags.string("model_base_path");
  const name = flags.given("model_name") ? flags.string("model_name") : env["MODEL_NAME"] || (given === "" ? "model" : flags.string("model_name"));
  const basePath = given || below(env["MODEL_BASE_PATH"] || "/models", env["MODEL_NAME"] || name);
  return schemeOf(basePath) === undefined ? { name, basePath, standIn: join(basePath, name) } : { name, basePath };
}

/** below gives the path of a child; of a URI, whose slashes are its own, too. */
function below(path: string, name: string): string {
  return schemeOf(path) === undefined ? join(path, name) : `${path.replace(/\/+$/, "")}/${name}`;
}
