import { Code, type Failure, newError, toCode } from "@tfs/std";

/** What the addon puts in front of TensorFlow's text (tfjs_backend.cc), and then the code that addon.h puts there. */
const coded = /^(?:Session fail to run with error|Failed to load SavedModel): \[(\d+)\] ([\s\S]*)$/;
/** How the addon tells of what fails elsewhere than in a run or a load (EnsureTFOK in utils.h). */
const told = /^Invalid TF_Status: (\d+)\s*Message: ([\s\S]*)$/;
/** The C API's own complaint about an output that an operation does not have, with the code OUT_OF_RANGE; a session would have said what we say. */
const tooLarge = /^Node '(.*)' \(type: '.*', num of outputs: (\d+)\) does not have output (\d+)/;

/** statusOf makes a Failure of what the addon has thrown: TensorFlow's code and text, unwrapped, else Internal. The addon cuts what is longer than 499 bytes. */
export function statusOf(message: string): Failure {
  const cause = new Error(message);
  const [, code, text] = coded.exec(message) ?? told.exec(message) ?? [];
  if (code === undefined || text === undefined) return newError(Code.Internal, message, cause);
  const [, node, count, index] = tooLarge.exec(text) ?? [];
  if (node !== undefined) return newError(Code.InvalidArgument, `${node}:${index}: output index too large, must be < ${count}`, cause);
  return newError(toCode(Number(code)), text, cause);
}
