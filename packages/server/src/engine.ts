import { type Engine, newEmbeddedEngine, newIsolatedEngine } from "@tfs/engine";
import { type Clock, Code, type Logger, newError } from "@tfs/std";

/** engineOf gives an engine by its name. Throws InvalidArgument if there is none. */
export function engineOf(name: string): Engine {
  if (name === "embedded") return newEmbeddedEngine();
  throw newError(Code.InvalidArgument, `there is no engine ${name}; known: embedded`);
}

export interface IsolationOptions {
  /** command starts this server's `engine-child`, which takes the server's flags. */
  readonly command: readonly string[];
  readonly clock: Clock;
  readonly logger: Logger;
}

/** isolated gives an engine that runs another in processes of their own. */
export function isolated({ name }: Engine, { command, clock, logger }: IsolationOptions): Engine {
  return newIsolatedEngine({ command: [...command, `--engine=${name}`], name, clock, logger });
}
