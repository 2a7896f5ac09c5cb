import type { Clock, Timer } from "@tfs/std";
import type { Exchange } from "../exchange.ts";
import type { ListenerLimits } from "../limits.ts";
import type { Wire } from "../wire.ts";
import { type Connection, newConnection, type Shop } from "./connection.ts";

export interface Http1Options {
  readonly limits: Pick<ListenerLimits, "headerBytes" | "headerMs" | "requestMs" | "keepAliveMs">;
  readonly clock: Clock;
  /** onExchange takes each request, and sets its handler before it returns. */
  readonly onExchange: (exchange: Exchange) => void;
}

/** Http1 speaks HTTP/1.1 on wires that somebody else accepted. */
export interface Http1 {
  /** accept serves a wire of which buffer[start, end) has been read. */
  accept(wire: Wire, buffer: Buffer, start: number, end: number): void;
  /** drain lets requests in flight finish, closes each connection after its answer, and idle ones at once. */
  drain(): void;
  /** close lets go of the timer; wires are the acceptor's to close. */
  close(): void;
}

/** How often connections are looked at that may be past their time. */
const sweepMs = 1000;
const lingerMs = 1000;

export function newHttp1(options: Http1Options): Http1 {
  const { limits, clock, onExchange } = options;
  const connections = new Set<Connection>();
  const everyMs = Math.max(1, Math.min(sweepMs, limits.headerMs, limits.requestMs, limits.keepAliveMs));
  let timer: Timer | undefined;
  let draining = false;
  let dateText = "";
  let dateMs = Number.NEGATIVE_INFINITY;

  function arm(): void {
    timer ??= clock.after(
      everyMs,
      () => {
        timer = undefined;
        const now = clock.now();
        for (const connection of connections) connection.sweep(now);
        if (connections.size > 0) arm();
      },
      { background: true },
    );
  }

  const shop: Shop = {
    ...limits,
    lingerMs,
    now: () => clock.now(),
    date() {
      const now = clock.now();
      if (now - dateMs >= 1000) {
        dateMs = now;
        dateText = new Date().toUTCString();
      }
      return dateText;
    },
    onExchange,
    onClose(connection) {
      connections.delete(connection);
      if (connections.size > 0) return;
      timer?.cancel();
      timer = undefined;
    },
    get draining() {
      return draining;
    },
  };

  return {
    accept(wire, buffer, start, end) {
      const connection = newConnection(wire, shop);
      connections.add(connection);
      arm();
      wire.onBytes(buffer, start, end);
    },
    drain() {
      draining = true;
      for (const connection of connections) connection.drain();
    },
    close() {
      timer?.cancel();
      timer = undefined;
    },
  };
}
