import { join } from "node:path";
import { BatchingParametersSchema } from "@tfs/proto/gen/tensorflow_serving/servables/tensorflow/session_bundle_config_pb.js";
import { type Clock, Code, codeOf } from "@tfs/std";
import type { Registry } from "@tfs/std/metrics";
import { readTextProto } from "../config/index.ts";
import type { Servable } from "../servable/index.ts";
import { type Policy, policies } from "./lanes.ts";
import { newMeter } from "./metrics.ts";
import { checkThreads, limitsOf, type Padding, type Parameters, parametersOf } from "./parameters.ts";
import { newScheduler } from "./scheduler.ts";
import { newSession } from "./session.ts";

/** BatchingTuning is what may be chosen. */
export interface BatchingTuning {
  /** parameters of all models; of numBatchThreads they have the only word. */
  readonly parameters?: Parameters;
  /** perModel takes them from batching_params.pbtxt of each version instead; versions without are not batched. Default false. */
  readonly perModel?: boolean;
  /** lowParameters are those of requests of low priority; default parameters. */
  readonly lowParameters?: Parameters;
  /** policy is how requests of both priorities share batches; default "low_priority_padding_with_max_batch_size". */
  readonly policy?: Policy;
  /** padding is what is done about a batch that has none of the allowed sizes; default "PAD_UP". */
  readonly padding?: Padding;
  /** isolates runs the requests of a batch that failed once more, each by itself; default true. Without it all of them fail, as in TensorFlow Serving. */
  readonly isolates?: boolean;
}

export interface BatchingOptions extends BatchingTuning {
  /** cpus is how many batches run at a time if numBatchThreads does not say it. */
  readonly cpus: number;
  readonly clock: Clock;
  readonly metrics: Registry;
  /** defer calls back when all that came in together has been read: setImmediate. */
  readonly defer: (fn: () => void) => void;
}

/** Batching puts queues in front of versions; all share its slots. */
export interface Batching {
  /** wrap gives a servable with queues in front of it, or the one handed in if its parameters say so; `dir` is its version's folder. Throws InvalidArgument. */
  wrap(servable: Servable, dir: string): Promise<Servable>;
  /** drain lets no request wait for others any longer. */
  drain(): void;
}

/** The file with the parameters of one version. */
const fileName = "batching_params.pbtxt";

/** newBatching makes batching for one server. Throws InvalidArgument for a number of threads that is none. */
export function newBatching(options: BatchingOptions): Batching {
  const { parameters = {}, perModel = false, isolates = true, policy = policies[0], padding = "PAD_UP", cpus, clock, defer } = options;
  const scheduler = newScheduler({ slots: checkThreads(parameters, cpus), clock, defer });
  const meter = newMeter(options.metrics);
  return {
    async wrap(servable, dir) {
      const own = perModel ? await parametersIn(dir) : parameters;
      if (own === undefined) return servable;
      const [limits, lowLimits] = [limitsOf(own, padding), limitsOf(options.lowParameters ?? own, padding)];
      return newSession(servable, { limits, lowLimits, policy, isolates, scheduler, clock, defer, meter });
    },
    drain: () => scheduler.drain(),
  };
}

/** parametersIn reads the parameters in a version's folder; undefined if there are none. */
async function parametersIn(dir: string): Promise<Parameters | undefined> {
  try {
    return parametersOf(await readTextProto(BatchingParametersSchema, join(dir, fileName)));
  } catch (err) {
    if (codeOf(err) === Code.NotFound) return undefined;
    throw err;
  }
}
