import type { Arrival } from "@tfs/rpc";
import type { Code } from "@tfs/std";
import type { Seen } from "../infer/index.ts";

/** Protocol is how a call came in. */
export type Protocol = "grpc" | "grpc_web" | "connect" | "rest";
export const protocols: readonly Protocol[] = ["grpc", "grpc_web", "connect", "rest"];

/**
 * Method is what was asked; "other" is what nobody looked at, since there was too much to do, and what REST answers
 * without asking a model: preflights, descriptions, and what is no request of the API.
 */
export type Method = (typeof methods)[number];
export const methods = [
  "predict",
  "classify",
  "regress",
  "multi_inference",
  "metadata",
  "status",
  "reload_config",
  "session_run",
  "list_models",
  "other",
] as const;

/** Kind is what a call is counted as, before anything is known of a model. */
export interface Kind {
  readonly protocol: Protocol;
  readonly method: Method;
}

/** Call is one call under way. It ends once. */
export interface Call extends Seen {
  /** named says which model is asked for, once a request can be read, and what was asked, if that was not known at first. */
  named(model: string, method?: Method): void;
  /** received says that the request is there, and of how many bytes. Time counts from here. */
  received(bytes: number): void;
  end(code: Code, sentBytes: number): void;
}

/** Spans follows calls, each from its beginning to its end. */
export interface Spans {
  begin(kind: Kind, arrival: Arrival): Span;
  /** traceOf gives the id of the trace of the last call that came by an exchange; undefined if there is none. */
  traceOf(exchange: Arrival): string | undefined;
}

/** Span is a call that is followed. */
export interface Span {
  /** traceId is the trace that it is part of; undefined if that trace is not kept. */
  readonly traceId: string | undefined;
  end(ended: Ended): void;
}

/** Ended is what is known of a call in the end. */
export interface Ended extends Kind {
  readonly model: string;
  /** version and signature are empty if the call did not come to any. */
  readonly version: string;
  readonly signature: string;
  readonly code: Code;
  readonly seconds: number;
}
