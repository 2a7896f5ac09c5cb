// A core over real files of this machine, for the tests of package core: what it is told, and what comes of it, as short text.
import { cpSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { create } from "@bufbuild/protobuf";
import { newEmbeddedEngine } from "@tfs/engine";
import { type ModelServerConfig, ModelServerConfigSchema, ModelSpecSchema } from "@tfs/proto";
import { background, newLogger, systemClock, withTimeout } from "@tfs/std";
import { newRegistry } from "@tfs/std/metrics";
import { fromText } from "@bufbuild/protobuf/txtpb";
import { modelsOf } from "../config/index.ts";
import { type Core, type CoreOptions, newCore } from "../core/index.ts";
import { stateName } from "../manager/index.ts";
import { newLocalStorage, type Storage } from "../storage/index.ts";
import { newLoads } from "../servable/index.ts";
import type { Scratch } from "./scratch.ts";
import { models } from "./serve.ts";

const ctx = background();
const clock = systemClock();
/** disk is the storage that the cores share. */
export const disk: Storage = newLocalStorage(clock);

/** newBases makes base paths with versions of half_plus_two in a folder, and gives their paths. */
export function newBases(dir: Scratch): (...versions: readonly string[]) => string {
  let n = 0;
  return (...versions) => {
    const path = join(dir.path, `base${n++}`);
    mkdirSync(path);
    for (const version of versions) addTo(path, version);
    return path;
  };
}
/** addTo adds a version to a base path. */
export function addTo(path: string, version: string): void {
  cpSync(join(models, "half_plus_two/1"), join(path, version), { recursive: true });
}

/** parse reads a configuration; one, list, specific and label write what it reads. */
export const parse = (text: string): ModelServerConfig => fromText(ModelServerConfigSchema, text);
export const one = (name: string, path: string, more = ""): string => `config { name: "${name}" base_path: "${path}" model_platform: "tensorflow" ${more} }`;
export const list = (...all: readonly string[]): ModelServerConfig => parse(`model_config_list { ${all.join(" ")} }`);
export const specific = (...versions: readonly number[]): string => `model_version_policy { specific { versions: [${versions.join(", ")}] } }`;
export const label = (name: string, version: number): string => `version_labels { key: "${name}" value: ${version} }`;

/** Open is a core that has not started; disposing it closes it. */
export interface Open extends AsyncDisposable {
  readonly core: Core;
  /** said is what was logged. */
  readonly said: string[];
}
export function open(options: Partial<CoreOptions> = {}): Open {
  const said: string[] = [];
  const logger = newLogger({ write: (line) => void said.push(line), clock, level: "info" });
  const loads = newLoads(newRegistry());
  const core = newCore({ engines: () => newEmbeddedEngine(), tags: ["serve"], loads, storages: { file: disk }, clock, logger, pollMs: 0, ...options });
  return { core, said, [Symbol.asyncDispose]: () => core.close() };
}
/** started opens a core and starts it with a configuration. */
export async function started(config: ModelServerConfig, options: Partial<CoreOptions> = {}): Promise<Open> {
  const opened = open(options);
  await opened.core.start(ctx, modelsOf(config));
  return opened;
}

/** answer tells which version a request would get: of a model, by number, or by label. */
export function answer(core: Core, name: string, which?: bigint | string): string {
  const versionChoice =
    typeof which === "bigint"
      ? ({ case: "version", value: { value: which } } as const)
      : typeof which === "string"
        ? ({ case: "versionLabel", value: which } as const)
        : undefined;
  try {
    using handle = core.manager.acquire(create(ModelSpecSchema, versionChoice === undefined ? { name } : { name, versionChoice }));
    return String(handle.servable.version);
  } catch (err) {
    return (err as Error).message;
  }
}
/** states tells where each version of a model stands, the highest first. */
export const states = (core: Core, name: string): string[] =>
  core.manager.versions(name).map((v) => `${v.version} ${stateName(v.state)}${v.error === undefined ? "" : `: ${v.error.message}`}`);
/** soon waits for a change of states, which comes by itself; it does not wait for ever. */
export async function soon(core: Core, condition: () => boolean): Promise<void> {
  using patience = withTimeout(ctx, 20_000);
  await core.manager.until(patience, condition);
}

/** Gate is a storage over the local disk that brings nothing before it is opened. */
export interface Gate extends Storage {
  readonly opened: () => void;
  /** asked resolves when somebody waits at the gate. */
  readonly asked: Promise<void>;
}
export function gate(): Gate {
  let [opened, come] = [(): void => {}, (): void => {}];
  const isOpen = new Promise<void>((resolve) => (opened = resolve));
  const asked = new Promise<void>((resolve) => (come = resolve));
  const local = (path: string): string => path.replace("gate://", "");
  return {
    opened: () => opened(),
    asked,
    list: (c, path) => disk.list(c, local(path)),
    join: (path, child) => `${path}/${child}`,
    bring: async (c, path) => {
      come();
      await isOpen;
      return await disk.bring(c, local(path));
    },
  };
}
