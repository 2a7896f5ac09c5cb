import { Code } from "@tfs/std";

/** What Connect calls a code, and the HTTP status of a unary call that ends with it (Connect protocol, "Error Codes"). */
const table: Readonly<Record<Code, readonly [name: string, httpStatus: number]>> = {
  [Code.Ok]: ["unknown", 200],
  [Code.Canceled]: ["canceled", 499],
  [Code.Unknown]: ["unknown", 500],
  [Code.InvalidArgument]: ["invalid_argument", 400],
  [Code.DeadlineExceeded]: ["deadline_exceeded", 504],
  [Code.NotFound]: ["not_found", 404],
  [Code.AlreadyExists]: ["already_exists", 409],
  [Code.PermissionDenied]: ["permission_denied", 403],
  [Code.ResourceExhausted]: ["resource_exhausted", 429],
  [Code.FailedPrecondition]: ["failed_precondition", 400],
  [Code.Aborted]: ["aborted", 409],
  [Code.OutOfRange]: ["out_of_range", 400],
  [Code.Unimplemented]: ["unimplemented", 501],
  [Code.Internal]: ["internal", 500],
  [Code.Unavailable]: ["unavailable", 503],
  [Code.DataLoss]: ["data_loss", 500],
  [Code.Unauthenticated]: ["unauthenticated", 401],
};

/** connectCode gives the name of a code other than OK. */
export function connectCode(code: Code): string {
  return table[code][0];
}

/** connectStatus gives the HTTP status of a unary answer. */
export function connectStatus(code: Code): number {
  return table[code][1];
}
