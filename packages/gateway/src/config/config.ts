import { fromJson, type JsonValue } from "@bufbuild/protobuf";
import { durationMs } from "@bufbuild/protobuf/wkt";
import { type GatewayConfig, GatewayConfig_Numbers, GatewayConfigSchema } from "@tfs/proto";
import { type Numbers, numberForms } from "@tfs/rest";
import { type ChannelLimits, checkOrigins, type ListenerLimits, parseAddress } from "@tfs/rpc";
import { Code, type Flags, messageOf, newError } from "@tfs/std";
import { parse } from "yaml";
import { checkLimits, defaultBackendLimits, defaultClientLimits, limitsOf } from "./limits.ts";
import { type BackendTls, backendTlsOf, type ListenTls, listenTlsOf } from "./tls.ts";
import { within } from "./within.ts";

/** Config is everything the gateway is to be; it never changes. */
export interface Config {
  /** host to bind; "" is every address of the machine. */
  readonly host: string;
  /** port for every protocol; 0 picks a free one. */
  readonly port: number;
  /** backends are the model servers' gRPC addresses: HOST:PORT, [IPv6]:PORT or unix:PATH; at least one. */
  readonly backends: readonly string[];
  /** socket is the path of a unix socket to listen on beside the port, in plaintext; "" is none. */
  readonly socket: string;
  /** socketMode is the mode of its file: who may write may connect. */
  readonly socketMode: number;
  /** socketOnly: there is no port. */
  readonly socketOnly: boolean;
  /** tls is spoken on the port; undefined is plaintext. */
  readonly tls: ListenTls | undefined;
  /** backendTls is spoken to the backends; undefined is plaintext. */
  readonly backendTls: BackendTls | undefined;
  /** clientLimits hold for each of port and socket, in each worker. */
  readonly clientLimits: ListenerLimits;
  /** backendLimits hold for each backend, in each worker. */
  readonly backendLimits: ChannelLimits;
  /** workers is how many processes share the port. */
  readonly workers: number;
  /** drainMs is the time that requests in flight get to finish. */
  readonly drainMs: number;
  /** descriptorSets are files (google.protobuf.FileDescriptorSet, binary) of services beyond those that we ship: their messages may come as JSON. */
  readonly descriptorSets: readonly string[];
  /** maxRequestBytes bounds a REST body, a unary call of Connect's and a message in JSON, which are held in memory; gRPC and gRPC-Web pass in pieces. */
  readonly maxRequestBytes: number;
  /** maxHeldRequestBytes bounds all REST bodies that are held at a time; a request that would pass it is refused. */
  readonly maxHeldRequestBytes: number;
  /** restNumbers is how REST answers print floats: as TensorFlow Serving does, or with as few digits as read back as the same value. */
  readonly restNumbers: Numbers;
  /** restTimeoutMs bounds one REST call; 0 means no limit. */
  readonly restTimeoutMs: number;
  /** adminPort is a TCP port of its own for metrics and health; 0 means that there is none. */
  readonly adminPort: number;
  /** adminHost is the address that it binds; "" is every address of the machine. */
  readonly adminHost: string;
  /** unknownServices says what becomes of a gRPC call whose method no descriptors name: "forward" leaves it to the backend, "refuse" answers Unimplemented. */
  readonly unknownServices: "forward" | "refuse";
  /** requestIds says who gets an x-request-id that came with none: calls by "web" protocols (REST, gRPC-Web, Connect), or "all", gRPC's too. */
  readonly requestIds: "web" | "all";
  /** corsOrigins are the origins whose pages may call REST, gRPC-Web and Connect: SCHEME://HOST[:PORT], or "*" alone for all; default none. */
  readonly corsOrigins: readonly string[];
  /** reflection: the gateway answers gRPC's server reflection itself; otherwise such calls are forwarded. */
  readonly reflection: boolean;
}

export const defaults: Omit<Config, "backends"> = {
  host: "",
  port: 9000,
  socket: "",
  socketMode: 0o600,
  socketOnly: false,
  tls: undefined,
  backendTls: undefined,
  clientLimits: defaultClientLimits,
  backendLimits: defaultBackendLimits,
  workers: 1,
  descriptorSets: [],
  drainMs: 10_000,
  maxRequestBytes: 64 << 20,
  maxHeldRequestBytes: 256 << 20,
  restNumbers: "tensorflow",
  restTimeoutMs: 30_000, // TensorFlow Serving's rest_api_timeout_in_ms
  adminPort: 0,
  adminHost: "127.0.0.1", // what it tells is not for strangers
  unknownServices: "forward",
  requestIds: "web",
  corsOrigins: [],
  reflection: true,
};

const maxWorkers = 256;
const maxMs = 0x7fffffff; // setTimeout's
const maxHeldBytes = 2 ** 40;
const maxPathBytes = 103; // sockaddr_un of macOS, with its closing zero; Linux has four more
const maxBodyBytes = 1 << 30; // one JSON text must fit a typed array with room to spare

/** parseConfigFile reads YAML, of which JSON is a part, as tfs.gateway.v1.GatewayConfig. Throws InvalidArgument naming the file and the unknown or malformed field. */
export function parseConfigFile(text: string, file: string): GatewayConfig {
  try {
    return fromJson(GatewayConfigSchema, (parse(text) ?? {}) as JsonValue); // YAML's core schema gives JSON values; fromJson refuses the rest
  } catch (err) {
    throw newError(Code.InvalidArgument, `${file}: ${messageOf(err)}`, err);
  }
}

