import type { Exchange, ServerCall } from "@tfs/rpc";
import type { Ctx } from "@tfs/std";

/** Codec is how messages are written: protobuf's binary form, or its JSON. */
export type Codec = "proto" | "json";

/** Answer gives the answer's bytes for a request's; the exchange tells who asks. */
export type Answer = (ctx: Ctx, request: Uint8Array, exchange: Exchange) => Promise<Uint8Array>;

interface Named {
  readonly name: string;
  /** maxRequestBytes bounds one message of the request, if that is less than whoever serves the call allows. */
  readonly maxRequestBytes?: number;
}

/** Unary is a method with one message each way, for each of the codecs that it may be called in. */
export interface Unary extends Named {
  readonly kind: "unary";
  /** lends: once a call has its answer, nothing refers to its request's bytes, the answer neither, and their memory goes at once. Default: the collector finds out. */
  readonly lends?: boolean;
  readonly proto: Answer;
  readonly json: Answer;
}

/** Streaming is a method with any number of messages, one way or both. */
export interface Streaming extends Named {
  readonly kind: "streaming";
  /** open takes a call over: it sets the call's handler before it returns. */
  open(call: ServerCall, codec: Codec): void;
}

/** Method is one method of a service. */
export type Method = Unary | Streaming;

/** Methods are methods by path, "/package.Service/Method". */
export type Methods = ReadonlyMap<string, Method>;
