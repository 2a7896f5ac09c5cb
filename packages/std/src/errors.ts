import { Code, codeName } from "./code.ts";

/**
 * Failure is the one error type that crosses package boundaries. `message` is for the peer, `cause` for our logs only.
 * `details` are serialised google.rpc detail messages, opaque here.
 */
class Failure extends Error {
  override readonly name = "Failure";
  readonly code: Code;
  readonly details: readonly Uint8Array[];

  constructor(code: Code, message: string, cause: unknown, details: readonly Uint8Array[]) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.details = details;
  }

  /** toString reads like TensorFlow's status text: `NOT_FOUND: model m has no version 3`. */
  override toString(): string {
    return `${codeName(this.code)}: ${this.message}`;
  }
}
export type { Failure };

/** newError makes the one error type we throw; `cause` is for our logs, never for the peer. */
export function newError(code: Code, message: string, cause?: unknown, details: readonly Uint8Array[] = []): Failure {
  return new Failure(code, message, cause, details);
}

/** isFailure tells whether err itself (not its causes) is a Failure; it also recognises one from another copy of this package. */
export function isFailure(err: unknown): err is Failure {
  return err instanceof Failure || (err instanceof Error && err.name === "Failure" && "code" in err && "details" in err);
}

/** as returns the first link of err's cause chain that is a `type`, or undefined. */
export function as<T extends Error>(err: unknown, type: new (...args: never[]) => T): T | undefined {
  for (const link of chain(err)) if (link instanceof type) return link;
  return undefined;
}

/** is tells whether `sentinel` itself is anywhere in err's cause chain. */
export function is(err: unknown, sentinel: unknown): boolean {
  for (const link of chain(err)) if (link === sentinel) return true;
  return false;
}

/** codeOf gives the outermost code of err's cause chain; Code.Unknown if there is none. */
export function codeOf(err: unknown): Code {
  return failureOf(err)?.code ?? Code.Unknown;
}

/** failureOf returns the outermost Failure of err's cause chain, or undefined. */
export function failureOf(err: unknown): Failure | undefined {
  for (const link of chain(err)) if (isFailure(link)) return link;
  return undefined;
}

/** toFailure returns err's outermost Failure, or wraps err as Internal with a text that tells the peer nothing of our inside. */
export function toFailure(err: unknown): Failure {
  return failureOf(err) ?? newError(Code.Internal, "internal error", err);
}

/** messageOf gives a one-line text for logs: the message of an Error, else its string form. */
export function messageOf(err: unknown): string {
  return err instanceof Error ? err.message : String(err);
}

/** unreachable ends a switch over a closed set: a new member stops compiling here. */
export function unreachable(value: never): never {
  throw new Error(`unreachable: ${String(value)}`);
}

/** A cause chain longer than this is a cycle or a bug; we stop looking. */
const maxLinks = 32;

function* chain(err: unknown): Generator<unknown> {
  let link = err;
  for (let i = 0; i < maxLinks && link !== undefined && link !== null; i++) {
    yield link;
    link = link instanceof Error ? link.cause : undefined;
  }
}
