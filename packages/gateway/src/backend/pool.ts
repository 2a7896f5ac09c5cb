import { type Channel, newChannel } from "@tfs/rpc";
import { type Clock, Code, type Ctx, codeOf, type Failure, newError } from "@tfs/std";

/** Pool is a fixed set of backends. */
class Pool {
  readonly #channels: readonly Channel[];
  #turn = 0;

  constructor(channels: readonly Channel[]) {
    this.#channels = channels;
  }

  /**
   * reach runs `start` on the backend with the fewest calls in flight; ties go round. A backend that cannot be reached is passed over for the next, each
   * once: `start` must fail with Unavailable only if nothing was sent. Throws what the last one threw.
   */
  async reach<T>(start: (channel: Channel) => Promise<T>): Promise<T> {
    let last: unknown = newError(Code.Unavailable, "there are no backends");
    for (const channel of this.#order()) {
      try {
        return await start(channel);
      } catch (err) {
        if (codeOf(err) !== Code.Unavailable) throw err;
        last = err;
      }
    }
    throw last;
  }

  /** ready resolves when any backend can be reached. Throws Unavailable if none can within the context's time. */
  async ready(ctx: Ctx): Promise<void> {
    try {
      await Promise.any(this.#channels.map((channel) => channel.connect(ctx)));
    } catch (err) {
      const [first] = err instanceof AggregateError ? (err.errors as Failure[]) : [];
      throw newError(Code.Unavailable, `no backend can be reached: ${first?.message ?? "timed out"}`, err);
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.#channels.map((channel) => channel.close()));
  }

  /** Least in flight first; those that failed and rest come last, in case nothing else is left. */
  #order(): Channel[] {
    const turn = this.#turn++ % this.#channels.length;
    const rotated = [...this.#channels.slice(turn), ...this.#channels.slice(0, turn)];
    const weight = (channel: Channel): number => channel.inFlight + (channel.state === "failed" ? Number.MAX_SAFE_INTEGER / 2 : 0);
    return rotated.sort((a, b) => weight(a) - weight(b)); // stable: ties keep their turn
  }
}
export type { Pool };

/** newPool makes a pool over addresses; connections are made on first use. */
export function newPool(addresses: readonly string[], options: { readonly clock: Clock; readonly random: () => number }): Pool {
  return new Pool(addresses.map((address) => newChannel({ address, ...options })));
}
