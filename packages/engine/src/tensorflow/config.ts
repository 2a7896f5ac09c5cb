import { Code, newError } from "@tfs/std";

/** SessionConfig is how TensorFlow shall run. */
export interface SessionConfig {
  /** intraOpThreads is how many threads one operation may use; TensorFlow's own choice, the number of cores, unless given. */
  readonly intraOpThreads?: number;
  /** interOpThreads is how many operations run at a time where a run does not stay in its caller's thread; likewise. */
  readonly interOpThreads?: number;
  /** proto is a serialized ConfigProto, for all else: GPU options, growth of their memory, soft placement. What is given beside it wins. */
  readonly proto?: Uint8Array;
}

/** encodeConfig gives a serialized ConfigProto. Throws InvalidArgument for a proto that does not parse, or a number of threads that is none. */
export async function encodeConfig({ intraOpThreads, interOpThreads, proto }: SessionConfig): Promise<Uint8Array> {
  if (intraOpThreads === undefined && interOpThreads === undefined && proto === undefined) return new Uint8Array(0);
  // On use: hardly anybody configures a session, and the descriptors take their time.
  const [{ create, fromBinary, toBinary }, { ConfigProtoSchema }] = await Promise.all([
    import("@bufbuild/protobuf"),
    import("@tfs/proto/gen/tensorflow/core/protobuf/config_pb.js"),
  ]);
  let config = create(ConfigProtoSchema);
  try {
    if (proto !== undefined) config = fromBinary(ConfigProtoSchema, proto);
  } catch (err) {
    throw newError(Code.InvalidArgument, "the session's configuration is not a ConfigProto", err);
  }
  if (intraOpThreads !== undefined) config.intraOpParallelismThreads = threads("intra-op", intraOpThreads);
  if (interOpThreads !== undefined) config.interOpParallelismThreads = threads("inter-op", interOpThreads);
  return toBinary(ConfigProtoSchema, config);
}

function threads(which: string, n: number): number {
  if (!Number.isInteger(n) || n < 0 || n > 0x7fffffff) throw newError(Code.InvalidArgument, `${n} is no number of ${which} threads`);
  return n;
}
