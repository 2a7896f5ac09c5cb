import { Code, codeName, type Failure, isFailure, newError, toFailure } from "@tfs/std";

/** TfsError is what every call throws: a Failure (gRPC code, message, cause) that also knows the call. */
export interface TfsError extends Failure {
  /** codeName is the code's canonical name: "NOT_FOUND". */
  readonly codeName: string;
  /** model is the name that was asked for. */
  readonly model: string;
  /** attempts is how often the call was sent; 0 if it was refused before. */
  readonly attempts: number;
  /** hint says what to look at; undefined if the message says it all. */
  readonly hint: string | undefined;
}

/** isTfsError tells whether a caught value is one of ours. */
export function isTfsError(err: unknown): err is TfsError {
  return isFailure(err) && "codeName" in err && "attempts" in err;
}

/** callError makes the error of a call. A plain AbortSignal reason becomes Canceled. */
export function callError(err: unknown, call: { readonly model: string; readonly target: string; readonly attempts: number }): TfsError {
  if (isTfsError(err)) return err;
  const failure = isFailure(err) ? err : toFailure(err);
  const own = newError(failure.code, failure.message, err, failure.details);
  return Object.assign(own, { codeName: codeName(failure.code), model: call.model, attempts: call.attempts, hint: hintFor(failure, call) });
}

function hintFor({ code, message }: Failure, { model, target }: { readonly model: string; readonly target: string }): string | undefined {
  switch (code) {
    case Code.Unavailable:
      if (/certificate|altnames/.test(message)) return "tls.ca says whom to trust, tls.serverName which name the certificate must bear";
      return `is a model server listening at ${target}? gRPC and REST have ports of their own (8500 and 8501)`;
    case Code.NotFound:
      return `status({ model: ${JSON.stringify(model)} }) lists the versions that the server has seen`;
    case Code.DeadlineExceeded:
      return "raise timeoutMs, or look at the server's latency";
    case Code.Unimplemented:
      return "does the target speak this protocol on this port?";
    default:
      return undefined;
  }
}
