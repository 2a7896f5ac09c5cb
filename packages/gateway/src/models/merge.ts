import { create } from "@bufbuild/protobuf";
import { type ModelVersionStatus_State, ModelVersionStatus_State as State, type SignatureDef } from "@tfs/proto";
import type { Status } from "@tfs/proto/gen/google/rpc/status_pb.js";
import {
  type ListModelsResponse,
  ListModelsResponseSchema,
  type Model,
  ModelLabelSchema,
  ModelSchema,
  type ModelVersion,
  ModelVersionSchema,
  ServersInStateSchema,
  type VersionEngine,
  VersionEngineSchema,
} from "@tfs/proto/gen/tfs/serving/v1/serving_pb.js";

/** merge makes one list of those of several servers, in whatever order: of what they share it counts who has it. What one of them says of others is added up. */
export function merge(answers: readonly ListModelsResponse[]): Pick<ListModelsResponse, "models" | "serversAnswered"> {
  const models = new Map<string, Model[]>();
  for (const { models: list } of answers) for (const model of list) add(models, model.name, model);
  const merged = [...models].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, list]) => mergeModel(name, list));
  return create(ListModelsResponseSchema, { models: merged, serversAnswered: sum(answers.map((answer) => answer.serversAnswered)) });
}

function mergeModel(name: string, list: readonly Model[]): Model {
  const versions = new Map<bigint, ModelVersion[]>();
  for (const { versions: some } of list) for (const version of some) add(versions, version.version, version);
  return create(ModelSchema, {
    name,
    versions: [...versions].sort(([a], [b]) => (a < b ? 1 : -1)).map(([version, some]) => mergeVersion(version, some)),
    labels: mergeLabels(list),
    servers: sum(list.map(({ servers }) => servers)),
    ...errorOf(list),
  });
}

function mergeVersion(version: bigint, list: readonly ModelVersion[]): ModelVersion {
  const counts = new Map<ModelVersionStatus_State, number>();
  for (const { servers } of list) for (const one of servers) counts.set(one.state, (counts.get(one.state) ?? 0) + one.servers);
  const states = [...counts].sort(([a], [b]) => a - b);
  return create(ModelVersionSchema, {
    version,
    state: stateOf(states),
    servers: states.map(([state, servers]) => create(ServersInStateSchema, { state, servers })),
    engines: mergeEngines(list),
    signatures: list.map(({ signatures }) => signatures).find(hasAny) ?? {},
    ...errorOf(list),
  });
}

function mergeEngines(list: readonly ModelVersion[]): VersionEngine[] {
  const engines = new Map<string, VersionEngine[]>();
  for (const version of list) for (const one of version.engines) add(engines, one.engine, one);
  return [...engines]
    .map(([engine, some]) => create(VersionEngineSchema, { engine, reason: some[0]!.reason, servers: sum(some.map(({ servers }) => servers)) }))
    .sort((a, b) => b.servers - a.servers || (a.engine < b.engine ? -1 : 1));
}

/** stateOf is what can be said in one word: whether calls are answered, else where most servers stand. */
function stateOf(states: readonly (readonly [state: ModelVersionStatus_State, servers: number])[]): ModelVersionStatus_State {
  if (states.some(([state]) => state === State.AVAILABLE)) return State.AVAILABLE;
  return states.reduce((best, one) => (one[1] > best[1] ? one : best), states[0] ?? [State.UNKNOWN, 0])[0];
}

function mergeLabels(list: readonly Model[]): Model["labels"] {
  const labels = new Map<string, Map<bigint, number>>();
  for (const model of list) {
    for (const { label, version, servers } of model.labels) {
      const counts = labels.get(label) ?? new Map<bigint, number>();
      counts.set(version, (counts.get(version) ?? 0) + servers);
      labels.set(label, counts);
    }
  }
  return [...labels]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([label, counts]) =>
      [...counts].sort(([v, a], [w, b]) => b - a || (v < w ? 1 : -1)).map(([version, servers]) => create(ModelLabelSchema, { label, version, servers })),
    );
}

function errorOf(list: readonly { readonly error?: Status | undefined }[]): { readonly error?: Status } {
  const error = list.find((one) => one.error !== undefined)?.error;
  return error === undefined ? {} : { error };
}

function hasAny(signatures: { readonly [name: string]: SignatureDef }): boolean {
  return Object.keys(signatures).length > 0;
}

function add<K, V>(lists: Map<K, V[]>, key: K, value: V): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [value]);
  else list.push(value);
}

function sum(counts: readonly number[]): number {
  return counts.reduce((total, count) => total + count, 0);
}
