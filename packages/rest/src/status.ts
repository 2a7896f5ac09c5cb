import { Code } from "@tfs/std";
import { quotedText } from "./writer.ts";

const statuses: Readonly<Record<Code, number>> = {
  [Code.Ok]: 200,
  [Code.Canceled]: 499,
  [Code.Unknown]: 500,
  [Code.InvalidArgument]: 400,
  [Code.DeadlineExceeded]: 504,
  [Code.NotFound]: 404,
  [Code.AlreadyExists]: 409,
  [Code.PermissionDenied]: 403,
  [Code.ResourceExhausted]: 429,
  [Code.FailedPrecondition]: 400,
  [Code.Aborted]: 409,
  [Code.OutOfRange]: 400,
  [Code.Unimplemented]: 501,
  [Code.Internal]: 500,
  [Code.Unavailable]: 503,
  [Code.DataLoss]: 500,
  [Code.Unauthenticated]: 401,
};

/** httpStatus gives the HTTP status of a code. */
export function httpStatus(code: Code): number {
  return statuses[code] ?? 500;
}

const codes: Readonly<Record<number, Code>> = {
  400: Code.InvalidArgument,
  401: Code.Unauthenticated,
  403: Code.PermissionDenied,
  404: Code.NotFound,
  409: Code.Aborted,
  413: Code.ResourceExhausted,
  429: Code.ResourceExhausted,
  499: Code.Canceled,
  500: Code.Internal,
  501: Code.Unimplemented,
  502: Code.Unavailable,
  503: Code.Unavailable,
  504: Code.DeadlineExceeded,
};

/** codeFromHttp is what a client makes of a status; several codes share one status, so the way back loses. */
export function codeFromHttp(status: number): Code {
  return codes[status] ?? (status >= 200 && status < 300 ? Code.Ok : Code.Unknown);
}

const encoder = new TextEncoder();

/** printError writes the body of every error: one object with the message. */
export function printError(message: string): Uint8Array {
  return encoder.encode(`{\n    "error": ${quotedText(message)}\n}`);
}