/** configOf puts flags over the file over defaults. Throws InvalidArgument as checkConfig does. */
export function configOf(flags: Flags, file: GatewayConfig | undefined): Config {
  /** A flag that was given wins; then a field that is set (protobuf's zero is not); then the default, which is the flag's. */
  const pick = (name: string, field: number | undefined): number => (flags.given(name) || field === undefined || field === 0 ? flags.int(name) : field);
  return checkConfig({
    host: flags.given("host") ? flags.string("host") : (file?.listen?.host ?? defaults.host),
    port: pick("port", file?.listen?.port),
    socket: flags.given("socket") ? flags.string("socket") : (file?.listen?.socket ?? defaults.socket),
    socketMode: modeOf(flags.given("socket_mode") ? flags.string("socket_mode") : (file?.listen?.socketMode ?? "")),
    socketOnly: flags.given("socket_only") ? flags.bool("socket_only") : (file?.listen?.socketOnly ?? defaults.socketOnly),
    tls: listenTlsOf(flags, file?.listen?.tls),
    backendTls: backendTlsOf(flags, file?.backendTls),
    ...limitsOf(flags, file?.limits),
    backends: flags.given("backends") ? listOf(flags.string("backends")) : (file?.backends ?? []).map((backend) => backend.address),
    workers: pick("workers", file?.workers),
    drainMs: pick("drain_ms", file?.drainTimeout === undefined ? undefined : durationMs(file.drainTimeout)),
    descriptorSets: flags.given("descriptor_set") ? listOf(flags.string("descriptor_set")) : (file?.descriptorSets ?? []),
    maxRequestBytes: pick("max_request_bytes", file === undefined ? undefined : Number(file.maxRequestBytes)),
    maxHeldRequestBytes: pick("max_held_request_bytes", file === undefined ? undefined : Number(file.maxHeldRequestBytes)),
    restNumbers: numbersOf(flags, file),
    restTimeoutMs: flags.int("rest_api_timeout_in_ms"),
    adminPort: flags.int("admin_port"),
    adminHost: flags.string("admin_host"),
    unknownServices: flags.string("unknown_services") as Config["unknownServices"], // checkConfig looks
    requestIds: flags.string("request_ids") as Config["requestIds"],
    corsOrigins: listOf(flags.string("cors_origins")),
    reflection: flags.bool("reflection"),
  });
}

function numbersOf(flags: Flags, file: GatewayConfig | undefined): Numbers {
  if (file !== undefined && file.restNumbers !== GatewayConfig_Numbers.UNSPECIFIED && !flags.given("rest_api_numbers"))
    return file.restNumbers === GatewayConfig_Numbers.SHORTEST ? "shortest" : "tensorflow";
  return flags.string("rest_api_numbers") as Numbers; // checkConfig looks at it
}

function listOf(text: string): string[] {
  const items = text.split(",").map((item) => item.trim());
  return items.filter((item) => item !== "");
}

/** checkConfig gives the config back, or throws InvalidArgument naming the part that is out of bounds. */
export function checkConfig(config: Config): Config {
  const { backends } = config;
  if (backends.length === 0) throw newError(Code.InvalidArgument, "no backends: give --backends=HOST:PORT,… or list them in the --config file");
  for (const [i, address] of backends.entries()) {
    parseAddress(address);
    if (backends.indexOf(address) !== i) throw newError(Code.InvalidArgument, `backend ${address} is listed twice`);
  }
  within("port", config.port, 0, 65_535);
  within("admin_port", config.adminPort, 0, 65_535);
  if (config.socketOnly && config.socket === "") throw newError(Code.InvalidArgument, "socket_only needs a socket");
  if (Buffer.byteLength(config.socket) > maxPathBytes) throw newError(Code.InvalidArgument, `socket is longer than ${maxPathBytes} bytes: ${config.socket}`);
  checkLimits(config.clientLimits, config.backendLimits);
  within("workers", config.workers, 1, maxWorkers);
  within("drain_ms", config.drainMs, 0, maxMs);
  within("max_request_bytes", config.maxRequestBytes, 1, maxBodyBytes);
  within("max_held_request_bytes", config.maxHeldRequestBytes, 1, maxHeldBytes);
  if (!numberForms.includes(config.restNumbers))
    throw newError(Code.InvalidArgument, `rest_api_numbers is ${config.restNumbers}; it must be one of ${numberForms.join(", ")}`);
  within("rest_api_timeout_in_ms", config.restTimeoutMs, 0, maxMs);
  oneOf("unknown_services", config.unknownServices, ["forward", "refuse"]);
  oneOf("request_ids", config.requestIds, ["web", "all"]);
  checkOrigins("cors_origins", config.corsOrigins);
  return config;
}

function oneOf(name: string, value: string, values: readonly string[]): void {
  if (!values.includes(value)) throw newError(Code.InvalidArgument, `${name} is ${value}; it must be ${values.join(" or ")}`);
}

/** modeOf reads a file's mode: octal digits. */
function modeOf(digits: string): number {
  if (digits === "") return defaults.socketMode;
  if (!/^0?[0-7]{3}$/.test(digits)) throw newError(Code.InvalidArgument, `socket_mode is ${digits}; it must be three octal digits, as 660`);
  return Number.parseInt(digits, 8);
}
