import { fromJson, type JsonValue } from "@bufbuild/protobuf";
import { durationMs } from "@bufbuild/protobuf/wkt";
import { type GatewayConfig, GatewayConfigSchema } from "@tfs/proto";
import { Code, type Flags, newError } from "@tfs/std";
import { parse } from "yaml";

/** Config is everything the gateway is to be; it never changes. */
export interface Config {
  readonly host: string | undefined;
  readonly port: number;
  readonly backends: readonly string[];
  readonly workers: number;
  readonly drainMs: number;
  readonly maxRequestBytes: number;
}

export const defaults: { readonly port: number; readonly workers: number; readonly drainMs: number; readonly maxRequestBytes: number } = {
  port: 9000,
  workers: 1,
  drainMs: 10_000,
  maxRequestBytes: 64 << 20,
};

const maxWorkers = 256;

/** parseConfigFile reads YAML, of which JSON is a part. An unknown field is an error that names it. Throws InvalidArgument. */
export function parseConfigFile(text: string, file: string): GatewayConfig {
  let value: unknown;
  try {
    value = parse(text);
  } catch (err) {
    throw newError(Code.InvalidArgument, `${file}: ${err instanceof Error ? err.message : String(err)}`, err);
  }
  try {
    return fromJson(GatewayConfigSchema, (value ?? {}) as JsonValue);
  } catch (err) {
    throw newError(Code.InvalidArgument, `${file}: ${err instanceof Error ? err.message : String(err)}`, err);
  }
}

/** configOf merges flags over the file over defaults, and checks the whole. Throws InvalidArgument. */
export function configOf(flags: Flags, file: GatewayConfig | undefined): Config {
  const pick = (name: string, fromFile: number | undefined): number => (flags.given(name) || !fromFile ? flags.int(name) : fromFile);
  const backends = flags.given("backends")
    ? flags
        .string("backends")
        .split(",")
        .map((a) => a.trim())
        .filter((a) => a !== "")
    : (file?.backends ?? []).map((b) => b.address);
  if (backends.length === 0) throw newError(Code.InvalidArgument, "no backends: give --backends=HOST:PORT,… or list them in --config");
  for (const address of backends) checkAddress(address);
  const repeated = backends.find((a, i) => backends.indexOf(a) !== i);
  if (repeated !== undefined) throw newError(Code.InvalidArgument, `the backend ${repeated} is listed twice`);
  const host = flags.given("host") ? flags.string("host") : (file?.listen?.host ?? "");
  const config = {
    host: host === "" ? undefined : host,
    port: pick("port", file?.listen?.port),
    backends,
    workers: pick("workers", file?.workers),
    drainMs: pick("drain_ms", file?.drainTimeout === undefined ? undefined : durationMs(file.drainTimeout)),
    maxRequestBytes: pick("max_request_bytes", file === undefined ? undefined : Number(file.maxRequestBytes)),
  };
  if (config.workers < 1 || config.workers > maxWorkers) throw newError(Code.InvalidArgument, `workers is ${config.workers}; it must be 1 to ${maxWorkers}`);
  if (config.port < 0 || config.port > 65_535) throw newError(Code.InvalidArgument, `port is ${config.port}; it must be 0 to 65535`);
  return config;
}

function checkAddress(address: string): void {
  if (address.startsWith("unix:") && address.length > 5) return;
  const found = /^(?:\[[0-9a-fA-F:.]+\]|[^:\s/]+):(\d{1,5})$/.exec(address);
  if (found === null || Number(found[1]) < 1 || Number(found[1]) > 65_535)
    throw newError(Code.InvalidArgument, `the backend ${address} is no HOST:PORT, [IPv6]:PORT or unix:PATH`);
}
