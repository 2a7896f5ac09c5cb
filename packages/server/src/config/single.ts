import { readdir } from "node:fs/promises";
import { join } from "node:path";
import type { Flags, Logger } from "@tfs/std";
import { type ModelSource, schemeOf } from "./models.ts";

/** Env is the environment, as main has it. */
export interface Env {
  readonly [name: string]: string | undefined;
}

/**
 * singleModel reads the flags of the one model; `env` gives MODEL_NAME and MODEL_BASE_PATH, as TensorFlow Serving's container does. Without a name anywhere, the
 * model is called as its binary calls it where a base path was given, and as its container does where none was. A base path without versions whose sub-folder
 * of the model's name has some means that sub-folder: it is what the container's documentation mounts.
 */
export async function singleModel(flags: Flags, env: Env, logger: Logger): Promise<ModelSource> {
  const given = flags.string("model_base_path");
  const name = flags.given("model_name") ? flags.string("model_name") : env["MODEL_NAME"] || (given === "" ? "model" : flags.string("model_name"));
  const basePath = given || below(env["MODEL_BASE_PATH"] || "/models", env["MODEL_NAME"] || name);
  if (schemeOf(basePath) !== undefined || (await hasVersions(basePath))) return { name, basePath };
  const within = join(basePath, name);
  if (!(await hasVersions(within))) return { name, basePath };
  logger.info("the base path has no versions, but the folder below it that is named like the model has: that is served", { model: name, path: within });
  return { name, basePath: within };
}

/** below gives the path of a child; of a URI, whose slashes are its own, too. */
function below(path: string, name: string): string {
  return schemeOf(path) === undefined ? join(path, name) : `${path.replace(/\/+$/, "")}/${name}`;
}

async function hasVersions(dir: string): Promise<boolean> {
  try {
    return (await readdir(dir)).some((name) => /^\d+$/.test(name));
  } catch {
    return false; // whoever watches the base path says why
  }
}
