import { type ClientHttp2Session, type ClientHttp2Stream, connect as connectHttp2, constants, type OutgoingHttpHeaders } from "node:http2";
import { connect as connectTcp, type Socket } from "node:net";
import { type ConnectionOptions, connect as connectTls } from "node:tls";
import { type Clock, Code, type Failure, newError } from "@tfs/std";
import { type Address, formatAddress } from "./address.ts";
import { newKeepalive, type Keepalive } from "./keepalive.ts";
import { type ChannelLimits, sessionMemoryMib } from "./limits.ts";

export interface LinkOptions {
  readonly address: Address;
  readonly tls: ConnectionOptions | undefined;
  readonly clock: Clock;
  readonly limits: ChannelLimits;
}

/** LinkEvents are called in this order: ready at most once, room any number of times, retire at most once, gone exactly once. */
export interface LinkEvents {
  /** The peer's settings have come: streams may be opened. */
  readonly onReady: () => void;
  /** A stream ended or the peer allows more of them. */
  readonly onRoom: () => void;
  /** The peer takes no new streams (GOAWAY); those in flight go on. */
  readonly onRetire: () => void;
  /** The connection is closed; the failure says why. */
  readonly onGone: (failure: Failure) => void;
}

/** dial starts one HTTP/2 connection. */
export function dial(options: LinkOptions, events: LinkEvents): Link {
  return new Link(options, events);
}

/** Stream ids of a client are odd and below 2^31; past this many streams a connection is replaced. */
const streamsPerConnection = 2 ** 30 - 1000;

class Link {
  readonly #events: LinkEvents;
  readonly #where: string;
  readonly #socket: Socket;
  readonly #session: ClientHttp2Session;
  readonly #keepalive: Keepalive;
  #state: "connecting" | "ready" | "retired" | "gone" = "connecting";
  #active = 0;
  #opened = 0;
  #failure: Failure | undefined;

  constructor(options: LinkOptions, events: LinkEvents) {
    const { address, clock, limits } = options;
    this.#events = events;
    this.#where = formatAddress(address);
    this.#socket = openSocket(address, options.tls);
    // Before node:http2 adds its own listener: when it closes the streams of a dead socket, they must already know why.
    this.#socket.on("close", () => this.#fail("connection closed"));
    this.#session = connectHttp2("http://peer", {
      createConnection: () => this.#socket,
      settings: { enablePush: false, initialWindowSize: limits.streamWindowBytes, maxHeaderListSize: limits.headerBytes },
      maxSessionMemory: sessionMemoryMib,
    });
    const timer = clock.after(limits.connectMs, () => this.destroy(`no answer within ${limits.connectMs} ms`));
    this.#session.on("remoteSettings", () => {
      timer.cancel();
      if (this.#state === "connecting") {
        this.#state = "ready";
        this.#events.onReady();
      } else this.#events.onRoom();
    });
    this.#session.on("goaway", () => this.#retire());
    this.#session.on("error", (err) => this.#fail(reasonOf(err), err));
    this.#session.on("close", () => {
      timer.cancel();
      this.#keepalive.rest();
      this.#fail("connection closed");
      this.#socket.destroy();
      this.#state = "gone";
      this.#events.onGone(this.#failure!); // set by #fail, just above at the latest
    });
    this.#keepalive = newKeepalive({
      clock,
      pingMs: limits.pingMs,
      pingTimeoutMs: limits.pingTimeoutMs,
      bytesRead: () => this.#socket.bytesRead,
      ping: (onAck) => this.#session.ping((err) => err === null && onAck()),
      onDead: () => this.destroy(`no answer to a ping within ${limits.pingTimeoutMs} ms`),
    });
  }

  /** room is how many more streams the peer takes now. */
  get room(): number {
    if (this.#state !== "ready") return 0;
    return (this.#session.remoteSettings.maxConcurrentStreams ?? Number.POSITIVE_INFINITY) - this.#active;
  }

  /** failure is why the connection is dying or dead; undefined while it is well. */
  get failure(): Failure | undefined {
    return this.#failure;
  }

  /** request opens a stream; only when there is room. Throws what node:http2 throws for headers it will not send. */
  request(headers: OutgoingHttpHeaders): ClientHttp2Stream {
    const stream = this.#session.request(headers);
    this.#active++;
    this.#keepalive.watch();
    stream.on("close", () => {
      this.#active--;
      if (this.#active === 0) this.#keepalive.rest();
      this.#events.onRoom();
    });
    if (++this.#opened === streamsPerConnection) this.close();
    return stream;
  }

  /** close takes no new streams and ends when the last one has. */
  close(): void {
    this.#retire();
    if (!this.#session.closed) this.#session.close();
  }

  /** destroy ends the connection and all its streams. */
  destroy(why: string): void {
    this.#fail(why);
    this.#session.destroy(undefined, constants.NGHTTP2_CANCEL);
    this.#socket.destroy();
  }

  #retire(): void {
    if (this.#state !== "ready" && this.#state !== "connecting") return;
    this.#state = "retired";
    this.#events.onRetire();
  }

  #fail(why: string, cause?: unknown): void {
    this.#failure ??= newError(Code.Unavailable, `${this.#state === "connecting" ? "cannot connect" : "lost connection"} to ${this.#where}: ${why}`, cause);
  }
}
export type { Link };

function openSocket(address: Address, tls: ConnectionOptions | undefined): Socket {
  const socket =
    tls === undefined
      ? connectTcp("path" in address ? { path: address.path } : { host: address.host, port: address.port })
      : connectTls({ ...tls, ...("path" in address ? { path: address.path } : { host: address.host, port: address.port }), ALPNProtocols: ["h2"] });
  socket.setNoDelay(true);
  return socket;
}

const reasons: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connection refused",
  ECONNRESET: "connection reset",
  ENOTFOUND: "host not found",
  EAI_AGAIN: "host not found",
  ENOENT: "no such socket",
  ETIMEDOUT: "timed out",
  EPIPE: "connection closed",
};

/** reasonOf puts a system error into words; a failed happy-eyeballs attempt is an AggregateError whose code is the first one's. */
function reasonOf(err: unknown): string {
  const code = err instanceof Error && "code" in err ? String(err.code) : "";
  return reasons[code] ?? (err instanceof Error && err.message !== "" ? err.message : code);
}
