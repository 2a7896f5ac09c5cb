import { createConnectTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { baseUrl, overConnect } from "./connect.ts";
import { newGrpcTransport } from "./grpc.ts";
import { newRestTransport } from "./rest.ts";
import type { NewTransport } from "./transport.ts";

/** newTransport in Node: every protocol; gRPC unless another is asked for. */
export const newTransport: NewTransport = (name, options) => {
  switch (name ?? "grpc") {
    case "grpc-web":
      return overConnect("grpc-web", createGrpcWebTransport({ baseUrl: baseUrl(options.target), httpVersion: "1.1" }));
    case "connect":
      return overConnect("connect", createConnectTransport({ baseUrl: baseUrl(options.target), httpVersion: "1.1", useBinaryFormat: true }));
    case "rest":
      return newRestTransport(options);
    default:
      return newGrpcTransport(options);
  }
};
