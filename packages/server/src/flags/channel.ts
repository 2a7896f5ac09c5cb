import { Code, type Flags, newError } from "@tfs/std";
import type { ListenerLife, ListenerLimits } from "@tfs/rpc";

/** ChannelSettings are what --grpc_channel_arguments sets here. */
export interface ChannelSettings {
  readonly limits: Partial<ListenerLimits>;
  readonly life: Partial<ListenerLife>;
  /** maxMessageBytes bounds a message of a request, if that was said. */
  readonly maxMessageBytes?: number;
  /** moot are names that mean nothing here, or whose value gRPC would not take either. */
  readonly moot: readonly string[];
}

/** What an argument sets, and its least value. Names and ranges: grpc/impl/channel_arg_names.h. */
interface Known {
  readonly least: number;
  readonly set: (value: number) => Partial<Omit<ChannelSettings, "moot">>;
}

/** gRPC's word for never. */
const never = 0x7fffffff;
const ms = (value: number): number => (value === never ? Number.POSITIVE_INFINITY : value);

const known: Readonly<Record<string, Known>> = {
  "grpc.max_connection_age_ms": { least: 1, set: (value) => ({ life: { ageMs: ms(value) } }) },
  "grpc.max_connection_age_grace_ms": { least: 0, set: (value) => ({ life: { graceMs: ms(value) } }) },
  "grpc.max_connection_idle_ms": { least: 1, set: (value) => ({ limits: { idleMs: ms(value) } }) },
  "grpc.keepalive_time_ms": { least: 1, set: (value) => ({ life: { pingMs: ms(value) } }) },
  "grpc.keepalive_timeout_ms": { least: 0, set: (value) => ({ life: { pingTimeoutMs: ms(value) } }) },
  "grpc.max_concurrent_streams": { least: 1, set: (value) => ({ limits: { streams: value } }) },
  "grpc.max_metadata_size": { least: 1, set: (value) => ({ limits: { headerBytes: value } }) },
  "grpc.max_receive_message_length": { least: -1, set: (value) => ({ maxMessageBytes: value === -1 ? never : value }) },
};

/**
 * channelSettings reads --grpc_channel_arguments as TensorFlow Serving does: entries between commas, of which what follows a second "=" is dropped; of one that comes
 * twice the last counts. Throws InvalidArgument for an entry without "=" or without a name, which crashes TensorFlow Serving.
 */
export function channelSettings(flags: Flags): ChannelSettings {
  const list = flags.string("grpc_channel_arguments");
  const settings = { limits: {}, life: {} };
  const moot: string[] = [];
  let maxMessageBytes: number | undefined;
  for (const entry of list === "" ? [] : list.split(",")) {
    const [name = "", text] = entry.split("=");
    if (name === "" || text === undefined) throw newError(Code.InvalidArgument, `--grpc_channel_arguments: "${entry}" is not key=value`);
    const argument = Object.hasOwn(known, name) ? known[name] : undefined;
    const value = intOf(text);
    if (argument === undefined) moot.push(name);
    else if (value === undefined || value < argument.least) moot.push(entry);
    else {
      const { limits, life, maxMessageBytes: bytes = maxMessageBytes } = argument.set(value);
      Object.assign(settings.limits, limits);
      Object.assign(settings.life, life);
      maxMessageBytes = bytes;
    }
  }
  return { ...settings, moot, ...(maxMessageBytes === undefined ? {} : { maxMessageBytes }) };
}

/** intOf reads an int32; anything else is text to gRPC. */
function intOf(text: string): number | undefined {
  const value = /^\s*[+-]?\d+\s*$/.test(text) ? Number(text) : Number.NaN;
  return value >= -0x80000000 && value <= 0x7fffffff ? value : undefined;
}
