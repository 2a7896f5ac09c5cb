import { type Fields, newField, newFields } from "@tfs/rpc";

/** Fields of one hop, or that the next hop gets anew. HTTP/2 forbids most of them anyway. */
const dropped = new Set([
  "host",
  "connection",
  "keep-alive",
  "proxy-connection",
  "transfer-encoding",
  "upgrade",
  "http2-settings",
  "grpc-timeout",
  "content-length",
]);

const plainScheme = newField(":scheme", "http");

/** requestFields are what a backend gets for a client's. How we talk to backends is plaintext, whatever the client's side is. */
export function requestFields(fields: Fields): Fields {
  const list = fields.list.filter(({ name }) => !dropped.has(name) && name !== ":scheme");
  const pseudo = list.filter(({ name }) => name.startsWith(":"));
  if (!pseudo.some(({ name }) => name === ":authority")) pseudo.push(newField(":authority", fields.get("host") ?? "localhost"));
  return newFields([...pseudo, plainScheme, ...list.filter(({ name }) => !name.startsWith(":"))]);
}

/** answerFields are what a client gets for a backend's. Most answers have the same fields as the one before, which the reader of blocks notices: the work is done once. */
export function answerFields(fields: Fields): Fields {
  fields.memo ??= fields.list.some(({ name }) => dropped.has(name)) ? newFields(fields.list.filter(({ name }) => !dropped.has(name))) : fields;
  return fields.memo as Fields;
}
