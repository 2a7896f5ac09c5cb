import { Agent } from "node:http";
import { createRegistry } from "@bufbuild/protobuf";
import type { Transport } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { SignatureDefMapSchema } from "@tfs/proto";

const jsonOptions = { registry: createRegistry(SignatureDefMapSchema) };

/** Wire is one protocol to call a server by. */
export interface Wire extends Disposable {
  readonly name: string;
  /** duplex: both sides may speak at a time. */
  readonly duplex: boolean;
  readonly transport: Transport;
}

/** wires gives every protocol that the gRPC port speaks: gRPC, gRPC-Web and Connect, over HTTP/2 and HTTP/1.1, binary and JSON. */
export function wires(baseUrl: string): Wire[] {
  return [
    http2("grpc", baseUrl, (options) => createGrpcTransport(options)),
    http1("grpc-web over HTTP/1.1", (nodeOptions) => createGrpcWebTransport({ baseUrl, httpVersion: "1.1", nodeOptions })),
    http2("grpc-web over HTTP/2", baseUrl, (options) => createGrpcWebTransport({ ...options, httpVersion: "2" })),
    http1("connect", (nodeOptions) => createConnectTransport({ baseUrl, httpVersion: "1.1", nodeOptions, useBinaryFormat: true })),
    http1("connect with JSON", (nodeOptions) => createConnectTransport({ baseUrl, httpVersion: "1.1", nodeOptions, useBinaryFormat: false, jsonOptions })),
    http2("connect over HTTP/2", baseUrl, (options) => createConnectTransport({ ...options, httpVersion: "2", useBinaryFormat: true })),
    http2("connect with JSON over HTTP/2", baseUrl, (options) => createConnectTransport({ ...options, httpVersion: "2", useBinaryFormat: false, jsonOptions })),
    http2("grpc with JSON", baseUrl, (options) => createGrpcTransport({ ...options, useBinaryFormat: false, jsonOptions })),
  ];
}

/** Connections that nothing was asked on for so long are closed by who opened them, long before a server does: else a request might meet a connection that is being closed. */
const idleMs = 20_000;

function http1(name: string, open: (nodeOptions: { readonly agent: Agent }) => Transport): Wire {
  const agent = new Agent({ keepAlive: true, timeout: idleMs });
  return { name, duplex: false, transport: open({ agent }), [Symbol.dispose]: () => agent.destroy() };
}

function http2(name: string, baseUrl: string, open: (options: { readonly baseUrl: string; readonly sessionManager: Http2SessionManager }) => Transport): Wire {
  const sessionManager = new Http2SessionManager(baseUrl);
  return { name, duplex: true, transport: open({ baseUrl, sessionManager }), [Symbol.dispose]: () => sessionManager.abort() };
}
