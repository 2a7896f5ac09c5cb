// Which versions to load and which to unload next, as a function of what is wanted and what there is: nothing here waits, and nothing here does anything.
import { type State, state } from "./state.ts";

/** Tracked is what a plan knows of one version. One that waits to be loaded is in state start. */
export interface Tracked {
  readonly version: bigint;
  readonly state: State;
  /** aspired: the source wants it served. */
  readonly aspired: boolean;
}

/**
 * Transition is how a model gets from its old versions to its new ones. "availability" loads the new one before it unloads the old one, so that there is always
 * something to serve; "resource" unloads first, so that memory for one is enough.
 */
export type Transition = "availability" | "resource";
export const transitions: readonly Transition[] = ["availability", "resource"];

/** Step is one thing to do with a version. */
export interface Step {
  readonly kind: "load" | "unload";
  readonly version: bigint;
}

/** plan gives everything that can begin now for one model, in the order to begin it. Steps that have begun show as states: loading, unloading. */
export function plan(versions: readonly Tracked[], transition: Transition): Step[] {
  const steps: Step[] = [];
  const now = versions.map((v) => ({ ...v }));
  for (;;) {
    const step = transition === "availability" ? preserveAvailability(now) : preserveResources(now);
    if (step === undefined) return steps;
    steps.push(step);
    now.find((v) => v.version === step.version)!.state = step.kind === "load" ? state.loading : state.unloading;
  }
}

/** As TensorFlow Serving's AvailabilityPreservingPolicy decides. */
function preserveAvailability(versions: readonly Tracked[]): Step | undefined {
  const old = versions.filter((v) => !v.aspired && v.state === state.available);
  const aspired = versions.filter((v) => v.aspired);
  const dispensable = aspired.length === 0 || aspired.some((v) => v.state === state.available) || old.length > 1;
  if (dispensable && old.length > 0) return { kind: "unload", version: least(old) };
  return loadGreatest(versions);
}

/** As TensorFlow Serving's ResourcePreservingPolicy decides. */
function preserveResources(versions: readonly Tracked[]): Step | undefined {
  const old = versions.filter((v) => !v.aspired && v.state !== state.end);
  const ready = old.filter((v) => v.state === state.available);
  if (ready.length > 0) return { kind: "unload", version: least(ready) };
  return old.some((v) => v.state !== state.start) ? undefined : loadGreatest(versions);
}

function loadGreatest(versions: readonly Tracked[]): Step | undefined {
  const waiting = versions.filter((v) => v.aspired && v.state === state.start);
  return waiting.length === 0 ? undefined : { kind: "load", version: waiting.reduce((a, b) => (a.version > b.version ? a : b)).version };
}

function least(versions: readonly Tracked[]): bigint {
  return versions.reduce((a, b) => (a.version < b.version ? a : b)).version;
}
