import type { MetaGraphDef } from "@tfs/proto";
import { libraryOf, opsReached } from "../embedded/index.ts";
import { outputNames } from "../signatures.ts";

/** Ops that change what a model keeps from run to run. Pure ones with such names (ScatterNd, TensorScatterUpdate) are left alone. */
const changing =
  /^(Assign|ResourceApply|ResourceScatter|ResourceSparseApply|ResourceStridedSliceAssign|ResourceCountUpTo|ResourceConditionalAccumulator|Apply[A-Z]|SparseApply|StridedSliceAssign$|CountUpTo$|Scatter(Add|Sub|Mul|Div|Min|Max|Update)$|ScatterNd(Add|Sub|Min|Max|Update)$|LookupTable(Import|Insert|Remove)|QueueEnqueue|QueueDequeue|Stack(Push|Pop)|Stage$|Unstage$|Barrier|TemporaryVariable|Iterator|ReaderRead|PyFunc|EagerPyFunc)/;

/** Ops whose values are other ones with each run. Stateless ones get their seed as an input, and are as good as any. */
const random =
  /^(Random(?!Dataset)|ParameterizedTruncatedNormal$|TruncatedNormal$|Multinomial$|Stateful(Standard|Truncated|Uniform|Random)|Rng|(Log|Learned|Fixed|All|Uniform|ThreadUnsafe)\w*CandidateSampler|\w*UnigramCandidateSampler)/;

/** untriable says why the outputs of two engines for the same inputs need not be the same, or why trying a model would change it; undefined if neither is so. */
export function untriable(metaGraph: MetaGraphDef): string | undefined {
  const graph = metaGraph.graphDef;
  if (graph === undefined) return undefined;
  const library = libraryOf(graph);
  const ops = [...opsReached(graph, library, outputNames(metaGraph))].sort();
  const changes = ops.filter((op) => changing.test(op));
  if (changes.length > 0) return `it keeps state (${changes.join(", ")})`;
  const rolls = ops.filter((op) => random.test(op));
  return rolls.length > 0 ? `it is random (${rolls.join(", ")})` : undefined;
}
