import type { ModelSpec } from "@tfs/proto";
import { type Ctx, type Key, newKey, withValue } from "@tfs/std";
import type { Keep } from "../infer/index.ts";
import type { Log, Logged } from "./log.ts";
import type { Exchange } from "./message.ts";
import type { Room } from "./room.ts";

/** StreamLog keeps the calls of one stream together. */
export interface StreamLog {
  /** message gives the context in which the next message is to be answered. */
  message(ctx: Ctx): Ctx;
  /** end logs what was kept, once; what is answered after it is not. */
  end(): void;
}

export interface StreamOptions {
  /** sampled tells whether a log wants this stream; it is asked once for each log. */
  readonly sampled: (log: Log) => boolean;
  readonly room: Room;
  /** write takes what was kept, in the order of the messages. */
  readonly write: (logged: Logged, spec: ModelSpec, exchanges: readonly Exchange[]) => void;
  /** failed is told of a message that cannot be logged; the others are. */
  readonly failed: (logged: Logged, err: unknown) => void;
  /** lost is told that a stream had more than there is room for: nothing of it is logged. */
  readonly lost: (logged: Logged) => void;
}

/** Slot is a message's place in a stream. */
export interface Slot {
  keeper(logged: Logged): Keep | undefined;
}
export const slotKey: Key<Slot> = newKey("place in a stream that is logged");

interface Kept {
  readonly logged: Logged;
  /** spec is the first answer's. */
  spec: ModelSpec | undefined;
  exchanges: (Exchange & { readonly at: number })[];
  lost: boolean;
}

export function newStream({ sampled, room, write, failed, lost }: StreamOptions): StreamLog {
  /** By log; undefined for one that does not want this stream. */
  const logs = new Map<Log, Kept | undefined>();
  let next = 0;
  let ended = false;

  function keptBy(logged: Logged): Kept | undefined {
    if (!logs.has(logged.log)) logs.set(logged.log, sampled(logged.log) ? { logged, spec: undefined, exchanges: [], lost: false } : undefined);
    return logs.get(logged.log);
  }
  function letGo(kept: Kept): void {
    for (const exchange of kept.exchanges) room.give(sizeOf(exchange));
  }
  function keep(kept: Kept, spec: ModelSpec, exchange: Kept["exchanges"][number]): void {
    kept.spec ??= spec;
    if (room.take(sizeOf(exchange))) {
      kept.exchanges.push(exchange);
      return;
    }
    letGo(kept);
    kept.exchanges = [];
    kept.lost = true;
  }
  return {
    message(ctx) {
      const at = next++;
      const keeper = (logged: Logged): Keep | undefined => {
        const kept = ended ? undefined : keptBy(logged);
        if (kept === undefined || kept.lost) return undefined;
        return (_, spec, request, response) => {
          try {
            keep(kept, spec, { at, request: request(), response: response() });
          } catch (err) {
            failed(logged, err);
          }
        };
      };
      return withValue(ctx, slotKey, { keeper });
    },
    end() {
      if (ended) return;
      ended = true;
      for (const kept of logs.values()) {
        if (kept === undefined) continue;
        letGo(kept); // in the same turn it is taken again by who writes
        if (kept.lost) lost(kept.logged);
        else if (kept.spec !== undefined)
          write(
            kept.logged,
            kept.spec,
            kept.exchanges.sort((a, b) => a.at - b.at),
          );
      }
    },
  };
}

function sizeOf({ request, response }: Exchange): number {
  return request.byteLength + response.byteLength;
}
