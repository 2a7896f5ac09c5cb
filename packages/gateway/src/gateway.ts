import { formatAddress, type Listener, newListener } from "@tfs/rpc";
import type { Clock, Ctx, Logger } from "@tfs/std";
import { newPool, type Pool } from "./backend/index.ts";
import { newBridge } from "./bridge/index.ts";
import type { Config } from "./config/index.ts";
import { newHandlers } from "./listen/index.ts";

export interface GatewayOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  /** random gives [0, 1), for jitter. */
  readonly random: () => number;
}

class Gateway {
  readonly #config: Config;
  readonly #pool: Pool;
  readonly #listener: Listener;

  constructor(config: Config, { clock, logger, random }: GatewayOptions) {
    this.#config = config;
    this.#pool = newPool(config.backends, { clock, logger, random });
    const bridge = newBridge((ctx, path, message) => this.#pool.reach(async (channel) => (await channel.unary(ctx, path, message)).message), clock);
    this.#listener = newListener({ ...newHandlers({ pool: this.#pool, bridge, clock, logger, maxRequestBytes: config.maxRequestBytes }), clock, logger });
  }

  /** listen reaches for the backends and gives the bound address. */
  async listen(ctx: Ctx): Promise<string> {
    const { host, port } = this.#config;
    this.#pool.connect();
    return formatAddress(await this.#listener.listen(ctx, host === undefined ? { port } : { port, host }));
  }

  /** drain stops accepting, lets calls in flight finish for at most `ms`, and closes the channels. */
  async drain(ms: number): Promise<void> {
    await this.#listener.drain(ms);
    await this.#pool.close();
  }
}
export type { Gateway };

/** newGateway makes a gateway from a config; nothing happens before listen. */
export function newGateway(config: Config, options: GatewayOptions): Gateway {
  return new Gateway(config, options);
}
