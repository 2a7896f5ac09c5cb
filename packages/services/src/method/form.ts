import { type DescMessage, fromBinary, fromJsonString, type MessageShape, type Registry, toBinary, toJsonString } from "@bufbuild/protobuf";
import type { Exchange } from "@tfs/rpc";
import { Code, type Ctx, type Failure, messageOf, newError } from "@tfs/std";
import type { Answer, Codec, Unary } from "./method.ts";

/** Form is how a method's messages are read and written in one codec. */
export interface Form<I, O> {
  /** read throws Internal for bytes that are no message, as gRPC's own list of codes has it; InvalidArgument naming what is wrong for JSON. Fields of JSON that are not known are ignored: a client may be newer. */
  read(bytes: Uint8Array): I;
  write(message: O): Uint8Array;
}

/** Described is what generated code says of a method. */
export interface Described<I extends DescMessage, O extends DescMessage> {
  readonly parent: { readonly typeName: string };
  readonly name: string;
  readonly input: I;
  readonly output: O;
}

/** Verb is a method on messages. */
export type Verb<I extends DescMessage, O extends DescMessage> = (ctx: Ctx, request: MessageShape<I>, exchange: Exchange) => Promise<MessageShape<O>>;

/** newForm makes the form of a codec; `registry` names the types that an Any may hold in JSON. */
export function newForm<I extends DescMessage, O extends DescMessage>(
  { input, output }: { readonly input: I; readonly output: O },
  codec: Codec,
  registry?: Registry,
): Form<MessageShape<I>, MessageShape<O>> {
  if (codec === "proto") return { read: (bytes) => readBinary(input, bytes), write: (message) => toBinary(output, message) };
  const options = registry && { registry };
  return {
    read(bytes) {
      try {
        return readJson(input, new TextDecoder().decode(bytes), registry);
      } catch (err) {
        throw newError(Code.InvalidArgument, messageOf(err), err);
      }
    },
    write: (message) => new TextEncoder().encode(toJsonString(output, message, options)),
  };
}

/**
 * readJson reads a message in JSON. Fields that are not known are ignored: a client may be newer. A value of an enum by a name that is not known is refused where all fields are
 * known: protobuf-es ignores both or neither, and what the name stood for would be missing. Throws what protobuf-es throws.
 */
export function readJson<D extends DescMessage>(type: D, json: string, registry: Registry | undefined): MessageShape<D> {
  const options = registry && { registry };
  try {
    return fromJsonString(type, json, options);
  } catch (err) {
    if (!/ key ".*" is unknown$/s.test(messageOf(err))) throw err;
    return fromJsonString(type, json, { ...options, ignoreUnknownFields: true });
  }
}

/** What gRPC has one code for with faults of ours is told from them by how its text begins. */
const unreadable = "parse binary: ";

/** isUnreadable tells whether a call failed because its message does not decode, which is its caller's fault. */
export function isUnreadable(failure: Failure): boolean {
  return failure.code === Code.Internal && failure.message.startsWith(unreadable);
}

function readBinary<D extends DescMessage>(input: D, bytes: Uint8Array): MessageShape<D> {
  try {
    return fromBinary(input, bytes);
  } catch (err) {
    throw newError(Code.Internal, `${unreadable}${messageOf(err)}`, err);
  }
}

/** newUnary makes a method from what it does with messages, and gives it with its path. */
export function newUnary<I extends DescMessage, O extends DescMessage>(
  desc: Described<I, O>,
  verb: Verb<I, O>,
  options: { readonly registry?: Registry; readonly maxRequestBytes?: number } = {},
): [path: string, method: Unary] {
  const { registry, ...bounds } = options;
  return [
    pathOf(desc),
    { kind: "unary", name: desc.name, ...bounds, proto: answerIn(newForm(desc, "proto"), verb), json: answerIn(newForm(desc, "json", registry), verb) },
  ];
}

/** answerIn makes a verb answer bytes by bytes. */
export function answerIn<I extends DescMessage, O extends DescMessage>(form: Form<MessageShape<I>, MessageShape<O>>, verb: Verb<I, O>): Answer {
  return async (ctx, request, exchange) => form.write(await verb(ctx, form.read(request), exchange));
}

/** pathOf gives the path under which a method is called. */
export function pathOf({ parent, name }: { readonly parent: { readonly typeName: string }; readonly name: string }): string {
  return `/${parent.typeName}/${name}`;
}
