import { readFileSync } from "node:fs";
import { createFileRegistry, type DescMessage, type FileRegistry, fromBinary } from "@bufbuild/protobuf";
import { type Any, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";

// What we use of connectrpc.conformance.v1. The descriptors are read at run time, so these types are what the compiler knows of them.

export interface Header {
  readonly name: string;
  readonly value: readonly string[];
}

/** Compression.COMPRESSION_GZIP, and values of StreamType of config.proto. */
export const gzip = 2;
export const streamType = { unary: 1, client: 2, fullDuplex: 5 } as const;

export interface ClientCompatRequest {
  readonly testName: string;
  readonly compression: number;
  readonly host: string;
  readonly port: number;
  readonly serverTlsCert: Uint8Array;
  readonly clientTlsCreds?: { readonly cert: Uint8Array; readonly key: Uint8Array };
  readonly messageReceiveLimit: number;
  readonly service: string;
  readonly method?: string;
  readonly streamType: number;
  readonly requestHeaders: readonly Header[];
  readonly requestMessages: readonly Any[];
  readonly timeoutMs?: number;
  readonly requestDelayMs: number;
  readonly cancel?: {
    readonly cancelTiming:
      | { readonly case: "beforeCloseSend" }
      | { readonly case: "afterCloseSendMs" | "afterNumResponses"; readonly value: number }
      | { readonly case: undefined };
  };
}

/** Result is a ClientResponseResult as `create` takes it. */
export interface Result {
  readonly responseHeaders: readonly Header[];
  readonly payloads: readonly unknown[];
  readonly error?: { readonly code: number; readonly message: string; readonly details: readonly Any[] };
  readonly responseTrailers: readonly Header[];
  readonly numUnsentRequests: number;
}

/** Schema is the suite's messages, and what its methods answer with. */
export interface Schema {
  readonly registry: FileRegistry;
  readonly request: DescMessage;
  readonly response: DescMessage;
  /** output is the answer's message of a method. */
  output(service: string, method: string): DescMessage;
}

const pkg = "connectrpc.conformance.v1";

/** loadSchema reads a file of a FileDescriptorSet. */
export function loadSchema(path: string): Schema {
  const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, readFileSync(path)));
  const message = (name: string): DescMessage => {
    const found = registry.getMessage(`${pkg}.${name}`);
    if (found === undefined) throw new Error(`${path} has no message ${pkg}.${name}`);
    return found;
  };
  return {
    registry,
    request: message("ClientCompatRequest"),
    response: message("ClientCompatResponse"),
    output(service, method) {
      const found = registry.getService(service)?.methods.find(({ name }) => name === method);
      if (found === undefined) throw new Error(`${path} has no method ${service}/${method}`);
      return found.output;
    },
  };
}
