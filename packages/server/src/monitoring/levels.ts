import type { Cell, Family } from "@tfs/std/metrics";
import { type Manager, state, stateName } from "../manager/index.ts";

/** Levels are what is read when somebody looks, and not counted. */
export type Levels = () => readonly Family[];

/** modelLevels tells of the versions that live, and of those that are wanted and failed. */
export function modelLevels(manager: Pick<Manager, "names" | "versions">): Levels {
  return () => {
    const states: Cell[] = [];
    const loads: Cell[] = [];
    const engines: Cell[] = [];
    for (const model of manager.names()) {
      for (const v of manager.versions(model)) {
        const failed = v.state === state.end && v.aspired && v.error !== undefined;
        if (v.state === state.end && !failed) continue;
        const version = String(v.version);
        states.push({ values: [model, version, failed ? "failed" : stateName(v.state)], value: 1 });
        if (v.servable !== undefined) engines.push({ values: [model, version, v.servable.chosen.engine], value: 1 });
        if (v.loadMs !== undefined) loads.push({ values: [model, version], value: v.loadMs / 1000 });
      }
    }
    return [
      family("gauge", "tfs_model_version_state", "1 for the state that a version is in.", ["model", "version", "state"], states),
      family("gauge", "tfs_model_load_seconds", "How long a version that is there took to load, with bringing it here.", ["model", "version"], loads),
      family("gauge", "tfs_model_engine", "1 for the engine that runs a version.", ["model", "version", "engine"], engines),
    ];
  };
}

export function family(kind: Family["kind"], name: string, help: string, labels: readonly string[], cells: readonly Cell[]): Family {
  return { kind, name, help, labels, cells };
}
