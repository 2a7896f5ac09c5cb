import type { CancelCtx, Failure } from "@tfs/std";
import type { Servable } from "../servable/index.ts";
import { type State, state } from "./state.ts";

/** Version is one version of a model and where it stands. The manager alone changes it. */
export interface Version {
  readonly version: bigint;
  /** path is its directory, as the storage names it. */
  path: string;
  state: State;
  /** error is why it ended, if it did not simply stop being wanted. */
  error: Failure | undefined;
  /** attempt is why the last try to load it failed, while there is another to come. */
  attempt: Failure | undefined;
  aspired: boolean;
  servable: Servable | undefined;
  /** loadMs is how long it took to load; undefined while it has not. */
  loadMs: number | undefined;
  /** handles are requests that hold it. */
  handles: number;
  /** idle wakes whoever waits for the last handle. */
  idle: (() => void) | undefined;
  /** loading ends a load that is no longer wanted. */
  loading: CancelCtx | undefined;
}

export function newVersion(version: bigint, path: string): Version {
  return {
    version,
    path,
    state: state.start,
    error: undefined,
    attempt: undefined,
    aspired: true,
    servable: undefined,
    loadMs: undefined,
    handles: 0,
    idle: undefined,
    loading: undefined,
  };
}

/** Handle keeps a version loaded until it is disposed, which may be done twice. */
export class Handle implements Disposable {
  readonly servable: Servable;
  #version: Version | undefined;

  constructor(version: Version) {
    if (version.servable === undefined) throw new Error(`version ${version.version} is available without a servable`);
    this.servable = version.servable;
    this.#version = version;
    version.handles++;
  }

  [Symbol.dispose](): void {
    const version = this.#version;
    if (version === undefined) return;
    this.#version = undefined;
    if (--version.handles === 0) version.idle?.();
  }
}
