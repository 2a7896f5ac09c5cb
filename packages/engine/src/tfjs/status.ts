import { Code, type Failure, newError, toCode } from "@tfs/std";

/** The C API's own complaint about an output that an operation does not have, and the code OUT_OF_RANGE; a session would have said what we say. */
const tooLarge = /^Node '(.*)' \(type: '.*', num of outputs: (\d+)\) does not have output (\d+)/;

/** What the addon puts in front of TensorFlow's text (tfjs_backend.cc). */
const wrapped = /^(?:Session fail to run with error|Failed to load SavedModel): /;
/** EnsureTFOK in utils.h tells the code. */
const told = /^Invalid TF_Status: (\d+)\s*Message: ([\s\S]*)$/;
/** addon.h puts the code in front. */
const coded = /^\[(\d+)\] ([\s\S]*)$/;

/** What TensorFlow's texts say of their code, where an addon loses it. The first that fits counts. */
const texts: readonly (readonly [RegExp, Code])[] = [
  [/^Could not find (SavedModel|meta graph def)|^Op type not registered|not found in checkpoint|No such file|^(Key|Table) .*not found/, Code.NotFound],
  [/^OOM when allocating|[Ff]ailed to allocate memory|out of memory/, Code.ResourceExhausted],
  [/[Uu]ninitialized value|not initialized|was uninitialized|Error while reading resource variable/, Code.FailedPrecondition],
  [/currently only supports|not (yet )?(implemented|supported)|^Unsupported|No unary variant|^Cross-device/, Code.Unimplemented],
  [/^(checksum|Checksum)|does not match|[Dd]ata loss|^TensorBundle|Unable to open table file|^Can't parse/, Code.DataLoss],
  [
    /^(Expects arg\[|You must feed|Tensor .* was not found in the Graph|FeedInputs|FetchOutputs|Node '.*' \(type: )|specified in either feed_devices/,
    Code.InvalidArgument,
  ],
  [/[Ii]ncompatible|must (be|have|match|equal)|not a matrix|[Ss]hapes? |[Dd]imension|rank|assertion failed|Could not parse example/, Code.InvalidArgument],
  [/is not in \[|out of (range|bounds)|is required but could not be found|[Ii]nvalid|Input to reshape|[Ee]xpected|[Dd]ivision by zero/, Code.InvalidArgument],
];

/** What the addon says itself of a name that the graph does not have. */
const unknownName = /op name can not be found in the graph/;

/**
 * statusOf makes a Failure of what the addon has thrown: TensorFlow's text unwrapped, with TensorFlow's code where the addon tells it (`own` says that it is one of
 * buildTfjs), else the code that the text is known to come with, else Internal. The addon cuts what is longer than 499 bytes.
 */
export function statusOf(message: string, own: boolean): Failure {
  const cause = new Error(message);
  const [, code, rest] = told.exec(message) ?? [];
  if (code !== undefined) return newError(toCode(Number(code)), rest!, cause);
  if (unknownName.test(message)) return newError(Code.InvalidArgument, message, cause);
  if (!wrapped.test(message)) return newError(Code.Internal, message, cause);
  const [, number, said] = own ? (coded.exec(message.replace(wrapped, "")) ?? []) : [];
  const text = said ?? message.replace(wrapped, "");
  const [, node, count, index] = tooLarge.exec(text) ?? [];
  if (node !== undefined) return newError(Code.InvalidArgument, `${node}:${index}: output index too large, must be < ${count}`, cause);
  return newError(number !== undefined ? toCode(Number(number)) : codeOfText(text), text, cause);
}

function codeOfText(text: string): Code {
  return texts.find(([pattern]) => pattern.test(text))?.[1] ?? Code.Internal;
}
