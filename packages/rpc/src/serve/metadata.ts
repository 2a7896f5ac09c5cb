import { type Field, type Fields, newFields } from "../fields.ts";

/** Fields of HTTP and of the three protocols; all others are the application's. */
const protocolFields: ReadonlySet<string> = new Set([
  "accept",
  "accept-encoding",
  "connection",
  "content-encoding",
  "content-length",
  "content-type",
  "date",
  "expect",
  "host",
  "http2-settings",
  "keep-alive",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "connect-accept-encoding",
  "connect-content-encoding",
  "connect-protocol-version",
  "connect-timeout-ms",
  "grpc-accept-encoding",
  "grpc-encoding",
  "grpc-message",
  "grpc-status",
  "grpc-status-details-bin",
  "grpc-timeout",
  "x-grpc-web",
]);

/** metadataFields keeps of a request's, an answer's or a trailer's fields those that are the application's, in their order. */
export function metadataFields(fields: Fields): Fields {
  return newFields(fields.list.filter(isMetadata));
}

function isMetadata({ name }: Field): boolean {
  return !name.startsWith(":") && !protocolFields.has(name);
}
