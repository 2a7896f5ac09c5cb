import { type ModelServerConfig, ModelServerConfigSchema } from "@tfs/proto";
import type { Flags } from "@tfs/std";
import { readTextProto } from "./file.ts";
import { type ModelSource, modelsOf } from "./models.ts";
import { type Env, singleModel } from "./single.ts";

/** Configured is what is to be served from the start, and how to find out again. */
export interface Configured {
  /** models are undefined if a file says nothing. */
  readonly models: readonly ModelSource[] | undefined;
  /** poll is there if a file is to be read again and again. */
  readonly poll: { readonly ms: number; readonly read: () => Promise<ModelServerConfig> } | undefined;
}

/** configured reads the flags that say which models to serve, and the file that they may name. Throws InvalidArgument or NotFound in TensorFlow Serving's words. */
export async function configured(flags: Flags, env: Env): Promise<Configured> {
  const file = flags.string("model_config_file");
  if (file === "") return { models: [singleModel(flags, env)], poll: undefined };
  const read = (): Promise<ModelServerConfig> => readTextProto(ModelServerConfigSchema, file);
  const seconds = flags.int("model_config_file_poll_wait_seconds");
  return { models: modelsOf(await read()), poll: seconds > 0 ? { ms: seconds * 1000, read } : undefined };
}
