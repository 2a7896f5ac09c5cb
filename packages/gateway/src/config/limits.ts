import type { Duration } from "@bufbuild/protobuf/wkt";
import { durationMs } from "@bufbuild/protobuf/wkt";
import type { BackendLimits, ClientLimits, Limits } from "@tfs/proto";
import { type ChannelLimits, defaultChannelLimits, defaultListenerLimits, type ListenerLimits } from "@tfs/rpc";
import type { Flag, Flags } from "@tfs/std";
import { within } from "./within.ts";

/** Bound is one limit: where it stands in the file, between what it lies, and the flag that sets it too if it is one of those that matter most. */
interface Bound<From> {
  readonly field: string;
  readonly of: (from: From) => number | undefined;
  readonly least: number;
  readonly most: number;
  readonly flag?: { readonly name: string; readonly help: string };
}
/** Every limit is here but heldBytes, which both sides share. */
type Bounds<Limits, From> = Readonly<Record<Exclude<keyof Limits, "heldBytes">, Bound<From>>>;
type Table<From> = Readonly<Record<string, Bound<From>>>;
type Values = Readonly<Record<string, number>>;

const maxMs = 0x7fffffff; // setTimeout's
const mebibyte = 1 << 20;
/** A frame of HTTP/2's, and the largest window that there is (RFC 9113, sections 4.2 and 6.9.1). */
const [leastWindow, mostWindow] = [16_384, 0x7fffffff];

const time = (value: Duration | undefined): number | undefined => (value === undefined ? undefined : durationMs(value));

const clientBounds: Bounds<ListenerLimits, ClientLimits> = {
  connections: {
    field: "clients.connections",
    of: (from) => from.connections,
    least: 1,
    most: 1_000_000,
    flag: { name: "max_connections", help: "open connections of clients, in each worker; more are closed on accept" },
  },
  handshakeMs: { field: "clients.handshake_timeout", of: (from) => time(from.handshakeTimeout), least: 1, most: maxMs },
  firstBytesMs: { field: "clients.first_bytes_timeout", of: (from) => time(from.firstBytesTimeout), least: 1, most: maxMs },
  headerBytes: {
    field: "clients.header_bytes",
    of: (from) => from.headerBytes,
    least: 1024,
    most: mebibyte,
    flag: { name: "max_header_bytes", help: "request headers in bytes" },
  },
  headerMs: { field: "clients.header_timeout", of: (from) => time(from.headerTimeout), least: 1, most: maxMs },
  requestMs: { field: "clients.request_timeout", of: (from) => time(from.requestTimeout), least: 1, most: maxMs },
  keepAliveMs: { field: "clients.keep_alive_timeout", of: (from) => time(from.keepAliveTimeout), least: 1, most: maxMs },
  idleMs: {
    field: "clients.idle_timeout",
    of: (from) => time(from.idleTimeout),
    least: 1,
    most: maxMs,
    flag: { name: "idle_ms", help: "an HTTP/2 connection without a call is closed after this" },
  },
  streams: {
    field: "clients.streams",
    of: (from) => from.streams,
    least: 1,
    most: 100_000,
    flag: { name: "max_streams", help: "concurrent calls on one HTTP/2 connection" },
  },
  streamWindowBytes: { field: "clients.stream_window_bytes", of: (from) => from.streamWindowBytes, least: leastWindow, most: mostWindow },
  resetBurst: { field: "clients.reset_burst", of: (from) => from.resetBurst, least: 1, most: 1_000_000 },
  resetsPerSecond: { field: "clients.resets_per_second", of: (from) => from.resetsPerSecond, least: 1, most: 1_000_000 },
};

