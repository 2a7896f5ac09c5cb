import type { MetaGraphDef } from "@tfs/proto";
import { changesVariables } from "../changing.ts";
import { libraryOf, opsReached } from "../embedded/index.ts";
import { outputNames } from "../signatures.ts";

/** Ops that change what else a model keeps from run to run. */
const changing =
  /^(ResourceConditionalAccumulator|QueueEnqueue|QueueDequeue|Stack(Push|Pop)|Stage$|Unstage$|Barrier|TemporaryVariable|Iterator|ReaderRead|PyFunc|EagerPyFunc)/;

/** Ops whose values are other ones with each run. Stateless ones get their seed as an input, and are as good as any. */
const random =
  /^(Random(?!Dataset)|ParameterizedTruncatedNormal$|TruncatedNormal$|Multinomial$|Stateful(Standard|Truncated|Uniform|Random)|Rng|(Log|Learned|Fixed|All|Uniform|ThreadUnsafe)\w*CandidateSampler|\w*UnigramCandidateSampler)/;

/** untriable says why the outputs of two engines for the same inputs need not be the same, or why trying a model would change it; undefined if neither is so. */
export function untriable(metaGraph: MetaGraphDef): string | undefined {
  const graph = metaGraph.graphDef;
  if (graph === undefined) return undefined;
  const library = libraryOf(graph);
  const ops = [...opsReached(graph, library, outputNames(metaGraph))].sort();
  const changes = ops.filter((op) => changesVariables(op) || changing.test(op));
  if (changes.length > 0) return `it keeps state (${changes.join(", ")})`;
  const rolls = ops.filter((op) => random.test(op));
  return rolls.length > 0 ? `it is random (${rolls.join(", ")})` : undefined;
}
