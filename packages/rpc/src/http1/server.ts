import type { Clock, Logger, Timer } from "@tfs/std";
import type { Exchange } from "../exchange.ts";
import type { Budget } from "../http2/index.ts";
import type { ListenerLimits } from "../limits.ts";
import type { Wire } from "../wire.ts";
import { type Connection, type Home, newConnection } from "./connection.ts";
import { newPrinter, type Printer } from "./print.ts";

export interface Http1Options {
  readonly limits: ListenerLimits;
  readonly clock: Clock;
  readonly logger: Logger;
  /** budget counts what waits for peers that do not read. */
  readonly budget: Budget;
  /** onExchange is told of each request when its head is there. It sets the exchange's handler in the same turn. */
  readonly onExchange: (exchange: Exchange) => void;
}

/** newHttp1 makes an HTTP/1.1 server for connections that somebody else accepted. */
export function newHttp1(options: Http1Options): Http1 {
  return new Http1(options);
}

/** Time limits are looked at this often, or as often as the shortest asks. */
const sweepMs = 1000;

class Http1 implements Home {
  readonly limits: ListenerLimits;
  readonly logger: Logger;
  readonly printer: Printer;
  readonly budget: Budget;
  readonly onExchange: (exchange: Exchange) => void;
  draining = false;
  readonly #clock: Clock;
  readonly #connections = new Set<Connection>();
  readonly #everyMs: number;
  #now = 0;
  #timer: Timer | undefined = undefined;

  constructor(options: Http1Options) {
    const { limits, clock, logger, budget, onExchange } = options;
    this.limits = limits;
    this.logger = logger;
    this.budget = budget;
    this.onExchange = onExchange;
    this.printer = newPrinter(clock);
    this.#clock = clock;
    this.#everyMs = Math.max(1, Math.min(sweepMs, limits.headerMs, limits.requestMs, limits.keepAliveMs));
  }

  /** accept takes over a connection and reads buffer[start, end), what has come of it so far; those bytes may be reused afterwards. */
  accept(wire: Wire, buffer: Buffer, start: number, end: number): void {
    if (this.draining && start === end) {
      wire.socket.destroy();
      return;
    }
    this.#arm();
    const connection = newConnection(wire, this);
    this.#connections.add(connection);
    if (start < end) connection.take(buffer, start, end);
  }

  /** drain lets requests in flight finish, closes each connection after its answer and idle ones at once. */
  drain(): void {
    this.draining = true;
    for (const connection of this.#connections) connection.drain();
  }

  /** close lets go of timers; sockets are the acceptor's to destroy. */
  close(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.printer.tick(); // nobody does while no time is looked at
  }

  /** dueIn is for connections: the clock of the last sweep is read for nothing, so that a time may run out late by two sweeps, and never early. */
  dueIn(ms: number): number {
    return this.#now + this.#everyMs + ms;
  }

  /** onClose is for connections. */
  onClose(connection: Connection): void {
    this.#connections.delete(connection);
    if (this.#connections.size === 0) this.close();
  }

  #arm(): void {
    if (this.#timer !== undefined) return;
    this.#now = this.#clock.now();
    this.#timer = this.#clock.after(this.#everyMs, () => this.#sweep(), { background: true });
  }

  #sweep(): void {
    this.#timer = undefined;
    this.printer.tick();
    this.#arm();
    for (const connection of this.#connections) connection.sweep(this.#now);
  }
}
export type { Http1 };