const backendBounds: Bounds<ChannelLimits, BackendLimits> = {
  connectMs: {
    field: "backends.connect_timeout",
    of: (from) => time(from.connectTimeout),
    least: 1,
    most: maxMs,
    flag: { name: "connect_ms", help: "time to connect to a backend, TLS included" },
  },
  backoffFirstMs: { field: "backends.backoff_first", of: (from) => time(from.backoffFirst), least: 1, most: maxMs },
  backoffMaxMs: { field: "backends.backoff_max", of: (from) => time(from.backoffMax), least: 1, most: maxMs },
  pending: {
    field: "backends.pending",
    of: (from) => from.pending,
    least: 1,
    most: 1_000_000,
    flag: { name: "max_pending", help: "calls that wait for one backend, in each worker; one more fails with RESOURCE_EXHAUSTED" },
  },
  pingMs: { field: "backends.ping_interval", of: (from) => time(from.pingInterval), least: 1000, most: maxMs },
  pingTimeoutMs: { field: "backends.ping_timeout", of: (from) => time(from.pingTimeout), least: 1, most: maxMs },
  maxMessageBytes: { field: "backends.max_message_bytes", of: (from) => from.maxMessageBytes, least: 1, most: 1 << 30 },
  headerBytes: { field: "backends.header_bytes", of: (from) => from.headerBytes, least: 1024, most: mebibyte },
  streamWindowBytes: { field: "backends.stream_window_bytes", of: (from) => from.streamWindowBytes, least: leastWindow, most: mostWindow },
  resetBurst: { field: "backends.reset_burst", of: (from) => from.resetBurst, least: 1, most: 1_000_000 },
  resetsPerSecond: { field: "backends.resets_per_second", of: (from) => from.resetsPerSecond, least: 1, most: 1_000_000 },
};

const sharedBounds = {
  heldBytes: {
    field: "held_bytes",
    of: (from: Limits) => Number(from.heldBytes),
    least: mebibyte,
    most: 2 ** 40,
    flag: { name: "max_held_bytes", help: "bytes that wait between fast writers and slow readers, in each worker" },
  },
};

export const defaultClientLimits: ListenerLimits = defaultListenerLimits;
/** An answer that is translated is one message, and models' answers are large. */
export const defaultBackendLimits: ChannelLimits = { ...defaultChannelLimits, maxMessageBytes: 256 * mebibyte };

/** limitFlags are the flags of the limits that have one. */
export const limitFlags: readonly Flag[] = [
  ...flagsOf(clientBounds, { ...defaultClientLimits }),
  ...flagsOf(backendBounds, { ...defaultBackendLimits }),
  ...flagsOf(sharedBounds, { ...defaultClientLimits }),
];

function flagsOf(bounds: Table<never>, defaults: Values): Flag[] {
  return Object.entries(bounds).flatMap(([name, { flag }]) =>
    flag === undefined ? [] : [{ ...flag, kind: "int", fallback: defaults[name]!, group: "Limits" }],
  );
}

/** limitsOf puts flags over the file over defaults. */
export function limitsOf(flags: Flags, file: Limits | undefined): { readonly clientLimits: ListenerLimits; readonly backendLimits: ChannelLimits } {
  const shared = pick(sharedBounds, flags, file);
  return {
    clientLimits: { ...defaultClientLimits, ...pick(clientBounds, flags, file?.clients), ...shared },
    backendLimits: { ...defaultBackendLimits, ...pick(backendBounds, flags, file?.backends), ...shared },
  };
}

/** pick gives the limits that are set. */
function pick<From>(bounds: Table<From>, flags: Flags, file: From | undefined): Values {
  const picked: Record<string, number> = {};
  for (const [name, { of, flag }] of Object.entries(bounds)) {
    const field = file === undefined ? undefined : of(file);
    if (flag !== undefined && flags.given(flag.name)) picked[name] = flags.int(flag.name);
    else if (field !== undefined && field !== 0) picked[name] = field; // protobuf's zero is a field that is not set
  }
  return picked;
}

/** checkLimits throws InvalidArgument naming the limit that is out of bounds. */
export function checkLimits(clientLimits: ListenerLimits, backendLimits: ChannelLimits): void {
  check(clientBounds, { ...clientLimits });
  check(backendBounds, { ...backendLimits });
  check(sharedBounds, { ...clientLimits });
}

function check(bounds: Table<never>, limits: Values): void {
  for (const [name, { field, flag, least, most }] of Object.entries(bounds)) {
    within(`limits.${field}${flag === undefined ? "" : ` (--${flag.name})`}`, limits[name]!, least, most);
  }
}
