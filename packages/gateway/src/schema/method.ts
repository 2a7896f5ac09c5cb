import { type DescMessage, type DescMethod, fromBinary, type Registry, toBinary, toJsonString } from "@bufbuild/protobuf";
import { MethodOptions_IdempotencyLevel } from "@bufbuild/protobuf/wkt";
import { pathOf, readJson } from "@tfs/services";
import { Code, messageOf, newError } from "@tfs/std";

export type MethodKind = "unary" | "server_streaming" | "client_streaming" | "bidi_streaming";

/** Method is one method of a service, and the JSON form of its messages (protobuf's own JSON mapping, not TensorFlow Serving's). */
export interface Method {
  /** path is "/package.Service/Method". */
  readonly path: string;
  readonly kind: MethodKind;
  /** idempotent tells that the method is declared to have no side effects (idempotency_level NO_SIDE_EFFECTS). */
  readonly idempotent: boolean;
  /** requestFromJson gives the binary message for a JSON one in UTF-8; unknown fields are ignored. Throws InvalidArgument naming the field that is wrong. */
  requestFromJson(json: Uint8Array): Uint8Array;
  /** responseToJson gives the JSON message in UTF-8 for a binary one. Throws Internal if it is none, or holds an Any whose type no descriptor names. */
  responseToJson(message: Uint8Array): Uint8Array;
}

const utf8 = new TextEncoder();
const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** newMethod makes a method; `registry` names the types that an Any or an extension may hold. */
export function newMethod(desc: DescMethod, registry: Registry): Method {
  const { input, output } = desc;
  return {
    path: pathOf(desc),
    kind: desc.methodKind,
    idempotent: desc.idempotency === MethodOptions_IdempotencyLevel.NO_SIDE_EFFECTS,
    requestFromJson: (json) => fromJson(input, json, registry),
    responseToJson: (message) => toJson(output, message, registry),
  };
}

function fromJson(type: DescMessage, json: Uint8Array, registry: Registry): Uint8Array {
  try {
    return toBinary(type, readJson(type, text.decode(json), registry)); // unknown fields are ignored, as Connect's own servers do
  } catch (err) {
    throw newError(Code.InvalidArgument, `the request is no ${type.typeName}: ${messageOf(err)}`, err);
  }
}

function toJson(type: DescMessage, message: Uint8Array, registry: Registry): Uint8Array {
  try {
    return utf8.encode(toJsonString(type, fromBinary(type, message), { registry }));
  } catch (err) {
    throw newError(Code.Internal, `the answer is no ${type.typeName} that JSON can hold: ${messageOf(err)}`, err);
  }
}
