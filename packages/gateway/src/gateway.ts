import type { Socket } from "node:net";
import { type Address, formatAddress, type Listener, newBudget, newCors, newListener, readClock } from "@tfs/rpc";
import { type Health, isStandard, newHealth, newReflection, type Reflection, standardServices } from "@tfs/services";
import type { Clock, Ctx, Logger } from "@tfs/std";
import { newPool, type Pool } from "./backend/index.ts";
import { newBridge } from "./bridge/index.ts";
import { type Config, checkConfig, defaults } from "./config/index.ts";
import { type Credentials, newCredentials } from "./credentials/index.ts";
import { newDeadlines } from "./forward/index.ts";
import { newHandler, newRequestIds, placesOf } from "./listen/index.ts";
import { type Metrics, newMetrics } from "./metrics/index.ts";
import { newModels } from "./models/index.ts";
import { newSchema, readDescriptorSet } from "./schema/index.ts";
import type { Report } from "./workers/index.ts";

export interface GatewayOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  /** random gives [0, 1), for jitter; default Math.random. */
  readonly random?: () => number;
}

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
  readonly #credentials: Credentials;
  /** One for each of the places where the config has us listen. */
  readonly #listeners: readonly Listener[];
  #draining = false;

  constructor(config: Config, options: GatewayOptions) {
    const { logger } = options;
    const clock = readClock(options.clock);
    this.#config = config;
    const { clientLimits: limits, backendLimits } = config;
    const budget = newBudget(limits.heldBytes);
    const credentials = newCredentials(config, options);
    const pool = newPool(config.backends, { ...options, clock, budget, limits: backendLimits, ...(credentials.backend && { tls: credentials.backend }) });
    const schema = newSchema([standardServices, ...config.descriptorSets.map(readDescriptorSet)]);
    this.#ready = () => pool.ready && !this.#draining;
    const owner = "the gateway";
    const { descriptors } = schema;
    const services = ["", ...descriptors.services().filter((service) => !isStandard(service))];
    const known = new Set(services);
    const serving = (service: string): boolean | undefined => (known.has(service) ? this.#ready() : undefined); // all stand and fall with the gateway as a whole
    this.#health = newHealth({ serving, services: () => services, owner, clock });
    this.#reflection = config.reflection ? newReflection({ descriptors, owner }) : undefined;
    const own = new Map([...this.#health.methods, ...(this.#reflection?.methods ?? []), ...newModels(() => pool.members)]);
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
      own,
      clock,
      deadlines: newDeadlines(clock),
      logger,
      maxRequestBytes: config.maxRequestBytes,
      maxAnswerBytes: backendLimits.maxMessageBytes,
      bodies: newBudget(config.maxHeldRequestBytes),
      timeoutMs: config.restTimeoutMs,
    });
    this.#pool = pool;
    this.#credentials = credentials;
    const common = { onExchange, clock, logger, budget, limits };
    this.#listeners = placesOf(config).map(({ secure }) => newListener({ ...common, ...(secure && credentials.server && { tls: credentials.server }) }));
  }

  /** listen reaches for the backends, binds, and gives the port's address as HOST:PORT, or unix:PATH if there is none. It does not wait for backends: `/readyz` tells. */
  async listen(ctx: Ctx): Promise<string> {
    const bound: Address[] = [];
    for (const [at, { address }] of placesOf(this.#config).entries()) bound.push(await this.#listeners[at]!.listen(ctx, address));
    this.#start();
    return formatAddress(bound[0]!);
  }

  /** open reaches for the backends; connections come by `accept`, from somebody who listens. */
  open(): void {
    for (const listener of this.#listeners) listener.open();
    this.#start();
  }

  /** accept serves a connection that nobody has read from; `at` is the place where it came in, among those that placesOf gives. */
  accept(socket: Socket, at: number): void {
    this.#listeners[at]!.accept(socket);
  }

  /** look reads certificates again that have changed; connections that are there go on with theirs. The gateway looks by itself every ten seconds. */
  look(): void {
    this.#credentials.look();
  }

  /** report gives what this gateway has counted, and whether it could answer a call now. */
  report(): Report {
    const gauges = { connections: this.#listeners.reduce((sum, listener) => sum + listener.connections, 0), backends: this.#pool.states };
    return { ready: this.#ready(), families: this.#metrics.collect(gauges) };
  }

  /** drain stops accepting, lets calls in flight finish for at most `ms`, and closes the channels. */
  async drain(ms: number): Promise<void> {
    this.#draining = true;
    this.#health.drain();
    this.#reflection?.drain();
    this.#credentials.close();
    await Promise.all(this.#listeners.map((listener) => listener.drain(ms)));
    await this.#pool.close();
  }

  /** close cuts everything now. */
  async close(): Promise<void> {
    this.#draining = true;
    this.#credentials.close();
    await Promise.all(this.#listeners.map((listener) => listener.close()));
    await this.#pool.close();
  }

  #start(): void {
    this.#pool.connect();
    this.#credentials.watch();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
export type { Gateway };
