// What TensorFlow Serving's API lacks: the list of models, and whether they can be called.
import { toJson } from "@bufbuild/protobuf";
import { type ListModelsResponse, ListModelsResponseSchema } from "@tfs/proto/gen/tfs/serving/v1/serving_pb.js";
import { integer, list, object, type Schema, stateSchema, versionSchema } from "./json_schema.ts";

const encoder = new TextEncoder();

function print(value: unknown): Uint8Array {
  return encoder.encode(`${JSON.stringify(value, undefined, 1)}\n`);
}

/** printModels writes the list of models as a status is written: every field by its name in the message, one space a level, a newline at the end. */
export function printModels(response: ListModelsResponse): Uint8Array {
  return print(toJson(ListModelsResponseSchema, response, { useProtoFieldName: true, alwaysEmitImplicit: true }));
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
const engines = list(object({ engine: text, reason: text, servers: integer }));
const version = object({ version: versionSchema, state: stateSchema, error: status, signatures: { type: "object" }, servers: inState, engines }, ["error"]);
const label = object({ label: text, version: versionSchema, servers: integer });
const model = object({ name: text, versions: list(version), labels: list(label), error: status, servers: integer }, ["error"]);

export const modelsSchema: Schema = object({ models: list(model), servers_asked: integer, servers_answered: integer });

export const readinessSchema: Schema = object({
  ready: { type: "boolean" },
  draining: { type: "boolean" },
  unready: list(object({ name: text, error: text })),
});
