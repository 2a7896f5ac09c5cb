import type { Numbers } from "@tfs/rest";
import type { BindAddress, ListenerLife, ListenerLimits, ServerTls } from "@tfs/rpc";
import type { Clock, Logger } from "@tfs/std";
import type { Form } from "@tfs/tensor";
import type { BatchingTuning } from "./batching/index.ts";
import type { ModelSource } from "./config/index.ts";
import type { CoreOptions, LoadFailure } from "./core/index.ts";
import type { RequestLogTuning } from "./requestlog/index.ts";
import type { RuntimeTuning } from "./runtime/index.ts";
import type { Storages } from "./storage/index.ts";
import type { Telemetry } from "./telemetry/index.ts";

/** What of the core is set from outside; what is left out has the core's defaults. */
type CoreTuning = Partial<
  Pick<CoreOptions, "pollMs" | "keepLast" | "allowLabelsForUnavailable" | "forceLabels" | "tuning" | "startLoads" | "memoryLimitBytes">
>;

export interface ServerOptions extends CoreTuning {
  /** models are those of the start; undefined is an empty configuration, on which any other may follow. */
  readonly models: readonly ModelSource[] | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
  /** random gives numbers from 0 to below 1; default Math.random. */
  readonly random?: () => number;
  /** storages read base paths with a scheme, besides the local disk. */
  readonly storages?: Storages;
  /** engine runs the models whose configuration names no other; default "embedded". */
  readonly engine?: string;
  /** runtime is how engines are found and chosen. */
  readonly runtime?: RuntimeTuning;
  /** tags of the meta-graph to load; default ["serve"]. */
  readonly tags?: readonly string[];
  /** batching joins requests of several callers into one run; default none. */
  readonly batching?: BatchingTuning;
  /** grpc and rest are where to listen; what is left out stays closed. */
  readonly grpc?: readonly BindAddress[];
  readonly rest?: BindAddress;
  /** grpcTls and restTls are spoken there; default plaintext. */
  readonly grpcTls?: ServerTls;
  readonly restTls?: ServerTls;
  /** grpcLimits and grpcLife are of connections of gRPC, gRPC-Web and Connect; what is left out has its default. */
  readonly grpcLimits?: Partial<ListenerLimits>;
  readonly grpcLife?: Partial<ListenerLife>;
  /** maxMessageBytes bounds a message over them; default 2^31 - 1, as in TensorFlow Serving. */
  readonly maxMessageBytes?: number;
  /** restTimeoutMs bounds one inference over REST; default 30,000, 0 or less means no limit. */
  readonly restTimeoutMs?: number;
  /** restNumbers is how REST answers print floats; default "tensorflow". */
  readonly restNumbers?: Numbers;
  /** cors sends CORS fields with REST's answers; default false. */
  readonly cors?: boolean;
  /** grpcOrigins are the origins whose pages may call by gRPC-Web and Connect: SCHEME://HOST[:PORT], or "*" alone for all; default none. */
  readonly grpcOrigins?: readonly string[];
  /** restCompress lets REST answers be compressed; default false, as TensorFlow Serving. */
  readonly restCompress?: boolean;
  /** restListModels answers GET /v1/models with the list of models; default true. TensorFlow Serving has an error there. */
  readonly restListModels?: boolean;
  /** tensorFlowMetricsPath is the path on the REST port of TensorFlow Serving's page of metrics; default none. */
  readonly tensorFlowMetricsPath?: string;
  /** metricsPath is the path there of our own page of metrics, for Prometheus; default none. */
  readonly metricsPath?: string;
  /** telemetry is told of calls: OpenTelemetry, as openTelemetry gives it. */
  readonly telemetry?: Telemetry;
  readonly checkMethodName?: boolean;
  /** form is how Predict answers over gRPC carry tensors; default "values", as TensorFlow Serving. */
  readonly form?: Form;
  /** health answers grpc.health.v1; default true. */
  readonly health?: boolean;
  /** sessionRun serves SessionRun, which runs any part of a model's graph; default false. */
  readonly sessionRun?: boolean;
  /** strict makes a model that does not load fail the start, as in TensorFlow Serving; default false: the other models are served. */
  readonly strict?: boolean;
  /** warmup runs the requests that a version brings along before it is available; default true. */
  readonly warmup?: boolean;
  /** warmupIterations is how often each of them is run; default 1. */
  readonly warmupIterations?: number;
  /** requestLog is about the logs of models whose configuration asks for one. */
  readonly requestLog?: RequestLogTuning;
  /** maxBodyBytes bounds a REST body; default 512 MiB. */
  readonly maxBodyBytes?: number;
  /** maxHeldBodyBytes bounds all REST bodies that are in memory at a time; a request that would pass it is refused. Default 1 GiB. */
  readonly maxHeldBodyBytes?: number;
  /** maxHeldMessageBytes does so for gRPC, gRPC-Web and Connect. Default 1 GiB. */
  readonly maxHeldMessageBytes?: number;
  /** maxCalls bounds the calls that wait for their turn or run, over all ports; one more is refused. 0 is no bound. Default 32,768. */
  readonly maxCalls?: number;
}

/** Started is where a server listens (`host:port` or `unix:path`), and what did not load. `rest` is undefined if REST was not wanted or its port not to be had. */
export interface Started {
  readonly grpc: readonly string[];
  readonly rest: string | undefined;
  readonly failures: readonly LoadFailure[];
}
