import { createConnectTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { overConnect } from "./connect.ts";
import { newGrpcTransport } from "./grpc.ts";
import { newRestTransport } from "./rest.ts";
import { urlOf, withoutTls } from "./target.ts";
import { connectionOptions } from "./tls.ts";
import type { NewTransport } from "./transport.ts";

/** newTransport in Node: every protocol; gRPC unless another is asked for. */
export const newTransport: NewTransport = (name, options) => {
  const { tls } = options;
  const nodeOptions = tls === undefined ? {} : { nodeOptions: connectionOptions(tls) };
  switch (name ?? "grpc") {
    case "grpc-web":
      return overConnect("grpc-web", createGrpcWebTransport({ baseUrl: urlOf(options), httpVersion: "1.1", ...nodeOptions }));
    case "connect":
      return overConnect("connect", createConnectTransport({ baseUrl: urlOf(options), httpVersion: "1.1", useBinaryFormat: true, ...nodeOptions }));
    case "rest":
      withoutTls(options, "REST goes through fetch, which takes none: set NODE_EXTRA_CA_CERTS, or use another transport");
      return newRestTransport(options);
    default:
      return newGrpcTransport(options);
  }
};
