import assert from "node:assert/strict";
import { background, type Clock, discard, systemClock } from "@tfs/std";
import type { Exchange } from "../../exchange.ts";
import { type Fields, fieldsOf } from "../../fields.ts";
import type { ListenerLimits } from "../../limits.ts";
import { newListener } from "../../listener.ts";
import { encodeFrame, encodeHeaders, frameFlag, frameType, type Raw, rawClient } from "../../testing/index.ts";

export interface Setup {
  readonly clock?: Clock;
  readonly limits?: Partial<ListenerLimits>;
  /** refuse answers requests that are not taken, by their fields; the default takes all. */
  readonly refuse?: (fields: Fields) => Fields | undefined;
  /** onExchange takes requests; the default answers 204 to those that have ended. */
  readonly onExchange?: (exchange: Exchange) => void;
}

/** Served is a server of ours and one client of it. */
export interface Served {
  /** raw has greeted and been greeted. */
  readonly raw: Raw;
  readonly port: number;
  /** heard is what came of requests, in order: "/path", "/path 5 bytes", "/path end", "/path reset 8". */
  readonly heard: readonly string[];
}

/** withServer closes what it has started when `use` ends. */
export async function withServer(setup: Setup, use: (served: Served) => Promise<void>): Promise<void> {
  const heard: string[] = [];
  const listener = newListener({
    clock: setup.clock ?? systemClock(),
    logger: discard(),
    ...(setup.limits === undefined ? {} : { limits: setup.limits }),
    ...(setup.refuse === undefined ? {} : { refuse: setup.refuse }),
    onExchange: (exchange) => {
      const path = exchange.fields.get(":path");
      heard.push(`${path}`);
      exchange.handler = {
        onData(_buffer, start, end) {
          heard.push(`${path} ${end - start} bytes`);
          exchange.consumed(end - start);
        },
        onEnd(trailers) {
          heard.push(`${path} end${trailers === undefined ? "" : ` ${trailers.list.map(({ name }) => name).join()}`}`);
          if (setup.onExchange === undefined) exchange.respond(fieldsOf([":status", "204"]), true);
        },
        onReset: (code) => void heard.push(`${path} reset ${code}`),
        onDrain() {},
      };
      setup.onExchange?.(exchange);
    },
  });
  const address = await listener.listen(background(), { host: "127.0.0.1", port: 0 });
  assert.ok("port" in address);
  const raw = rawClient(address.port);
  try {
    await raw.until((frame) => frame.type === frameType.settings && frame.flags === frameFlag.ack);
    await use({ raw, port: address.port, heard });
  } finally {
    raw.socket.destroy();
    await listener.close();
  }
}

/** request is the frame that begins a request. */
export function request(
  stream: number,
  path: string,
  flags: number = frameFlag.endHeaders | frameFlag.endStream,
  more: Readonly<Record<string, string>> = {},
): Buffer {
  return encodeFrame(frameType.headers, flags, stream, encodeHeaders({ ":method": "POST", ":scheme": "http", ":authority": "a", ":path": path, ...more }));
}
