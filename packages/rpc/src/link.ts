import { isIP } from "node:net";
import type { ConnectionOptions } from "node:tls";
import { type Clock, Code, type Failure, newError, type Timer } from "@tfs/std";
import { type Address, formatAddress } from "./address.ts";
import type { Fields } from "./fields.ts";
import { type Budget, defaultSessionLimits, h2, newSession, type Session, type Stream, type StreamHandler } from "./http2/index.ts";
import { type Keepalive, newKeepalive } from "./keepalive.ts";
import type { ChannelLimits } from "./limits.ts";
import { openSslReason } from "./secure.ts";
import { isSecure } from "./secure_socket.ts";
import { dialSecureWire, dialWire, type Wire } from "./wire.ts";

export interface LinkOptions {
  readonly address: Address;
  readonly tls: ConnectionOptions | undefined;
  readonly clock: Clock;
  readonly limits: ChannelLimits;
  readonly budget: Budget;
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

/** Backends are few, and trusted: more may wait in their sockets than in a stranger's, by reference, before it is copied to wait in its stream. */
const pressureBytes = 8 << 20;
const floodBytes = 32 << 20;

class Link {
  readonly #events: LinkEvents;
  readonly #where: string;
  readonly #wire: Wire;
  readonly #session: Session;
  readonly #keepalive: Keepalive;
  readonly #timer: Timer;
  #state: "connecting" | "ready" | "retired" | "gone" = "connecting";
  #failure: Failure | undefined;

  constructor(options: LinkOptions, events: LinkEvents) {
    const { address, clock, limits, tls } = options;
    this.#events = events;
    this.#where = formatAddress(address);
    this.#wire = openWire(address, tls);
    // Before the session listens: when it ends the streams of a dead socket, they must already know why.
    this.#wire.socket.on("error", (err) => this.#fail(reasonOf(err), err));
    for (const event of ["end", "close"]) this.#wire.socket.on(event, () => this.#fail("connection closed"));
    const { socket } = this.#wire;
    if (isSecure(socket)) {
      socket.on(
        "secureConnect",
        () => socket.alpnProtocol === "h2" || this.destroy("the peer does not speak HTTP/2 over TLS: it agreed to no protocol (ALPN)"),
      );
    }
    this.#session = newSession({
      side: "client",
      wire: this.#wire,
      peer: { address: this.#where, encrypted: tls !== undefined, certificate: undefined },
      clock,
      limits: {
        ...defaultSessionLimits,
        headerBytes: limits.headerBytes,
        streamWindowBytes: limits.streamWindowBytes,
        resets: { burst: limits.resetBurst, perSecond: limits.resetsPerSecond },
        pressureBytes,
        floodBytes,
      },
      budget: options.budget,
      onReady: () => {
        this.#timer.cancel();
        if (this.#state !== "connecting") return;
        this.#state = "ready";
        this.#events.onReady();
      },
      onRoom: () => {
        if (this.#session.size === 0) this.#keepalive.rest();
        this.#events.onRoom();
      },
      onGoaway: () => this.#retire(),
      onClose: () => this.#onClose(),
    });
    this.#timer = clock.after(limits.connectMs, () => this.destroy(`no answer within ${limits.connectMs} ms`));
    this.#keepalive = newKeepalive({
      clock,
      pingMs: limits.pingMs,
      pingTimeoutMs: limits.pingTimeoutMs,
      bytesRead: () => this.#wire.received,
      ping: (onAck) => this.#session.ping(onAck),
      onDead: () => this.destroy(`no answer to a ping within ${limits.pingTimeoutMs} ms`),
    });
  }

  /** room is how many more streams the peer takes now. */
  get room(): number {
    return this.#state === "ready" ? this.#session.room : 0;
  }

  /** headerBytes is how large a list of fields the peer takes; infinite if it has not said. */
  get headerBytes(): number {
    return this.#session.peerSettings.listBytes;
  }

  /** failure is why the connection is dying or dead; undefined while it is well. */
  get failure(): Failure | undefined {
    const { failure } = this.#session;
    if (failure !== undefined) this.#fail(failure.message); // the peer broke the protocol: the session's streams end before its socket does
    return this.#failure;
  }

  /** request opens a stream; only when there is room. Arguments as Session.open takes them. */
  request(fields: Fields, handler: StreamHandler, end: boolean, tail: Uint8Array, tailBytes: number): Stream {
    const stream = this.#session.open(fields, handler, end, tail, tailBytes);
    this.#keepalive.watch();
    if (this.#session.opened === streamsPerConnection) this.close();
    return stream;
  }

  /** close takes no new streams and ends when the last one has. */
  close(): void {
    this.#retire();
    if (this.#session.established) this.#session.close();
    else this.destroy("channel closed");
  }

  /** destroy ends the connection and all its streams. */
  destroy(why: string): void {
    this.#fail(why);
    this.#session.destroy(h2.cancel, this.#failure!.message);
  }

  #retire(): void {
    if (this.#state !== "ready" && this.#state !== "connecting") return;
    this.#state = "retired";
    this.#events.onRetire();
  }

  #onClose(): void {
    this.#timer.cancel();
    this.#keepalive.stop();
    this.#fail("connection closed");
    this.#state = "gone";
    this.#events.onGone(this.#failure!); // set by #fail, just above at the latest
  }

  #fail(why: string, cause?: unknown): void {
    if (this.#failure !== undefined) return;
    const fault = this.#session?.failure?.message; // the session may know better than its socket
    this.#failure = newError(
      Code.Unavailable,
      `${this.#state === "connecting" ? "cannot connect" : "lost connection"} to ${this.#where}: ${fault?.startsWith("HTTP/2") ? fault : why}`,
      cause,
    );
  }
}
export type { Link };

function openWire(address: Address, tls: ConnectionOptions | undefined): Wire {
  const where = "path" in address ? { path: address.path } : { host: address.host, port: address.port };
  if (tls === undefined) return dialWire({ ...where, noDelay: true });
  const servername = "path" in address || isIP(address.host) !== 0 ? {} : { servername: address.host }; // RFC 6066, section 3: an address is no name
  const wire = dialSecureWire({ ...servername, ...tls, ...where, ALPNProtocols: ["h2"] });
  wire.socket.setNoDelay(true);
  return wire;
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

/** What OpenSSL says, and what it means: a peer's alerts (RFC 8446, section 6.2; RFC 7301, section 3.2), and an answer that is not TLS. */
const tlsReasons: readonly (readonly [RegExp, string])[] = [
  [/alert no application protocol/, "the peer does not speak HTTP/2 over TLS: it has no protocol in common with us (ALPN)"],
  [/alert certificate required/, "the peer wants a certificate of us"],
  [/wrong version number|packet length too long/, "the peer does not speak TLS"],
];

/** reasonOf puts an error of system or TLS into words; a failed happy-eyeballs attempt is an AggregateError whose code is the first one's. */
function reasonOf(err: unknown): string {
  const code = err instanceof Error && "code" in err ? String(err.code) : "";
  if (reasons[code] !== undefined) return reasons[code];
  if (code.startsWith("ERR_SSL_") || code === "EPROTO") {
    const said = openSslReason(err);
    return tlsReasons.find(([pattern]) => pattern.test(said))?.[1] ?? `TLS: ${said}`;
  }
  return err instanceof Error && err.message !== "" ? err.message : code;
}
