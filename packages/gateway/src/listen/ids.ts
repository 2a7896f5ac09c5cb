import { type Field, type Fields, newField } from "@tfs/rpc";

/** RequestIds names requests, so that what clients, gateway and model servers write down about one can be put together. */
export interface RequestIds {
  /** of gives the id that a request came with, if it is well-formed, or one that is new. */
  of(request: Fields): Field;
}

export const requestIdName = "x-request-id";

/** What may be in an id goes into logs: 1 to 128 letters, digits, and signs that mean nothing to a shell, a terminal or a browser. */
const wellFormed = /^[\w.:/+=@~-]{1,128}$/;

/** metadataOf gives what a request that is not gRPC passes on to the model server: its id, and whose trace it belongs to (W3C Trace Context). */
export function metadataOf(request: Fields, id: Field): readonly Field[] {
  const list = [id];
  for (const field of request.list) if (field.name === "traceparent" || field.name === "tracestate") list.push(field);
  return list;
}

/** newRequestIds makes ids of a prefix, which is random, and a number that counts; `random` gives [0, 1). They are names, not secrets. */
export function newRequestIds(random: () => number): RequestIds {
  const prefix = Array.from({ length: 10 }, () => Math.floor(random() * 36).toString(36)).join("");
  let count = 0;
  return {
    of(request) {
      const given = request.get(requestIdName);
      return newField(requestIdName, given !== undefined && wellFormed.test(given) ? given : `${prefix}-${(count++).toString(36)}`);
    },
  };
}
