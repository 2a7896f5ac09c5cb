import { Code, isFailure, newError } from "@tfs/std";
import type { State } from "./kernel.ts";
import { left } from "./leash.ts";

/** located adds the node, as TensorFlow does; an inner node of a function's body has added its own already. */
export function located(err: unknown, name: string, state: State): unknown {
  if (err === left || err === state.ctx.signal.reason || (isFailure(err) && err.message.includes("[[{{node"))) return err;
  if (isFailure(err)) {
    if (err.code === Code.DeadlineExceeded || err.code === Code.Canceled) return err;
    return newError(err.code, `${err.message}\n\t [[{{node ${name}}}]]`, err.cause);
  }
  return newError(Code.Internal, `the kernel failed\n\t [[{{node ${name}}}]]`, err);
}
