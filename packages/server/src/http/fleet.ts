import { create } from "@bufbuild/protobuf";
import { ListModelsRequestSchema, type ListModelsResponse, type Model } from "@tfs/proto/gen/tfs/serving/v1/serving_pb.js";
import { type Listed, listModels } from "../infer/index.ts";
import { state } from "../manager/index.ts";

/** Fleet is what there is to tell of all models together, as they are whenever somebody asks. */
export interface Fleet {
  /** list tells of the configured models, their ended versions too, and of others that still have versions. */
  list(): ListModelsResponse;
  /** configured are the listed ones that are configured. */
  configured(): Model[];
  /** draining tells whether the server ends. */
  draining(): boolean;
}

export function newFleet(listed: Listed, draining: () => boolean): Fleet {
  const names = (): ReadonlySet<string> => new Set(listed.models.map(({ name }) => name));
  const list = (): ListModelsResponse => listModels(create(ListModelsRequestSchema, { includeEnded: true }), listed);
  return {
    list() {
      const configured = names();
      const response = list();
      return { ...response, models: response.models.filter(({ name, versions }) => configured.has(name) || versions.some((v) => v.state !== state.end)) };
    },
    configured() {
      const configured = names();
      return list().models.filter(({ name }) => configured.has(name));
    },
    draining,
  };
}
