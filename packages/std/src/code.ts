/**
 * Code is a gRPC status code, which is also TensorFlow's `tensorflow.error.Code` (the numbers are the same set, 0 to 16).
 * Source: grpc/doc/statuscodes.md; tensorflow/core/protobuf/error_codes.proto.
 */
export const Code = {
  Ok: 0,
  Canceled: 1,
  Unknown: 2,
  InvalidArgument: 3,
  DeadlineExceeded: 4,
  NotFound: 5,
  AlreadyExists: 6,
  PermissionDenied: 7,
  ResourceExhausted: 8,
  FailedPrecondition: 9,
  Aborted: 10,
  OutOfRange: 11,
  Unimplemented: 12,
  Internal: 13,
  Unavailable: 14,
  DataLoss: 15,
  Unauthenticated: 16,
} as const;
export type Code = (typeof Code)[keyof typeof Code];

const names = [
  "OK",
  "CANCELLED",
  "UNKNOWN",
  "INVALID_ARGUMENT",
  "DEADLINE_EXCEEDED",
  "NOT_FOUND",
  "ALREADY_EXISTS",
  "PERMISSION_DENIED",
  "RESOURCE_EXHAUSTED",
  "FAILED_PRECONDITION",
  "ABORTED",
  "OUT_OF_RANGE",
  "UNIMPLEMENTED",
  "INTERNAL",
  "UNAVAILABLE",
  "DATA_LOSS",
  "UNAUTHENTICATED",
] as const;

/** codeName gives the canonical upper-case name ("NOT_FOUND"); a number outside 0–16 gives "CODE(n)". */
export function codeName(code: number): string {
  return names[code] ?? `CODE(${code})`;
}

/** toCode narrows a number from the wire; anything outside 0–16 becomes Unknown, as gRPC libraries do. */
export function toCode(n: number): Code {
  return Number.isInteger(n) && n >= 0 && n <= 16 ? (n as Code) : Code.Unknown;
}
