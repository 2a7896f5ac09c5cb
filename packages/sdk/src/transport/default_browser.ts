import { createConnectTransport, createGrpcWebTransport } from "@connectrpc/connect-web";
import { Code, newError } from "@tfs/std";
import { overConnect } from "./connect.ts";
import { newRestTransport } from "./rest.ts";
import { urlOf, withoutTls } from "./target.ts";
import type { NewTransport } from "./transport.ts";

/** newTransport in browsers, which cannot speak gRPC itself: gRPC-Web unless another is asked for. */
export const newTransport: NewTransport = (name, options) => {
  withoutTls(options, "a browser decides itself whom it trusts");
  switch (name ?? "grpc-web") {
    case "grpc":
      throw newError(Code.Unimplemented, 'browsers cannot speak gRPC: use transport "grpc-web", "connect" or "rest"');
    case "connect":
      return overConnect("connect", createConnectTransport({ baseUrl: urlOf(options), useBinaryFormat: true }));
    case "rest":
      return newRestTransport(options);
    default:
      return overConnect("grpc-web", createGrpcWebTransport({ baseUrl: urlOf(options), useBinaryFormat: true }));
  }
};
