import type { ListedModel } from "@tfs/rest";
import type { Core } from "./core.ts";

/** listModels tells of every configured model which versions there are, which labels, and what failed. */
export function listModels(core: Core): ListedModel[] {
  return core.models.map(({ name }) => {
    const versions = core.manager.versions(name).map(({ version, state, error, attempt }) => ({ version, state, error: error ?? attempt }));
    return { name, versions, labels: core.manager.labels?.get(name) ?? new Map(), error: versions.length === 0 ? core.trouble(name) : undefined };
  });
}
