import type { ConnectionOptions } from "node:tls";
import { type Clock, Code, type Ctx, type Failure, type Logger, newError, type Timer } from "@tfs/std";
import { type Address, parseAddress } from "./address.ts";
import { backoffMs } from "./backoff.ts";
import { type Call, type CallHandler, type Desk, newOutgoing, type OpenOptions, type Outgoing } from "./call.ts";
import { type Fields, newField, newFields } from "./fields.ts";
import { type Budget, newBudget } from "./http2/index.ts";
import { type ChannelLimits, defaultChannelLimits } from "./limits.ts";
import { dial, type Link } from "./link.ts";
import type { Metadata } from "./metadata.ts";
import { callUnary, type UnaryReply } from "./unary.ts";

export interface ChannelOptions {
  /** HOST:PORT, [IPv6]:PORT or unix:PATH. */
  readonly address: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /**
   * tls, if there, encrypts the connection (ALPN h2); default plaintext with prior knowledge. A function is asked for each new connection, so that certificates
   * can change while the channel is up.
   */
  readonly tls?: ConnectionOptions | (() => ConnectionOptions);
  /** authority is sent as :authority by `unary`; default the address, "localhost" for a unix socket. */
  readonly authority?: string;
  readonly limits?: Partial<ChannelLimits>;
  /** budget bounds what waits for slow readers, over all channels and listeners that share it; default one of its own of limits.heldBytes. */
  readonly budget?: Budget;
  /** random gives [0, 1) for the jitter of reconnecting; default Math.random. */
  readonly random?: () => number;
}

/** State of a channel: idle has no connection and makes one for the first call; failed waits before the next attempt and refuses calls meanwhile. */
export type State = "idle" | "connecting" | "ready" | "failed" | "closed";

/** newChannel makes a channel to one gRPC peer; it connects with the first call. Throws InvalidArgument for a malformed address. */
export function newChannel(options: ChannelOptions): Channel {
  return new Channel(options);
}

/** A connection that lived less than this counts as a failed attempt, so that a peer which hangs up at once is not dialled in a loop. */
const stableMs = 1000;

class Channel {
  readonly address: string;
  readonly #at: Address;
  readonly #options: ChannelOptions;
  readonly #limits: ChannelLimits;
  readonly #budget: Budget;
  readonly #full: Failure;
  readonly #retired: Failure;
  readonly #desk: Desk;
  readonly #links = new Set<Link>();
  readonly #waiting = new Set<Outgoing>();
  #link: Link | undefined;
  #state: State = "idle";
  #persistent = false;
  #failures = 0;
  #failure: Failure | undefined;
  #retry: Timer | undefined;
  #inFlight = 0;
  #emptied: (() => void)[] = [];

  constructor(options: ChannelOptions) {
    this.address = options.address;
    this.#at = parseAddress(options.address);
    this.#options = options;
    this.#limits = { ...defaultChannelLimits, ...options.limits };
    this.#desk = { clock: options.clock, done: (call) => this.#done(call) };
    this.#budget = options.budget ?? newBudget(this.#limits.heldBytes);
    this.#retired = newError(Code.Unavailable, `${options.address} is shutting down`);
    this.#full = newError(Code.ResourceExhausted, `too many calls wait for ${options.address}: the limit is ${this.#limits.pending}`);
  }

  get state(): State {
    return this.#state;
  }

  /** inFlight counts calls that have not ended, waiting ones included. */
  get inFlight(): number {
    return this.#inFlight;
  }

  /** failure is why the channel is in state failed. */
  get failure(): Failure | undefined {
    return this.#failure;
  }

