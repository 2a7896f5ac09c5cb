import type { MetaGraphDef } from "@tfs/proto";
import { changesVariables } from "../changing.ts";
import { libraryOf, opsReached } from "../embedded/index.ts";
import { outputNames } from "../signatures.ts";

/** changesState tells whether a call of any signature may change what a later one sees. What loading runs does not count. */
export function changesState(metaGraph: MetaGraphDef): boolean {
  const graph = metaGraph.graphDef;
  if (graph === undefined) return false;
  const library = libraryOf(graph);
  return [...opsReached(graph, library, outputNames(metaGraph))].some(changesVariables);
}
