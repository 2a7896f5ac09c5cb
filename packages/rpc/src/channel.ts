import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants, type IncomingHttpHeaders, type OutgoingHttpHeaders } from "node:http2";
import { type Clock, Code, type Ctx, deadlineExceeded, type Failure, newError, remainingMs, throwIfDone, type Timer } from "@tfs/std";
import { frameMessage, newDeframer } from "./frame.ts";
import { failureOfTrailers, type Metadata } from "./status.ts";
import { formatTimeout } from "./timeout.ts";

export interface ChannelLimits {
  /** maxMessageBytes bounds one answer. Default 1 GiB. */
  readonly maxMessageBytes: number;
  /** connectMs bounds a connection attempt. Default 10 s. */
  readonly connectMs: number;
  /** pending calls may wait for a free stream (the peer's MAX_CONCURRENT_STREAMS); more are refused. Default 10,000. */
  readonly pending: number;
  /** keepAliveMs is between pings while calls are open; keepAliveTimeoutMs is how long an answer may take. Defaults 30 s and 15 s. */
  readonly keepAliveMs: number;
  readonly keepAliveTimeoutMs: number;
  /** backoff of reconnecting: first and longest wait, doubling, jittered by a fifth. Defaults 100 ms and 10 s. */
  readonly backoffMs: number;
  readonly maxBackoffMs: number;
}

const defaults: ChannelLimits = { maxMessageBytes: 2 ** 30, connectMs: 10_000, pending: 10_000, keepAliveMs: 30_000, keepAliveTimeoutMs: 15_000, backoffMs: 100, maxBackoffMs: 10_000 };

export interface ChannelOptions {
  /** "host:port", "[v6]:port" or "unix:path". */
  readonly address: string;
  readonly clock: Clock;
  /** random gives [0, 1), for jitter. */
  readonly random: () => number;
  readonly limits?: Partial<ChannelLimits>;
}

/** Reply is the answer to a unary call. */
export interface Reply {
  readonly message: Uint8Array;
  readonly headers: Metadata;
  readonly trailers: Metadata;
}

export type ChannelState = "idle" | "connecting" | "ready" | "failed" | "closed";

class Channel {
  readonly address: string;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #limits: ChannelLimits;
  #session: ClientHttp2Session | undefined;
  #connecting: Promise<ClientHttp2Session> | undefined;
  #inFlight = 0;
  #waiting = 0;
  #failures = 0;
  #retryAt = 0;
  #lastError: Failure | undefined;
  #closed = false;
  #keepAlive: Timer | undefined;
  /** Calls wait here while the peer's stream limit is reached. */
  #freed: (() => void)[] = [];

  constructor(options: ChannelOptions) {
    this.address = options.address;
    this.#clock = options.clock;
    this.#random = options.random;
    this.#limits = { ...defaults, ...options.limits };
  }

