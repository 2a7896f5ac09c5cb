import { Code, codeOf, type Failure, messageOf, newError } from "@tfs/std";
import type { EngineName } from "../engine.ts";

/** Reason says why an engine does not run a model. */
export interface Reason {
  readonly engine: EngineName;
  readonly why: string;
  readonly code: Code;
}

export function reasonOf(engine: EngineName, err: unknown): Reason {
  return { engine, why: messageOf(err), code: codeOf(err) };
}

/** tookTooLong is the reason of who was not done when the time for choosing was up. */
export function tookTooLong(engine: EngineName, what: string): Reason {
  return { engine, why: `${what} took too long`, code: Code.DeadlineExceeded };
}

/** listed puts reasons into one line; of each text the first: TensorFlow's have notes on nodes and devices behind it. */
export function listed(reasons: readonly Reason[]): string {
  return reasons.map(({ engine, why }) => `${engine}: ${firstLine(why)}`).join("; ");
}

export function firstLine(text: string): string {
  return text.split("\n", 1)[0]!;
}

/** noneCan is the error of a model that no engine runs. Its code is that of the engines that were asked, if they agree, and else that of the last of them. */
export function noneCan(missing: readonly Reason[], asked: readonly Reason[], cause?: unknown): Failure {
  const all = [...asked, ...missing];
  return newError((asked.at(-1) ?? missing.at(-1))?.code ?? Code.Unavailable, `no engine can run the model: ${listed(all)}`, cause);
}
