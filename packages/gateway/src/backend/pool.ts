import { type Budget, type Call, type CallHandler, type Channel, type ChannelOptions, type Fields, newChannel, type OpenOptions } from "@tfs/rpc";
import type { Clock, Logger } from "@tfs/std";
import { openFirst } from "./failover.ts";
import { type Arena, newArena } from "./replay.ts";

export interface PoolOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  /** random gives [0, 1), for the jitter of reconnecting; default Math.random. */
  readonly random?: () => number;
  /** budget bounds what waits for slow backends; default one for each. */
  readonly budget?: Budget;
  /** tls and limits are those of every backend's channel. */
  readonly tls?: NonNullable<ChannelOptions["tls"]>;
  readonly limits?: NonNullable<ChannelOptions["limits"]>;
}

/** What is kept of short calls, in case a backend refuses them: some ten thousand. */
const arenaBytes = 4 << 20;

/** newPool makes a pool over one or more addresses. Throws InvalidArgument for one that is malformed. */
export function newPool(addresses: readonly string[], options: PoolOptions): Pool {
  return new Pool(addresses.map((address) => newChannel({ address, ...options })));
}

/** Pool is a fixed set of backends, and who of them gets the next call. */
class Pool {
  readonly arena: Arena = newArena(arenaBytes);
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

  /** members are the backends, to be asked one by one; `open` is for calls that any of them may answer. */
  get members(): readonly Channel[] {
    return this.#channels;
  }

  /** states has every backend's address, and whether it is connected. */
  get states(): readonly (readonly [address: string, connected: boolean])[] {
    return this.#channels.map((channel) => [channel.address, channel.state === "ready"]);
  }

  /** open starts a call on the backend with the fewest calls in flight; one that refuses it unseen is passed over for the next. */
  open(fields: Fields, handler: CallHandler, options: OpenOptions = {}): Call {
    return openFirst(this, fields, handler, options);
  }

  /** close cuts what is in flight. */
  async close(): Promise<void> {
    await Promise.all(this.#channels.map((channel) => channel.destroy()));
  }

  /** pick gives the backend for the next try: connected ones first, those that failed a moment ago last; among equals the fewest calls in flight, ties in turn. */
  pick(tried: readonly Channel[]): Channel | undefined {
    const channels = this.#channels;
    const count = channels.length;
    const turn = tried.length === 0 ? this.#turn++ : this.#turn;
    let best: Channel | undefined;
    let bestRank = 0;
    for (let i = 0; i < count; i++) {
      const channel = channels[(turn + i) % count]!;
      if (tried.length > 0 && tried.includes(channel)) continue;
      const rank = rankOf(channel);
      if (best !== undefined && (rank > bestRank || (rank === bestRank && channel.inFlight >= best.inFlight))) continue;
      best = channel;
      bestRank = rank;
    }
    return best;
  }
}
export type { Pool };

function rankOf(channel: Channel): number {
  const { state } = channel;
  if (state === "ready") return 0;
  return state === "failed" || state === "closed" ? 2 : 1;
}