  /** connect connects now rather than with the first call, and from then on reconnects by itself. */
  connect(): void {
    this.#persistent = true;
    if (this.#state === "idle") this.#dial();
  }

  /**
   * unary sends one message and gives one back. grpc-timeout comes from ctx.deadline, cancellation from ctx.signal. Any status but OK is thrown as
   * Failure with its code, text and details; a lost connection is Unavailable and names the address. A call that the peer refused unseen is sent once more.
   */
  unary(ctx: Ctx, path: string, message: Uint8Array, metadata: Metadata = {}): Promise<UnaryReply> {
    const { clock, authority } = this.#options;
    return callUnary(ctx, this, {
      path,
      message,
      metadata,
      clock,
      authority: authority ?? ("path" in this.#at ? "localhost" : this.address),
      scheme: "http",
      maxMessageBytes: this.#limits.maxMessageBytes,
    });
  }

  /**
   * open starts a call whose fields and bytes pass through untouched: the caller brings :method, :path, :scheme, :authority and the rest. Only :scheme is the
   * channel's to know: over TLS it is https whatever the caller says.
   */
  open(fields: Fields, handler: CallHandler, options: OpenOptions = {}): Call {
    const call = newOutgoing(this.#desk, this.#options.tls === undefined ? fields : secureFields(fields), handler, options);
    this.#inFlight++;
    if (this.#link !== undefined && this.#waiting.size === 0 && this.#link.room > 0) call.attach(this.#link);
    else if (this.#failure !== undefined) this.#failSoon(call, this.#failure);
    else if (this.#waiting.size >= this.#limits.pending) this.#failSoon(call, this.#full);
    else {
      this.#waiting.add(call);
      if (this.#state === "idle") this.#dial();
    }
    return call;
  }

  /** close refuses new calls, lets those in flight finish, and then closes the connections. */
  async close(): Promise<void> {
    if (this.#state !== "closed") {
      this.#retry?.cancel();
      this.#state = "closed";
      this.#failure = newError(Code.Unavailable, `channel to ${this.address} is closed`);
      this.#link = undefined;
      this.#failWaiting(this.#failure);
      for (const link of this.#links) link.close();
    }
    while (this.#links.size > 0) await new Promise<void>((resolve) => this.#emptied.push(resolve));
  }

  /** destroy closes the connections now; calls in flight fail with Unavailable. */
  async destroy(): Promise<void> {
    const closed = this.close();
    for (const link of this.#links) link.destroy("channel closed");
    await closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #dial(): void {
    const { clock, tls } = this.#options;
    this.#state = "connecting";
    this.#failure = undefined;
    let readyAt = Number.POSITIVE_INFINITY;
    const part = (failure: Failure): void => {
      if (this.#link !== link) return;
      if (clock.now() - readyAt >= stableMs) this.#leave();
      else this.#backOff(failure);
    };
    const link: Link = dial(
      { address: this.#at, tls: typeof tls === "function" ? tls() : tls, clock, limits: this.#limits, budget: this.#budget },
      {
        onReady: () => {
          readyAt = clock.now();
          if (this.#failures > 0) this.#options.logger.info("connected again", { peer: this.address, failures: this.#failures });
          if (this.#link === link) this.#state = "ready";
          this.#pump();
        },
        onRoom: () => this.#pump(),
        onRetire: () => part(this.#retired),
        onGone: (failure) => {
          this.#links.delete(link);
          part(failure);
          if (this.#links.size === 0) for (const resolve of this.#emptied.splice(0)) resolve();
        },
      },
    );
    this.#link = link;
    this.#links.add(link);
  }

  /** #leave parts with a connection that served well; the next call, or those waiting, get a new one. */
  #leave(): void {
    this.#link = undefined;
    this.#failures = 0;
    this.#state = "idle";
    if (this.#persistent || this.#waiting.size > 0) this.#dial();
  }

  #backOff(failure: Failure): void {
    const { clock, logger, random = Math.random } = this.#options;
    this.#link = undefined;
    this.#failures++;
    this.#state = "failed";
    this.#failure = failure;
    const waitMs = backoffMs(this.#failures, { firstMs: this.#limits.backoffFirstMs, maxMs: this.#limits.backoffMaxMs, random });
    const fields = { peer: this.address, err: failure, retryMs: Math.round(waitMs) };
    if (this.#failures === 1) logger.warn("cannot reach peer", fields);
    else logger.debug("cannot reach peer", fields); // said once; "connected again" ends it
    this.#retry = clock.after(
      waitMs,
      () => {
        this.#state = "idle";
        this.#failure = undefined;
        if (this.#persistent) this.#dial();
      },
      { background: true },
    );
    this.#failWaiting(failure);
  }

  #pump(): void {
    const link = this.#link;
    if (link === undefined) return;
    for (const call of this.#waiting) {
      if (link.room <= 0) return;
      this.#waiting.delete(call);
      call.attach(link);
    }
  }

  #failWaiting(failure: Failure): void {
    for (const call of [...this.#waiting]) call.fail(failure, true);
  }

  /** A handler is never called from inside `open`. */
  #failSoon(call: Outgoing, failure: Failure): void {
    process.nextTick(() => call.fail(failure, true));
  }

  #done(call: Outgoing): void {
    this.#inFlight--;
    if (this.#waiting.size > 0) this.#waiting.delete(call);
  }
}
export type { Channel };

const https = newField(":scheme", "https");
/** What was made of fields once, for as long as they come again: so that their block is encoded once as well. */
const secured = new WeakMap<Fields, Fields>();

function secureFields(fields: Fields): Fields {
  const known = secured.get(fields);
  if (known !== undefined) return known;
  const made = newFields(fields.list.map((field) => (field.name === ":scheme" ? https : field)));
  secured.set(fields, made);
  return made;
}
