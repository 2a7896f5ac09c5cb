// What TensorFlow Serving's API lacks: the list of models, which is the JSON form of tfs.serving.v1.ListModelsResponse, and whether they can be called.
import type { Code } from "@tfs/std";
import { integer, list, object, type Schema, stateSchema, versionSchema } from "./json_schema.ts";
import { stateName } from "./results.ts";

/** ListedModel is one configured model. */
export interface ListedModel {
  readonly name: string;
  /** versions are those that were seen, the highest first. */
  readonly versions: readonly ListedVersion[];
  /** labels are versions by label. */
  readonly labels: ReadonlyMap<string, bigint>;
  /** error is why there are no versions, if there are none. */
  readonly error?: ListedError | undefined;
}

export interface ListedVersion {
  readonly version: bigint;
  /** state is a number of ModelVersionStatus.State. */
  readonly state: number;
  /** error is why it did not load, or why the last try to load it failed. */
  readonly error?: ListedError | undefined;
}

/** ListedError is a Failure, or what is left of one on the wire. */
export interface ListedError {
  readonly code: Code;
  readonly message: string;
}

const encoder = new TextEncoder();

function print(value: unknown): Uint8Array {
  return encoder.encode(`${JSON.stringify(value, undefined, 1)}\n`);
}

function errorOf(error: ListedError | undefined): { readonly error?: unknown } {
  return error === undefined ? {} : { error: { code: error.code, message: error.message, details: [] } };
}

/** printModels writes what one model server has, in the form of a status: fields by their names in the message, one space a level, a newline at the end. */
export function printModels(models: readonly ListedModel[]): Uint8Array {
  const servers = 1;
  const sorted = [...models].sort((a, b) => (a.name < b.name ? -1 : 1));
  return print({
    models: sorted.map(({ name, versions, labels, error }) => ({
      name,
      versions: versions.map(({ version, state, error: why }) => ({
        version: version.toString(),
        state: stateName(state),
        ...errorOf(why),
        servers: [{ state: stateName(state), servers }],
      })),
      labels: [...labels].sort(([a], [b]) => (a < b ? -1 : 1)).map(([label, version]) => ({ label, version: version.toString(), servers })),
      ...errorOf(error),
      servers,
    })),
    servers_asked: servers,
    servers_answered: servers,
  });
}

/** Unready is a model that cannot be called, and why. */
export interface Unready {
  readonly name: string;
  readonly error: string;
}

/** printReadiness writes whether all can be called; `draining` says that the server ends. */
export function printReadiness(unready: readonly Unready[], draining: boolean): Uint8Array {
  return print({ ready: unready.length === 0 && !draining, draining, unready });
}

const status = object({ code: integer, message: { type: "string" }, details: { type: "array" } });
const inState = list(object({ state: stateSchema, servers: integer }));
const text = { type: "string" };

export const modelsSchema: Schema = object({
  models: list(
    object(
      {
        name: text,
        versions: list(object({ version: versionSchema, state: stateSchema, error: status, servers: inState }, ["error"])),
        labels: list(object({ label: text, version: versionSchema, servers: integer })),
        error: status,
        servers: integer,
      },
      ["error"],
    ),
  ),
  servers_asked: integer,
  servers_answered: integer,
});

export const readinessSchema: Schema = object({
  ready: { type: "boolean" },
  draining: { type: "boolean" },
  unready: list(object({ name: text, error: text })),
});
