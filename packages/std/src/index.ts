/**
 * Package std is what Go has in its standard library and Node lacks: contexts, errors with gRPC codes, task groups,
 * a clock and a log that are handed in. It knows nothing of tensors, protos or HTTP, and runs in browsers.
 *
 *     using ctx = withTimeout(background(), 500);
 *     const group = newGroup(ctx);
 *     group.go((ctx) => poll(ctx));
 *     await group.wait(); // throws the first failure
 *
 * @module
 */
export type { Clock, Timer } from "./clock.ts";
export { sleep, systemClock } from "./clock.ts";
export { Code, codeName, toCode } from "./code.ts";
export type { CancelCtx, Ctx, Key } from "./ctx.ts";
export {
  background,
  canceled,
  deadlineExceeded,
  done,
  hasEnded,
  newKey,
  race,
  remainingMs,
  throwIfDone,
  withCancel,
  withSignal,
  withTimeout,
  withValue,
} from "./ctx.ts";
export type { Failure } from "./errors.ts";
export { as, codeOf, failureOf, is, isFailure, messageOf, newError, toFailure, unreachable } from "./errors.ts";
export type { Flag, FlagKind, Flags } from "./flags.ts";
export { parseFlags, usage } from "./flags.ts";
export type { Group } from "./group.ts";
export { newGroup } from "./group.ts";
export type { Fields, Level, Logger, LoggerOptions } from "./log.ts";
export { discard, newLogger } from "./log.ts";
export type { Load } from "./load.ts";
export { newLoad } from "./load.ts";
export { nearest } from "./nearest.ts";
export type { Pace } from "./pace.ts";
export { newPace } from "./pace.ts";
export type { ArrayOf } from "./slab.ts";
export { carve } from "./slab.ts";
