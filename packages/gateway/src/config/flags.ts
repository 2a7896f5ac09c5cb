import type { Flag } from "@tfs/std";
import { defaults } from "./config.ts";
import { limitFlags } from "./limits.ts";
import { tlsFlags } from "./tls.ts";

/** headline begins --help. */
export const headline = "tfs-gateway: gRPC, gRPC-Web, Connect and REST in on one port,\ngRPC out to a fleet of model servers";

const setHelp = "comma-separated binary FileDescriptorSet files: services whose messages may come as JSON, beside our own";
const backendsHelp = "comma-separated gRPC addresses of model servers: HOST:PORT, [IPv6]:PORT or unix:PATH";

const unknownHelp = "calls whose method is in no known descriptors: forward leaves them to the backend, refuse answers UNIMPLEMENTED";
const idsHelp = "calls that get an x-request-id when they came with none: web (REST, gRPC-Web, Connect) or all";
const corsHelp = "comma-separated origins whose pages may call: SCHEME://HOST[:PORT], or * for all; empty means none";

export const flags: readonly Flag[] = [
  { name: "port", kind: "int", fallback: defaults.port, group: "Listening", help: "TCP port for every protocol; 0 picks a free one" },
  { name: "host", kind: "string", fallback: defaults.host, group: "Listening", help: "address to bind; empty means every address" },
  { name: "socket", kind: "string", fallback: defaults.socket, group: "Listening", help: "path of a unix socket to listen on beside the port, in plaintext" },
  { name: "socket_mode", kind: "string", fallback: "600", group: "Listening", help: "mode of its file, octal: who may write may connect" },
  { name: "socket_only", kind: "bool", fallback: defaults.socketOnly, group: "Listening", help: "listen on the socket alone, on no port" },
  { name: "workers", kind: "int", fallback: defaults.workers, group: "Listening", help: "processes that share the port" },
  { name: "drain_ms", kind: "int", fallback: defaults.drainMs, group: "Listening", help: "time that requests in flight get to finish after SIGTERM" },
  { name: "admin_port", kind: "int", fallback: defaults.adminPort, group: "Listening", help: "TCP port for /metrics, /healthz and /readyz; 0 means none" },
  { name: "admin_host", kind: "string", fallback: defaults.adminHost, group: "Listening", help: "address to bind for it; empty means every address" },
  { name: "backends", kind: "string", fallback: "", group: "Fleet", help: backendsHelp },
  { name: "config", kind: "string", fallback: "", group: "Fleet", help: "YAML or JSON file (tfs.gateway.v1.GatewayConfig); flags override it" },
  { name: "descriptor_set", kind: "string", fallback: "", group: "Protocols", help: setHelp },
  {
    name: "max_request_bytes",
    kind: "int",
    fallback: defaults.maxRequestBytes,
    group: "Protocols",
    help: "largest REST body, Connect unary message or JSON message",
  },
  {
    name: "max_held_request_bytes",
    kind: "int",
    fallback: defaults.maxHeldRequestBytes,
    group: "REST",
    help: "all request bodies in memory at a time; past it requests are refused with 429",
  },
  {
    name: "rest_api_numbers",
    kind: "string",
    fallback: defaults.restNumbers,
    group: "REST",
    help: "how floats are printed: tensorflow, as TensorFlow Serving does, or shortest, with as few digits as read back the same",
  },
  { name: "rest_api_timeout_in_ms", kind: "int", fallback: defaults.restTimeoutMs, group: "REST", help: "time for one call; 0 means no limit" },
  { name: "unknown_services", kind: "string", fallback: defaults.unknownServices, group: "gRPC", help: unknownHelp },
  { name: "request_ids", kind: "string", fallback: defaults.requestIds, group: "gRPC", help: idsHelp },
  { name: "cors_origins", kind: "string", fallback: "", group: "Browsers", help: corsHelp },
  { name: "reflection", kind: "bool", fallback: defaults.reflection, group: "gRPC", help: "answer server reflection here; false forwards it" },
  ...tlsFlags,
  ...limitFlags,
  { name: "log_level", kind: "string", fallback: "info", group: "Logging", help: "least level that is logged: debug, info, warn or error" },
  { name: "log_format", kind: "string", fallback: "text", group: "Logging", help: "text, or json for one object a line" },
  { name: "help", kind: "bool", fallback: false, group: "Other", help: "print this and exit" },
  { name: "version", kind: "bool", fallback: false, group: "Other", help: "print the version and exit" },
];
