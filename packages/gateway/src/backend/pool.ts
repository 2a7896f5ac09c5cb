import { type Channel, newChannel } from "@tfs/rpc";
import { type Clock, Code, type Logger, newError } from "@tfs/std";

/** Pool is a fixed set of backends. */
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

  /** order gives the backends as a call should try them: fewest calls in flight first, ties in turn; those that cannot be reached come last, in case nothing else is left. */
  order(): Channel[] {
    const turn = this.#turn++ % this.#channels.length;
    const rotated = [...this.#channels.slice(turn), ...this.#channels.slice(0, turn)];
    const weight = (channel: Channel): number => channel.inFlight + (channel.state === "failed" ? Number.MAX_SAFE_INTEGER / 2 : 0);
    return rotated.sort((a, b) => weight(a) - weight(b)); // stable: ties keep their turn
  }

  /** reach runs a whole call; a backend that cannot be reached is passed over for the next, each once. A call that was sent is never repeated. */
  async reach<T>(call: (channel: Channel) => Promise<T>): Promise<T> {
    let last: unknown = newError(Code.Unavailable, "there are no backends");
    for (const channel of this.order()) {
      try {
        return await call(channel);
      } catch (err) {
        if (err !== channel.failure) throw err; // the channel's own failure means that nothing was sent
        last = err;
      }
    }
    throw last;
  }

  async close(): Promise<void> {
    await Promise.all(this.#channels.map((channel) => channel.destroy()));
  }
}
export type { Pool };

export interface PoolOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  /** random gives [0, 1), for the jitter of reconnecting. */
  readonly random: () => number;
}

/** newPool makes a pool over addresses. Throws InvalidArgument for one that is malformed. */
export function newPool(addresses: readonly string[], options: PoolOptions): Pool {
  return new Pool(addresses.map((address) => newChannel({ address, ...options, limits: { maxMessageBytes: maxAnswerBytes } })));
}

/** A model server's answer to a bridged call may be as large as this; forwarded calls pass through in pieces and have no bound. */
const maxAnswerBytes = 1 << 30;
