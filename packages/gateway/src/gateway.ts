import type { Socket } from "node:net";
import { formatAddress, newBudget, type Listener, newListener } from "@tfs/rpc";
import type { Clock, Ctx, Logger } from "@tfs/std";
import { newPool, type Pool } from "./backend/index.ts";
import { maxAnswerBytes, newBridge } from "./bridge/index.ts";
import { type Config, checkConfig, defaults } from "./config/index.ts";
import { newDeadlines } from "./forward/index.ts";
import { type Health, newHealth } from "./health/index.ts";
import { newCors, newHandler, newRequestIds } from "./listen/index.ts";
import { type Metrics, newMetrics } from "./metrics/index.ts";
import { isOwn, newReflection, ownServices, type Reflection } from "./reflection/index.ts";
import { newSchema, readDescriptorSet } from "./schema/index.ts";
import type { Report } from "./workers/index.ts";

export interface GatewayOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  /** random gives [0, 1), for jitter; default Math.random. */
  readonly random?: () => number;
}

/** What may wait between a fast writer and a slow reader, over all connections; past it nobody gets credit for more. */
const heldBytes = 256 << 20;

/** newGateway makes a gateway in front of `config.backends`; nothing happens before listen. What the config leaves out has its default. Throws InvalidArgument naming what is wrong. */
export function newGateway(config: Partial<Config> & Pick<Config, "backends">, options: GatewayOptions): Gateway {
  return new Gateway(checkConfig({ ...defaults, ...config }), options);
}

class Gateway {
  readonly #config: Config;
  readonly #pool: Pool;
  readonly #ready: () => boolean;
  readonly #health: Health;
  readonly #reflection: Reflection | undefined;
  readonly #metrics: Metrics = newMetrics();
  readonly #listener: Listener;
  #draining = false;

  constructor(config: Config, options: GatewayOptions) {
    const { clock, logger } = options;
    this.#config = config;
    const budget = newBudget(heldBytes);
    const pool = newPool(config.backends, { ...options, budget });
    const schema = newSchema([ownServices, ...config.descriptorSets.map(readDescriptorSet)]);
    this.#ready = () => pool.ready && !this.#draining;
    this.#health = newHealth({ ready: this.#ready, services: schema.services().filter((service) => !isOwn(service)), clock });
    this.#reflection = config.reflection ? newReflection(schema) : undefined;
    const onExchange = newHandler({
      backends: pool,
      bridge: newBridge({ opener: pool, clock, numbers: config.restNumbers }),
      ready: this.#ready,
      schema,
      refuseUnknown: config.unknownServices === "refuse",
      ids: newRequestIds(options.random ?? Math.random),
      idsForGrpc: config.requestIds === "all",
      cors: newCors(config.corsOrigins),
      metrics: this.#metrics,
      health: this.#health,
      reflection: this.#reflection,
      clock,
      deadlines: newDeadlines(clock),
      logger,
      maxRequestBytes: config.maxRequestBytes,
      maxAnswerBytes,
      bodies: newBudget(config.maxHeldRequestBytes),
      timeoutMs: config.restTimeoutMs,
    });
    this.#pool = pool;
    this.#listener = newListener({ onExchange, clock, logger, budget });
  }

  /** listen reaches for the backends, binds, and gives the bound address as HOST:PORT. It does not wait for backends: `/readyz` tells. */
  async listen(ctx: Ctx): Promise<string> {
    const { host, port } = this.#config;
    const address = await this.#listener.listen(ctx, host === "" ? { port } : { port, host });
    this.#pool.connect();
    return formatAddress(address);
  }

  /** open reaches for the backends; connections come by `accept`, from somebody who listens. */
  open(): void {
    this.#listener.open();
    this.#pool.connect();
  }

  /** accept serves a connection that nobody has read from. */
  accept(socket: Socket): void {
    this.#listener.accept(socket);
  }

  /** report gives what this gateway has counted, and whether it could answer a call now. */
  report(): Report {
    const gauges = { connections: this.#listener.connections, backends: this.#pool.states };
    return { ready: this.#ready(), families: this.#metrics.collect(gauges) };
  }

  /** drain stops accepting, lets calls in flight finish for at most `ms`, and closes the channels. */
  async drain(ms: number): Promise<void> {
    this.#draining = true;
    this.#health.drain();
    this.#reflection?.drain();
    await this.#listener.drain(ms);
    await this.#pool.close();
  }

  /** close cuts everything now. */
  async close(): Promise<void> {
    this.#draining = true;
    await this.#listener.close();
    await this.#pool.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
export type { Gateway };
