import { availableParallelism } from "node:os";
import { engineNames, type Explicit, type LibraryName, libraryCache, libraryNames, type SessionConfig } from "@tfs/engine";
import type { Flags } from "@tfs/std";
import type { RuntimeTuning } from "../runtime/index.ts";
import { bool, float, inForce, int64, moot, notYet, own, type ServerFlag, string } from "./fate.ts";

const group = "Engines";
const asItIs = "TensorFlow runs with its own settings of that";

/** engineFlags say what runs models. */
export const engineFlags: readonly ServerFlag[] = [
  own(string(group, "engine", "embedded", `what runs models whose configuration names no engine: ${engineNames.join(", ")}`)),
  own(
    bool(
      group,
      "engine_trial",
      true,
      "let --engine=auto compare engines; without it the first that can run a model does: openvino, tensorflow, embedded, tfjs",
    ),
  ),
  own(string(group, "engine_isolation", "none", "where models run: none is in the server's process, process in one for each, whose crash takes only that")),
  own(string(group, "openvino_dir", "", "folder of OpenVINO's libraries; no other place is looked at", "$TFS_OPENVINO_DIR")),
  own(string(group, "tensorflow_dir", "", "folder of TensorFlow's libraries; no other place is looked at", "$TFS_TENSORFLOW_DIR")),
  own(string(group, "litert_dir", "", "folder of LiteRT's library, for model.tflite; no other place is looked at", "$TFS_LITERT_DIR")),
];

const threads = "0 is automatic";

/** sessionFlags are about TensorFlow, for models that it runs. */
export const sessionFlags: readonly ServerFlag[] = [
  inForce(
    int64(group, "tensorflow_session_parallelism", 0, `TensorFlow's threads within an op and for ops, and the embedded engine's for long runs; ${threads}`),
  ),
  inForce(int64(group, "tensorflow_intra_op_parallelism", 0, `TensorFlow's threads within an op, and OpenVINO's; ${threads}`)),
  inForce(int64(group, "tensorflow_inter_op_parallelism", 0, `TensorFlow's threads for ops, and the embedded engine's for long runs; ${threads}`)),
  inForce(string(group, "tensorflow_session_config_file", "", "text-format ConfigProto of TensorFlow's sessions")),
  inForce(float(group, "per_process_gpu_memory_fraction", 0, `part of a GPU's memory that TensorFlow takes; ${threads}`)),
];

/** The rest of TensorFlow Serving's flags about its runtime. */
export const runtimeFlags: readonly ServerFlag[] = [
  notYet(bool(group, "xla_cpu_compilation_enabled", false, "let XLA compile for CPUs"), asItIs),
  notYet(bool(group, "xla_gpu_compilation_enabled", false, "let XLA compile for CPUs and GPUs"), asItIs),
  notYet(string(group, "mixed_precision", "", "bfloat16 lets TensorFlow compute with half the bits"), asItIs),
  moot(string(group, "thread_pool_factory_config_file", "", "text-format ThreadPoolFactoryConfig"), "such factories are code of TensorFlow Serving's"),
  moot(bool(group, "skip_initialize_tpu", false, "leave TPUs as they are"), "no engine knows of TPUs"),
  moot(bool(group, "enable_profiler", true, "serve TensorFlow's profiler on the gRPC port"), "there is no profiler here"),
];

type Env = Readonly<Record<string, string | undefined>>;

/** runtimeTuning reads those flags; `env` gives what stands in for them, and where a user's caches and Pythons are. */
export function runtimeTuning(flags: Flags, env: Env, session: SessionConfig): RuntimeTuning {
  const cacheDir = libraryCache(env);
  const dirs = libraryNames.map((name) => [name, namedDir(name, flags, env)] as const).filter(([, dir]) => dir !== undefined);
  return {
    trial: flags.bool("engine_trial"),
    ...(cacheDir !== undefined && { cacheDir }),
    dirs: Object.fromEntries(dirs),
    pythons: pythonsOf(env),
    session,
    ...(flags.bool("prefer_tflite_model") && {
      tflite: { pools: flags.int("num_tflite_pools") || availableParallelism(), perPool: flags.int("num_tflite_interpreters_per_pool") },
    }),
  };
}

/** namedDir gives the folder that was named for a library, and by what: its flag, else its variable. */
export function namedDir(library: LibraryName, flags: Flags, env: Env): Explicit | undefined {
  const [flag, variable] = [`${library}_dir`, `TFS_${library.toUpperCase()}_DIR`];
  const given = flags.string(flag);
  const dir = given || (env[variable] ?? "");
  return dir === "" ? undefined : { dir, by: given === "" ? variable : `--${flag}` };
}

/** pythonsOf gives the interpreters that are asked: that of an environment that is active, then the system's. */
export function pythonsOf({ VIRTUAL_ENV: active = "" }: Env): readonly string[] {
  return active === "" ? ["python3"] : [`${active}/bin/python3`, "python3"];
}