  /** state: "failed" means that the last attempt failed and the next is not due yet. */
  get state(): ChannelState {
    if (this.#closed) return "closed";
    if (this.#session !== undefined) return "ready";
    if (this.#connecting !== undefined) return "connecting";
    return this.#retryAt > this.#clock.now() ? "failed" : "idle";
  }

  /** inFlight counts calls that are open or wait for a stream. */
  get inFlight(): number {
    return this.#inFlight + this.#waiting;
  }

  /**
   * unary sends one message and gives the answer's. The deadline travels as grpc-timeout, cancelling resets the stream. A status other than OK
   * is thrown as a Failure with the peer's code, text and details; a peer that cannot be reached is Unavailable, naming the address.
   */
  async unary(ctx: Ctx, path: string, message: Uint8Array, metadata: Metadata = {}): Promise<Reply> {
    const stream = await this.open(ctx, {
      ...metadata,
      ":method": "POST",
      ":path": path,
      "content-type": "application/grpc+proto",
      te: "trailers",
      ...(ctx.deadline === Number.POSITIVE_INFINITY ? {} : { "grpc-timeout": formatTimeout(remainingMs(ctx)) }),
    } as OutgoingHttpHeaders);
    return await exchange(ctx, stream, message, this.#limits.maxMessageBytes, this.address);
  }

  /** open starts a call and gives its stream: for those who pass bytes on untouched. Throws Unavailable, ResourceExhausted, or the context's reason. */
  async open(ctx: Ctx, headers: OutgoingHttpHeaders): Promise<ClientHttp2Stream> {
    throwIfDone(ctx);
    if (this.#closed) throw newError(Code.Unavailable, `the channel to ${this.address} is closed`);
    if (this.#waiting >= this.#limits.pending) throw newError(Code.ResourceExhausted, `${this.#waiting} calls wait for ${this.address} already`);
    this.#waiting++;
    let session: ClientHttp2Session;
    try {
      session = await this.#ready(ctx);
      while (this.#inFlight >= (session.remoteSettings?.maxConcurrentStreams ?? Number.POSITIVE_INFINITY)) {
        await until(ctx, new Promise<void>((resolve) => this.#freed.push(resolve)));
        session = await this.#ready(ctx);
      }
    } finally {
      this.#waiting--;
    }
    throwIfDone(ctx);
    let stream: ClientHttp2Stream;
    try {
      stream = session.request(headers);
    } catch (err) {
      throw newError(Code.Unavailable, `${this.address} is going away`, err);
    }
    // An idle connection does not keep the process alive; a call does.
    if (this.#inFlight++ === 0) session.ref();
    this.#armKeepAlive();
    stream.once("close", () => {
      if (--this.#inFlight === 0 && !session.destroyed) session.unref();
      this.#freed.shift()?.();
    });
    stream.on("error", () => {}); // the reader of the stream sees how it ended by its close
    return stream;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#keepAlive?.cancel();
    const session = this.#session;
    this.#session = undefined;
    if (session === undefined || session.destroyed) return;
    await new Promise<void>((resolve) => {
      session.once("close", () => resolve());
      session.close();
      if (this.#inFlight === 0) session.destroy();
    });
  }

  /** #ready gives the session, connecting if there is none; while a failed peer rests, calls fail at once with what went wrong. */
  async #ready(ctx: Ctx): Promise<ClientHttp2Session> {
    if (this.#session !== undefined) return this.#session;
    if (this.#connecting === undefined) {
      if (this.#retryAt > this.#clock.now() && this.#lastError !== undefined) throw this.#lastError;
      this.#connecting = this.#connect().finally(() => {
        this.#connecting = undefined;
      });
    }
    return await until(ctx, this.#connecting);
  }

  #connect(): Promise<ClientHttp2Session> {
    return new Promise((resolve, reject) => {
      const unix = this.address.startsWith("unix:");
      const authority = unix ? "http://localhost" : `http://${this.address}`;
      let session: ClientHttp2Session;
      try {
        session = connect(authority, {
          ...(unix ? { path: this.address.slice(5) } : {}),
          settings: { enablePush: false, initialWindowSize: 4 << 20 },
          maxSessionMemory: 1024,
        } as object);
      } catch (err) {
        reject(this.#failed(err));
        return;
      }
      const timer = this.#clock.after(this.#limits.connectMs, () => session.destroy(new Error(`no connection within ${this.#limits.connectMs} ms`)));
      let up = false;
      session.once("connect", () => {
        up = true;
        timer.cancel();
        session.setLocalWindowSize(16 << 20);
        this.#failures = 0;
        this.#lastError = undefined;
        if (this.#closed) session.close();
        else this.#session = session;
        if (this.#inFlight + this.#waiting === 0) session.unref();
        resolve(session);
      });
      let cause: unknown;
      session.on("error", (err) => {
        cause = err;
      });
      const gone = (): void => {
        if (this.#session === session) this.#session = undefined;
        for (const go of this.#freed.splice(0)) go();
      };
      session.once("goaway", gone); // no new calls on it; those in flight end by themselves
      session.once("close", () => {
        timer.cancel();
        gone();
        if (!up) reject(this.#failed(cause));
      });
    });
  }

  #failed(cause: unknown): Failure {
    const wait = Math.min(this.#limits.maxBackoffMs, this.#limits.backoffMs * 2 ** this.#failures++);
    this.#retryAt = this.#clock.now() + wait * (0.8 + 0.4 * this.#random());
    const why = cause instanceof Error ? cause.message : "the connection was closed";
    this.#lastError = newError(Code.Unavailable, `cannot connect to ${this.address}: ${why}`, cause);
    return this.#lastError;
  }

  /** While calls are open, a peer that no longer answers pings is given up: its calls end as Unavailable instead of hanging. */
  #armKeepAlive(): void {
    if (this.#keepAlive !== undefined) return;
    this.#keepAlive = this.#clock.after(
      this.#limits.keepAliveMs,
      () => {
        this.#keepAlive = undefined;
        const session = this.#session;
        if (session === undefined || this.#inFlight === 0) return;
        const timer = this.#clock.after(this.#limits.keepAliveTimeoutMs, () => session.destroy(new Error("no answer to a ping")), { background: true });
        session.ping(() => timer.cancel());
        this.#armKeepAlive();
      },
      { background: true },
    );
  }
}
export type { Channel };

/** newChannel makes a channel to one gRPC peer. It connects on first use, and again after a jittered backoff when the connection is lost. */
export function newChannel(options: ChannelOptions): Channel {
  return new Channel(options);
}

/** until waits for a promise, but no longer than the context allows; it leaves no listener behind. */
async function until<T>(ctx: Ctx, work: Promise<T>): Promise<T> {
  let stop = (): void => {};
  const ended = new Promise<never>((_, reject) => {
    const onAbort = (): void => reject(ctx.signal.reason);
    const ms = remainingMs(ctx);
    const timer = ms === Number.POSITIVE_INFINITY ? undefined : setTimeout(() => reject(deadlineExceeded), Math.min(ms, 0x7fffffff));
    ctx.signal.addEventListener("abort", onAbort, { once: true });
    stop = () => {
      clearTimeout(timer);
      ctx.signal.removeEventListener("abort", onAbort);
    };
  });
  try {
    return await Promise.race([work, ended]);
  } finally {
    stop();
  }
}

/** exchange writes the one message and collects the one answer. */
async function exchange(ctx: Ctx, stream: ClientHttp2Stream, message: Uint8Array, maxMessageBytes: number, peer: string): Promise<Reply> {
  const deframer = newDeframer({ maxMessageBytes });
  let status = 0;
  let headers: IncomingHttpHeaders = {};
  let trailers: IncomingHttpHeaders = {};
  let answer: Uint8Array | undefined;
  let failure: Failure | undefined;
  const closed = new Promise<void>((resolve) => stream.once("close", resolve));
  stream.on("response", (h) => {
    status = Number(h[":status"] ?? 0);
    headers = h;
  });
  stream.on("trailers", (t) => {
    trailers = t;
  });
  stream.on("data", (chunk: Buffer) => {
    if (failure !== undefined) return;
    try {
      for (const m of deframer.push(chunk)) {
        if (answer !== undefined) throw newError(Code.Internal, `${peer} sent more than one message`);
        answer = m;
      }
    } catch (err) {
      failure = err as Failure;
      stream.close(constants.NGHTTP2_CANCEL);
    }
  });
  stream.end(frameMessage(message));
  try {
    await until(ctx, closed);
  } catch (err) {
    stream.close(constants.NGHTTP2_CANCEL);
    throw err;
  }
  if (failure !== undefined) throw failure;
  const metadata = { ...headers, ...trailers } as Metadata;
  if (status === 0) throw newError(Code.Unavailable, `${peer} closed the connection before it answered`);
  const how = metadata["grpc-status"] === undefined && status === 200 && stream.rstCode !== 0 ? newError(Code.Unavailable, `${peer} reset the call (HTTP/2 error ${stream.rstCode})`) : failureOfTrailers(metadata, status, peer);
  if (how !== undefined) throw how;
  if (answer === undefined) throw newError(Code.Internal, `${peer} answered without a message`);
  return { message: answer, headers: headers as Metadata, trailers: trailers as Metadata };
}
