import assert from "node:assert/strict";
import { test } from "node:test";
import { type ChannelLimits, defaultChannelLimits, defaultListenerLimits, type ListenerLimits } from "@tfs/rpc";
import { Code, isFailure, parseFlags } from "@tfs/std";
import { type Config, configOf, defaults, flags, parseConfigFile } from "./index.ts";

function read(argv: readonly string[], file = "{}"): Pick<Config, "clientLimits" | "backendLimits"> {
  return configOf(parseFlags(flags, ["--backends=a:1", ...argv]), parseConfigFile(file, "gateway.yaml"));
}

/** Every limit with a value of its own, as a file says it. */
const clients: Readonly<Record<keyof ListenerLimits, readonly [field: string, text: string, want: number]>> = {
  connections: ["clients.connections", "77", 77],
  handshakeMs: ["clients.handshakeTimeout", "1.5s", 1500],
  firstBytesMs: ["clients.firstBytesTimeout", "2s", 2000],
  headerBytes: ["clients.headerBytes", "2048", 2048],
  headerMs: ["clients.headerTimeout", "3s", 3000],
  requestMs: ["clients.requestTimeout", "60s", 60_000],
  keepAliveMs: ["clients.keepAliveTimeout", "5s", 5000],
  idleMs: ["clients.idleTimeout", "0.001s", 1],
  streams: ["clients.streams", "9", 9],
  streamWindowBytes: ["clients.streamWindowBytes", "70000", 70_000],
  heldBytes: ["heldBytes", '"2097152"', 2_097_152],
  resetBurst: ["clients.resetBurst", "11", 11],
  resetsPerSecond: ["clients.resetsPerSecond", "12", 12],
};
const backends: Readonly<Record<keyof ChannelLimits, readonly [field: string, text: string, want: number]>> = {
  connectMs: ["backends.connectTimeout", "0.5s", 500],
  backoffFirstMs: ["backends.backoffFirst", "0.1s", 100],
  backoffMaxMs: ["backends.backoffMax", "4s", 4000],
  pending: ["backends.pending", "13", 13],
  pingMs: ["backends.pingInterval", "15s", 15_000],
  pingTimeoutMs: ["backends.pingTimeout", "6s", 6000],
  maxMessageBytes: ["backends.maxMessageBytes", "1000", 1000],
  headerBytes: ["backends.headerBytes", "4096", 4096],
  streamWindowBytes: ["backends.streamWindowBytes", "80000", 80_000],
  heldBytes: ["heldBytes", '"3145728"', 3_145_728],
  resetBurst: ["backends.resetBurst", "14", 14],
  resetsPerSecond: ["backends.resetsPerSecond", "15", 15],
};

/** yaml says one field: `a.b` as a map in a map. */
function yaml(field: string, text: string): string {
  return `limits: ${field
    .split(".")
    .reverse()
    .reduce((inner, name) => `{${name}: ${inner}}`, text)}`;
}

for (const [side, table] of Object.entries({ clientLimits: clients, backendLimits: backends })) {
  for (const [name, [field, text, want]] of Object.entries(table)) {
    test(`limits: limits.${field} in a file sets ${side}.${name}, and no other`, () => {
      const limits = read([], yaml(field, text));
      const shared = name === "heldBytes" ? { heldBytes: want } : {};
      assert.deepEqual(
        { clientLimits: { ...limits.clientLimits }, backendLimits: { ...limits.backendLimits } },
        {
          clientLimits: { ...defaults.clientLimits, ...shared, ...(side === "clientLimits" ? { [name]: want } : {}) },
          backendLimits: { ...defaults.backendLimits, ...shared, ...(side === "backendLimits" ? { [name]: want } : {}) },
        },
      );
    });
  }
}

const byFlag: readonly { readonly flag: string; readonly want: (limits: ReturnType<typeof read>) => number }[] = [
  { flag: "max_connections", want: (limits) => limits.clientLimits.connections },
  { flag: "max_header_bytes", want: (limits) => limits.clientLimits.headerBytes },
  { flag: "max_streams", want: (limits) => limits.clientLimits.streams },
  { flag: "idle_ms", want: (limits) => limits.clientLimits.idleMs },
  { flag: "connect_ms", want: (limits) => limits.backendLimits.connectMs },
  { flag: "max_pending", want: (limits) => limits.backendLimits.pending },
  { flag: "max_held_bytes", want: (limits) => limits.clientLimits.heldBytes },
  { flag: "max_held_bytes", want: (limits) => limits.backendLimits.heldBytes },
];
const everything =
  "limits: {heldBytes: 9999999, clients: {connections: 5, headerBytes: 5000, streams: 5, idleTimeout: 5s}, backends: {connectTimeout: 5s, pending: 5}}";
for (const { flag, want } of byFlag) {
  const value = flag === "max_held_bytes" ? 1 << 20 : 1234;
  test(`limits: --${flag} overrides the file`, () => assert.equal(want(read([`--${flag}=${value}`], everything)), value));
}
test("limits: without a word they are rpc's, but for the larger answers that are translated", () => {
  assert.deepEqual(read([]), { ...read([]), clientLimits: defaultListenerLimits, backendLimits: { ...defaultChannelLimits, maxMessageBytes: 256 << 20 } });
});

const bad: readonly { readonly name: string; readonly argv?: readonly string[]; readonly file?: string; readonly want: RegExp }[] = [
  {
    name: "no connection at all by a flag",
    argv: ["--max_connections=0"],
    want: /^limits\.clients\.connections \(--max_connections\) is 0; it must be 1 to 1000000$/,
  },
  { name: "less than one by a flag", argv: ["--max_streams=-1"], want: /^limits\.clients\.streams \(--max_streams\) is -1/ },
  { name: "headers too small for a request", file: yaml("clients.headerBytes", "1023"), want: /^limits\.clients\.header_bytes \(--max_header_bytes\) is 1023/ },
  {
    name: "a window smaller than a frame",
    file: yaml("clients.streamWindowBytes", "16383"),
    want: /^limits\.clients\.stream_window_bytes is 16383; it must be 16384 to 2147483647$/,
  },
  { name: "a window past all windows", file: yaml("backends.streamWindowBytes", "2147483648"), want: /^limits\.backends\.stream_window_bytes is 2147483648/ },
  { name: "a negative time", file: yaml("backends.connectTimeout", "-1s"), want: /^limits\.backends\.connect_timeout \(--connect_ms\) is -1000/ },
  { name: "a time past all timers", file: yaml("clients.idleTimeout", "2147484s"), want: /^limits\.clients\.idle_timeout \(--idle_ms\) is 2147484000/ },
  { name: "pings that peers take for abuse", file: yaml("backends.pingInterval", "0.5s"), want: /^limits\.backends\.ping_interval is 500; it must be 1000 to/ },
  { name: "next to no memory", argv: ["--max_held_bytes=1"], want: /^limits\.held_bytes \(--max_held_bytes\) is 1; it must be 1048576 to/ },
  { name: "a limit that there is not", file: yaml("clients.steams", "1"), want: /^gateway\.yaml: .*"steams"/ },
];
for (const tc of bad) {
  test(`limits: ${tc.name} is refused`, () =>
    assert.throws(
      () => read(tc.argv ?? [], tc.file),
      (err) => isFailure(err) && err.code === Code.InvalidArgument && tc.want.test(err.message),
    ));
}
