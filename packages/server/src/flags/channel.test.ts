import assert from "node:assert/strict";
import { test } from "node:test";
import { type ChannelSettings, channelSettings, readFlags } from "./index.ts";

const nothing = { limits: {}, life: {}, moot: [] };
const cases: readonly { readonly list: string; readonly want: ChannelSettings }[] = [
  { list: "", want: nothing },
  { list: "grpc.max_connection_age_ms=2000", want: { ...nothing, life: { ageMs: 2000 } } },
  {
    list: "grpc.max_connection_age_ms=2000,grpc.max_connection_age_grace_ms=0,grpc.keepalive_time_ms=1,grpc.keepalive_timeout_ms=3",
    want: { ...nothing, life: { ageMs: 2000, graceMs: 0, pingMs: 1, pingTimeoutMs: 3 } },
  },
  {
    list: "grpc.max_connection_idle_ms=5,grpc.max_concurrent_streams=6,grpc.max_metadata_size=7,grpc.max_receive_message_length=8",
    want: { limits: { idleMs: 5, streams: 6, headerBytes: 7 }, life: {}, maxMessageBytes: 8, moot: [] },
  },
  { list: "grpc.max_connection_age_ms=2147483647", want: { ...nothing, life: { ageMs: Number.POSITIVE_INFINITY } } },
  {
    list: "grpc.max_receive_message_length=-1,grpc.max_concurrent_streams=9",
    want: { limits: { streams: 9 }, life: {}, maxMessageBytes: 0x7fffffff, moot: [] },
  },
  { list: "grpc.keepalive_time_ms=1,grpc.keepalive_time_ms=2", want: { ...nothing, life: { pingMs: 2 } } },
  { list: "grpc.keepalive_time_ms=5=6", want: { ...nothing, life: { pingMs: 5 } } },
  { list: "grpc.keepalive_time_ms= +5 ", want: { ...nothing, life: { pingMs: 5 } } },
  { list: "grpc.lb_policy_name=grpclb,a=b=c,d=,constructor=1", want: { ...nothing, moot: ["grpc.lb_policy_name", "a", "d", "constructor"] } },
  {
    list: "grpc.max_connection_age_ms=0,grpc.max_concurrent_streams=many,grpc.max_metadata_size=2147483648",
    want: { ...nothing, moot: ["grpc.max_connection_age_ms=0", "grpc.max_concurrent_streams=many", "grpc.max_metadata_size=2147483648"] },
  },
];
for (const { list, want } of cases)
  test(`--grpc_channel_arguments=${list}`, () => assert.deepEqual(channelSettings(readFlags([`--grpc_channel_arguments=${list}`])), want));
