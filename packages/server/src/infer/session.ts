import type { ModelSpec, SignatureDef } from "@tfs/proto";
import { type RunOptions, RunOptions_TraceLevel as TraceLevel } from "@tfs/proto/gen/tensorflow/core/protobuf/config_pb.js";
import { Code, type Ctx, newError, withTimeout } from "@tfs/std";
import type { Tensor } from "@tfs/tensor";
import { keepSessionRun } from "./kept.ts";
import { defaultSignature, type InferOptions, type Seen } from "./options.ts";
import { signatureOf, specOf, tensorName } from "./predict.ts";

/** SessionCall is one run below the level of signatures. */
export interface SessionCall {
  readonly spec: ModelSpec | undefined;
  /** feeds by name, in the order in which they came; a reader throws a Failure. */
  readonly feeds: readonly (readonly [name: string, read: () => Tensor])[];
  readonly fetches: readonly string[];
  readonly targets: readonly string[];
  /** byAlias: names are aliases of a signature, and not of the graph. */
  readonly byAlias: boolean;
  readonly options: RunOptions | undefined;
  readonly seen?: Seen;
}

/** SessionResult is the fetched tensors, by the names and in the order of the call, and the spec of what computed them. */
export interface SessionResult {
  readonly tensors: readonly (readonly [name: string, tensor: Tensor])[];
  readonly spec: ModelSpec;
}

/** sessionRun runs a part of a model's graph. What no engine can do is refused as Unimplemented: operations that are only run, and reports about a run. */
export async function sessionRun(ctx: Ctx, call: SessionCall, { manager, log }: Pick<InferOptions, "manager" | "log">): Promise<SessionResult> {
  using handle = manager.acquire(call.spec);
  const { servable } = handle;
  call.seen?.found(servable, call.byAlias ? call.spec?.signatureName || defaultSignature : "");
  checkOptions(call.options);
  if (call.targets.length > 0)
    throw newError(Code.Unimplemented, `target ${JSON.stringify(call.targets[0])}: operations are not run for their effects alone; fetch a tensor of theirs`);
  if (call.fetches.length === 0) throw newError(Code.InvalidArgument, "Must specify at least one target to fetch or execute.");
  const signatureName = call.byAlias ? call.spec?.signatureName || defaultSignature : "";
  const signature = call.byAlias ? signatureOf(servable, call.spec) : undefined;
  if (call.byAlias && signature === undefined) throw newError(Code.FailedPrecondition, `Serving signature key "${signatureName}" not found.`);
  const feeds = new Map<string, Tensor>();
  for (const [name, read] of call.feeds) {
    const tensor = graphName(name, signature, "inputs");
    if (feeds.has(tensor)) throw newError(Code.InvalidArgument, `feed ${name}: ${tensor} is fed more than once`);
    feeds.set(tensor, read());
  }
  const fetches = call.fetches.map((name) => graphName(name, signature, "outputs"));
  const timeoutMs = Number(call.options?.timeoutInMs ?? 0n);
  using limited = withTimeout(ctx, timeoutMs > 0 ? timeoutMs : Number.POSITIVE_INFINITY);
  const values = await servable.run(limited, feeds, fetches);
  const result: SessionResult = { tensors: call.fetches.map((name, i) => [name, values[i]!]), spec: specOf(servable.name, servable.version, signatureName) };
  const keep = log?.take(ctx, servable.name);
  if (keep !== undefined) keepSessionRun(keep, call, result);
  return result;
}

/** graphName is a tensor's name in the graph: output 0 of an operation is meant where no output is named. */
function graphName(name: string, signature: SignatureDef | undefined, side: "inputs" | "outputs"): string {
  if (signature !== undefined) {
    const info = Object.hasOwn(signature[side], name) ? signature[side][name] : undefined;
    if (info === undefined) throw newError(Code.InvalidArgument, `the signature has no ${side === "inputs" ? "input" : "output"} ${JSON.stringify(name)}`);
    return tensorName(info);
  }
  if (name === "") throw newError(Code.InvalidArgument, `a ${side === "inputs" ? "feed" : "fetch"} has no name`);
  return /:\d+$/.test(name) ? name : `${name}:0`;
}

function checkOptions(options: RunOptions | undefined): void {
  if (options === undefined) return;
  const { traceLevel, outputPartitionGraphs, debugOptions } = options;
  const asked = traceLevel !== TraceLevel.NO_TRACE ? "trace_level" : outputPartitionGraphs ? "output_partition_graphs" : undefined;
  if (asked !== undefined) throw newError(Code.Unimplemented, `options.${asked}: no metadata of a run is collected`);
  if (debugOptions !== undefined && debugOptions.debugTensorWatchOpts.length > 0)
    throw newError(Code.Unimplemented, "options.debug_options: no tensors are watched during a run");
}
