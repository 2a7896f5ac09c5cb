import { Code, codeName, type Failure, newError, toCode } from "@tfs/std";
import { decodeDetails, encodeDetails } from "./details.ts";
import { type Field, type Fields, moreFields, newField, newFields } from "./fields.ts";
import { decodeBinary, encodeBinary } from "./metadata.ts";

/** encodeStatusMessage makes the value of grpc-message: UTF-8, with everything but printable ASCII and "%" itself percent-encoded; so are blanks at its ends, which HTTP drops. */
export function encodeStatusMessage(text: string): string {
  if (/^(?! )[\x20-\x24\x26-\x7e]*(?<! )$/.test(text)) return text;
  let encoded = "";
  for (const byte of Buffer.from(text)) {
    encoded += byte >= 0x20 && byte <= 0x7e && byte !== 0x25 ? String.fromCharCode(byte) : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }
  return encoded.replace(/^ | $/g, "%20");
}

/** decodeStatusMessage is the inverse; it never fails: a broken escape stays as it is, bytes that are not UTF-8 become U+FFFD. */
export function decodeStatusMessage(value: string): string {
  if (!value.includes("%")) return value;
  const bytes = value.replace(/%([0-9a-fA-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(bytes, "latin1").toString("utf8");
}

/** trailersFor writes a failure as trailers: grpc-status, grpc-message and, if it has details, grpc-status-details-bin. */
export function trailersFor(failure: Failure): Fields {
  return newFields(statusFields(failure));
}

/** trailersOnly is a whole response that is nothing but a failure: fields to send with END_STREAM. HTTP status 200, as gRPC wants it. */
export function trailersOnly(failure: Failure): Fields {
  return moreFields(grpcAnswer, statusFields(failure));
}

/** grpcAnswer are the fields of an answer that goes on with messages; trailersOk those at its end. */
export const grpcAnswer: Fields = newFields([newField(":status", "200"), newField("content-type", "application/grpc")]);
export const trailersOk: Fields = newFields([newField("grpc-status", "0")]);

function statusFields(failure: Failure): Field[] {
  const fields = [newField("grpc-status", String(failure.code)), newField("grpc-message", encodeStatusMessage(failure.message))];
  if (failure.details.length > 0) fields.push(newField("grpc-status-details-bin", encodeBinary(encodeDetails(failure))));
  return fields;
}

/** failureFromTrailers reads trailers (or headers of a trailers-only response): undefined for OK; without a grpc-status it falls back to the HTTP status. */
export function failureFromTrailers(trailers: Fields | undefined, httpStatus = 200): Failure | undefined {
  const status = trailers?.get("grpc-status");
  if (trailers === undefined || status === undefined) return failureFromHttp(httpStatus);
  if (status === "0") return undefined;
  const code = /^\d{1,2}$/.test(status) ? toCode(Number(status)) : Code.Unknown;
  const raw = trailers.get("grpc-message");
  const message = raw !== undefined ? decodeStatusMessage(raw) : codeName(code);
  return newError(code, message, undefined, detailsOf(trailers));
}

/** What may answer application/grpc, whose messages are protobuf: with that said or not. */
const grpcProto = /^application\/grpc(?:\+proto)?(?:;|$)/;

/** answerFault tells what is wrong with an answer that is not gRPC with protobuf, by its first fields. */
export function answerFault(headers: Fields): Failure | undefined {
  const type = headers.get("content-type") ?? "";
  if (grpcProto.test(type) || headers.get("grpc-status") !== undefined) return undefined;
  const httpStatus = Number(headers.get(":status"));
  if (httpStatus !== 200) return failureFromHttp(httpStatus);
  const otherwise = type.startsWith("application/grpc+");
  return newError(otherwise ? Code.Internal : Code.Unknown, `response is not gRPC${otherwise ? " with protobuf" : ""}: content-type ${JSON.stringify(type)}`);
}

function failureFromHttp(httpStatus: number): Failure {
  if (httpStatus === 200) return newError(Code.Unknown, "response has no grpc-status");
  return newError(codeFromHttpStatus(httpStatus), `HTTP status ${httpStatus} without grpc-status`);
}

/** detailsOf never fails: details that cannot be read are dropped, the status itself counts. */
function detailsOf(trailers: Fields): readonly Uint8Array[] {
  const value = trailers.get("grpc-status-details-bin");
  if (value === undefined) return [];
  try {
    return decodeDetails(decodeBinary(value));
  } catch {
    return [];
  }
}

/** codeFromHttpStatus maps the status of a response that is not gRPC. Source: grpc/doc/http-grpc-status-mapping.md. */
export function codeFromHttpStatus(httpStatus: number): Code {
  switch (httpStatus) {
    case 400:
      return Code.Internal;
    case 401:
      return Code.Unauthenticated;
    case 403:
      return Code.PermissionDenied;
    case 404:
      return Code.Unimplemented;
    case 429:
    case 502:
    case 503:
    case 504:
      return Code.Unavailable;
    default:
      return Code.Unknown;
  }
}

/** codeFromReset maps the error code of an RST_STREAM or GOAWAY. Source: gRPC over HTTP/2, "Errors". */
export function codeFromReset(errorCode: number): Code {
  switch (errorCode) {
    case 7: // REFUSED_STREAM
      return Code.Unavailable;
    case 8: // CANCEL
      return Code.Canceled;
    case 11: // ENHANCE_YOUR_CALM
      return Code.ResourceExhausted;
    case 12: // INADEQUATE_SECURITY
      return Code.PermissionDenied;
    default:
      return Code.Internal;
  }
}
