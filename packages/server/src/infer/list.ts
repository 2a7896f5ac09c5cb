import { dirname } from "node:path";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import type { Chosen } from "@tfs/engine";
import type { StatusSchema } from "@tfs/proto/gen/google/rpc/status_pb.js";
import {
  type ListModelsRequest,
  type ListModelsResponse,
  ListModelsResponseSchema,
  type ModelSchema,
  type ModelVersionSchema,
  type VersionEngineSchema,
} from "@tfs/proto/gen/tfs/serving/v1/serving_pb.js";
import type { Failure } from "@tfs/std";
import type { ModelSource } from "../config/index.ts";
import { type Manager, state } from "../manager/index.ts";

/** Listed is what can be told of models. */
export interface Listed {
  /** models are those that are configured. */
  readonly models: readonly ModelSource[];
  readonly manager: Pick<Manager, "names" | "versions" | "labels">;
  /** trouble is why a model has no versions to load. */
  trouble(name: string): Failure | undefined;
}

/** listModels tells of models that are configured, and of those whose versions are still there. Where models lie is not for strangers: base paths are cut out of texts. */
export function listModels(request: ListModelsRequest, listed: Listed): ListModelsResponse {
  const sources = new Map(listed.models.map((source) => [source.name, source]));
  const asked = new Set(request.names);
  const names = [...new Set([...sources.keys(), ...listed.manager.names()])].filter((name) => asked.size === 0 || asked.has(name)).sort();
  const models = names.map((name) => modelOf(name, sources.get(name), request, listed)).filter((model) => sources.has(model.name) || model.versions.length > 0);
  return create(ListModelsResponseSchema, { models, serversAsked: 1, serversAnswered: 1 });
}

type Model = MessageInitShape<typeof ModelSchema> & { readonly name: string; readonly versions: readonly unknown[] };
type Version = ReturnType<Manager["versions"]>[number];

function modelOf(name: string, source: ModelSource | undefined, request: ListModelsRequest, listed: Listed): Model {
  const { manager } = listed;
  const versions = manager.versions(name).filter((v) => request.includeEnded || v.state !== state.end);
  const labels = [...(manager.labels?.get(name) ?? [])].sort(([a], [b]) => (a < b ? -1 : 1));
  const failure = source === undefined || manager.versions(name).length > 0 ? undefined : listed.trouble(name);
  return {
    name,
    versions: versions.map((version) => versionOf(version, source, request)),
    labels: labels.map(([label, version]) => ({ label, version, servers: 1 })),
    servers: 1,
    ...(failure && { error: statusOf(failure, source?.basePath ?? "") }),
  };
}

function versionOf(v: Version, source: ModelSource | undefined, request: ListModelsRequest): MessageInitShape<typeof ModelVersionSchema> {
  const failure = v.error ?? v.attempt;
  const paths = [source?.basePath ?? "", dirname(v.path)];
  return {
    version: v.version,
    state: v.state,
    servers: [{ state: v.state, servers: 1 }],
    engines: v.servable === undefined ? [] : [engineOf(v.servable.chosen, ...paths)],
    ...(failure && { error: statusOf(failure, ...paths) }),
    ...(request.includeSignatures && v.servable !== undefined && v.state === state.available && { signatures: Object.fromEntries(v.servable.signatures) }),
  };
}

function statusOf({ code, message }: Failure, ...paths: readonly string[]): MessageInitShape<typeof StatusSchema> {
  return { code, message: without(paths, message) };
}

function engineOf({ engine, why }: Chosen, ...paths: readonly string[]): MessageInitShape<typeof VersionEngineSchema> {
  return { engine, reason: without(paths, why), servers: 1 };
}

function without(paths: readonly string[], text: string): string {
  return paths.filter((path) => path.length > 1).reduce((said, path) => said.replaceAll(path, "…"), text);
}
