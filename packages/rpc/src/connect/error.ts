import type { Failure } from "@tfs/std";
import { readAny } from "../details.ts";
import type { Fields } from "../fields.ts";
import { encodeBinary } from "../metadata.ts";
import { connectCode } from "./code.ts";

/** The flag of the envelope that ends a stream (Connect protocol, "EndStreamResponse"). */
const endFlag = 2;
const prefixBytes = 5;

/** connectError writes a failure as Connect's JSON (Connect protocol, "Error End-Stream"). A detail that is no Any is left out: the rest of the error counts. */
export function connectError(failure: Failure): Uint8Array {
  return Buffer.from(JSON.stringify(errorOf(failure)));
}

/** connectEnd writes the envelope that ends a stream: how it went, and the metadata that gRPC would send as trailers. */
export function connectEnd(failure: Failure | undefined, metadata: Fields | undefined): Uint8Array {
  const end: Record<string, unknown> = {};
  if (failure !== undefined) end["error"] = errorOf(failure);
  if (metadata !== undefined && metadata.list.length > 0) end["metadata"] = valuesOf(metadata);
  const json = Buffer.from(JSON.stringify(end));
  const framed = Buffer.allocUnsafe(prefixBytes + json.length);
  framed[0] = endFlag;
  framed.writeUInt32BE(json.length, 1);
  framed.set(json, prefixBytes);
  return framed;
}

function errorOf(failure: Failure): Record<string, unknown> {
  const error: Record<string, unknown> = { code: connectCode(failure.code) };
  if (failure.message !== "") error["message"] = failure.message;
  const details = failure.details.flatMap((bytes) => {
    const any = readAny(bytes);
    return any === undefined ? [] : [{ type: any.typeUrl.slice(any.typeUrl.lastIndexOf("/") + 1), value: encodeBinary(any.value) }];
  });
  if (details.length > 0) error["details"] = details;
  return error;
}

function valuesOf(fields: Fields): Record<string, string[]> {
  const values: Record<string, string[]> = Object.create(null);
  for (const { name, value } of fields.list) (values[name] ??= []).push(value);
  return values;
}
