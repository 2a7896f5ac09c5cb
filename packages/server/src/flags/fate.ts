import type { Flag } from "@tfs/std";

/**
 * Fate is what becomes of a flag. "in force" and "own" do what they say; "own" ones TensorFlow Serving does not have. "not yet" and "moot" ones are accepted: the
 * first will be in force some day, the second have nothing here to act on. "refused" ones are accepted only where they ask for nothing: to ignore them would
 * change answers or security.
 */
export type Fate = "in force" | "own" | "not yet" | "moot" | "refused";

export interface ServerFlag extends Flag {
  readonly fate: Fate;
  /** why is said with every fate that does not do what the flag says; empty for the others. */
  readonly why: string;
}

type Make<V> = (group: string, name: string, fallback: V, help: string, shown?: string) => Flag;

function maker<V extends string | number | boolean>(kind: Flag["kind"]): Make<V> {
  return (group, name, fallback, help, shown) => ({ name, kind, fallback, group, help, ...(shown === undefined ? {} : { shown }) });
}

export const string: Make<string> = maker<string>("string");
export const int32: Make<number> = maker<number>("int32");
export const int64: Make<number> = maker<number>("int64");
export const float: Make<number> = maker<number>("float");
export const bool: Make<boolean> = maker<boolean>("bool");

/** atLeast bounds a number from below. */
export const atLeast = (least: number, flag: Flag): Flag => ({ ...flag, least });
/** alsoCalled gives a flag names that lead to it when they are mistaken for it. */
export const alsoCalled = (also: readonly string[], flag: Flag): Flag => ({ ...flag, also });

export const inForce = (flag: Flag): ServerFlag => ({ ...flag, fate: "in force", why: "" });
export const own = (flag: Flag): ServerFlag => ({ ...flag, fate: "own", why: "" });
export const notYet = (flag: Flag, why: string): ServerFlag => ({ ...flag, fate: "not yet", why });
export const moot = (flag: Flag, why: string): ServerFlag => ({ ...flag, fate: "moot", why });
export const refused = (flag: Flag, why: string): ServerFlag => ({ ...flag, fate: "refused", why });
