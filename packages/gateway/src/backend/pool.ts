import type { OutgoingHttpHeaders } from "node:http2";
import { type Call, type CallHandler, type Channel, newChannel } from "@tfs/rpc";
import type { Clock, Logger } from "@tfs/std";
import { openFirst } from "./failover.ts";

export interface PoolOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  /** random gives [0, 1), for the jitter of reconnecting; default Math.random. */
  readonly random?: () => number;
}

/** newPool makes a pool over one or more addresses. Throws InvalidArgument for one that is malformed. */
export function newPool(addresses: readonly string[], options: PoolOptions): Pool {
  return new Pool(addresses.map((address) => newChannel({ address, ...options })));
}

/** Pool is a fixed set of backends, and who of them gets the next call. */
class Pool {
  readonly #channels: readonly Channel[];
  #turn = 0;

  constructor(channels: readonly Channel[]) {
    this.#channels = channels;
  }

  /** connect reaches for every backend now, and again whenever one is lost. */
  connect(): void {
    for (const channel of this.#channels) channel.connect();
  }

  /** ready tells whether some backend is connected. */
  get ready(): boolean {
    return this.#channels.some((channel) => channel.state === "ready");
  }

  /** open starts a call on the backend with the fewest calls in flight; one that refuses it unseen is passed over for the next. The headers are asked anew for each. */
  open(headers: OutgoingHttpHeaders | (() => OutgoingHttpHeaders), handler: CallHandler): Call {
    return openFirst(this.#order(), typeof headers === "function" ? headers : () => headers, handler);
  }

  /** close cuts what is in flight. */
  async close(): Promise<void> {
    await Promise.all(this.#channels.map((channel) => channel.destroy()));
  }

  /** #order is how a call tries the backends: connected ones first, those that failed a moment ago last; among equals the fewest calls in flight, ties in turn. */
  #order(): readonly Channel[] {
    if (this.#channels.length === 1) return this.#channels;
    const turn = this.#turn++ % this.#channels.length;
    const rotated = [...this.#channels.slice(turn), ...this.#channels.slice(0, turn)];
    return rotated.sort((a, b) => rank(a) - rank(b) || a.inFlight - b.inFlight); // stable: ties keep their turn
  }
}
export type { Pool };

function rank(channel: Channel): number {
  if (channel.state === "ready") return 0;
  return channel.state === "failed" || channel.state === "closed" ? 2 : 1;
}
