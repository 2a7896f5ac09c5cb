import { createConnectTransport, createGrpcWebTransport } from "@connectrpc/connect-web";
import { Code, newError } from "@tfs/std";
import { baseUrl, overConnect } from "./connect.ts";
import { newRestTransport } from "./rest.ts";
import type { NewTransport } from "./transport.ts";

/** newTransport in browsers, which cannot speak gRPC itself: gRPC-Web unless another is asked for. */
export const newTransport: NewTransport = (name, options) => {
  switch (name ?? "grpc-web") {
    case "grpc":
      throw newError(Code.Unimplemented, 'browsers cannot speak gRPC: use transport "grpc-web", "connect" or "rest"');
    case "connect":
      return overConnect("connect", createConnectTransport({ baseUrl: baseUrl(options.target), useBinaryFormat: true }));
    case "rest":
      return newRestTransport(options);
    default:
      return overConnect("grpc-web", createGrpcWebTransport({ baseUrl: baseUrl(options.target), useBinaryFormat: true }));
  }
};
