import { Code, type Failure, newError } from "@tfs/std";

// google.rpc.Status by hand, because this package knows no message type: 1 code (varint), 2 message (string), 3 details (repeated Any).
const codeTag = 0x08;
const messageTag = 0x12;
const detailsTag = 0x1a;
// google.protobuf.Any: 1 type_url (string), 2 value (bytes).
const typeUrlTag = 0x0a;
const valueTag = 0x12;

/** encodeDetails serialises a failure as google.rpc.Status, the content of grpc-status-details-bin. Each detail is a serialised google.protobuf.Any. */
export function encodeDetails(failure: Failure): Uint8Array {
  const message = Buffer.from(failure.message);
  const parts: Uint8Array[] = [Uint8Array.of(codeTag, failure.code), Uint8Array.from([messageTag, ...varint(message.length)]), message];
  for (const detail of failure.details) parts.push(Uint8Array.from([detailsTag, ...varint(detail.length)]), detail);
  return Buffer.concat(parts);
}

/** decodeDetails gives the details of a serialised google.rpc.Status. Throws DataLoss if it is cut or malformed. */
export function decodeDetails(status: Uint8Array): readonly Uint8Array[] {
  const details: Uint8Array[] = [];
  eachField(status, (tag, field) => {
    if (tag === detailsTag) details.push(field);
  });
  return details;
}

/** Any is a serialised google.protobuf.Any, looked into as far as its type. */
export interface Any {
  readonly typeUrl: string;
  readonly value: Uint8Array;
}

/** readAny gives undefined for bytes that are no Any. */
export function readAny(bytes: Uint8Array): Any | undefined {
  let typeUrl = "";
  let value = new Uint8Array(0);
  try {
    eachField(bytes, (tag, field) => {
      if (tag === typeUrlTag) typeUrl = Buffer.from(field).toString("utf8");
      else if (tag === valueTag) value = Uint8Array.from(field);
    });
  } catch {
    return undefined;
  }
  return typeUrl === "" ? undefined : { typeUrl, value };
}

/** eachField visits the length-delimited fields of a message. Throws DataLoss if it is cut or malformed. */
function eachField(bytes: Uint8Array, visit: (tag: number, field: Uint8Array) => void): void {
  let at = 0;
  const readVarint = (): number => {
    let value = 0;
    for (let shift = 1; shift <= 2 ** 63; shift *= 128) {
      const byte = bytes[at++];
      if (byte === undefined) break;
      value += (byte & 0x7f) * shift;
      if (byte < 0x80) return value;
    }
    throw malformed();
  };
  const skip = (count: number): Uint8Array => {
    if (count > bytes.length - at) throw malformed();
    at += count;
    return bytes.subarray(at - count, at);
  };
  while (at < bytes.length) {
    const tag = readVarint();
    if (tag % 8 === 0) readVarint();
    else if (tag % 8 === 1) skip(8);
    else if (tag % 8 === 5) skip(4);
    else if (tag % 8 === 2) visit(tag, skip(readVarint()));
    else throw malformed();
  }
}

function malformed(): Failure {
  return newError(Code.DataLoss, "grpc-status-details-bin is malformed");
}

function varint(n: number): number[] {
  const bytes: number[] = [];
  let rest = n;
  for (; rest > 0x7f; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 0x80);
  bytes.push(rest);
  return bytes;
}
