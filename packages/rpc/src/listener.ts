import { createServer, type Server, type Socket } from "node:net";
import { type Clock, type Ctx, type Logger, messageOf, type Timer } from "@tfs/std";
import type { Address } from "./address.ts";
import { type BindAddress, bind } from "./bind.ts";
import type { Exchange } from "./exchange.ts";
import type { Fields } from "./fields.ts";
import { type Http1, newHttp1 } from "./http1/index.ts";
import { type Budget, defaultSessionLimits, h2, newBudget, newSession, type Session, type SessionLimits, type Stream } from "./http2/index.ts";
import { defaultListenerLife, type Lifetime, type ListenerLife, newLifetime } from "./lifetime.ts";
import { defaultListenerLimits, type ListenerLimits } from "./limits.ts";
import { type Peer, peerOf } from "./peer.ts";
import type { Kind } from "./preface.ts";
import type { ServerTls } from "./secure.ts";
import { sniff } from "./sniff.ts";
import { newWire, type Wire, wrapWire } from "./wire.ts";

export interface ListenerOptions {
  /** onExchange takes each request. It sets the exchange's handler before it returns. Over HTTP/2 the exchange is a Stream, as its `wire` tells. */
  readonly onExchange: (exchange: Stream | Http1Exchange) => void;
  /** refuse is asked of each request over HTTP/2 before onExchange: fields are its whole answer, and onExchange does not hear of it. Default: none is refused. */
  readonly refuse?: (fields: Fields, peer: Peer) => Fields | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
  /** tls, if there, is spoken on every connection; default plaintext. */
  readonly tls?: ServerTls;
  readonly limits?: Partial<ListenerLimits>;
  /** life ends connections that are old or whose peer is gone; default defaultListenerLife. */
  readonly life?: Partial<ListenerLife>;
  /** budget bounds what waits for slow readers, over all channels and listeners that share it; default one of its own of limits.heldBytes. */
  readonly budget?: Budget;
}

/** Http1Exchange is an exchange over HTTP/1.1. */
export type Http1Exchange = Exchange & { readonly wire: "http1" };

/**
 * newListener makes one port for HTTP/2 and HTTP/1.1. Over TLS a connection speaks what its handshake agreed on (ALPN). Where it agreed on nothing, and over
 * plaintext, the first bytes tell: HTTP/2 begins with its preface.
 */
export function newListener(options: ListenerOptions): Listener {
  return new Listener(options);
}

/** What ALPN names stand for (RFC 7301, section 6; RFC 9113, section 3.2). */
const agreed: Readonly<Record<string, Kind>> = { h2: "http2", "http/1.1": "http1" };

const sweepMs = 1000;
const tcpKeepAliveMs = 60_000;

class Listener {
  readonly #options: ListenerOptions;
  readonly #limits: ListenerLimits;
  readonly #sessionLimits: SessionLimits;
  readonly #budget: Budget;
  readonly #server: Server;
  readonly #http1: Http1;
  readonly #handshakes = new Set<Socket>();
  readonly #wires = new Set<Wire>();
  readonly #undecided = new Set<Wire>();
  readonly #life: ListenerLife;
  readonly #sessions = new Map<Session, Lifetime>();
  #served = 0;
  #sweep: Timer | undefined;
  #draining = false;
  #emptied: (() => void)[] = [];

  constructor(options: ListenerOptions) {
    this.#options = options;
    this.#limits = { ...defaultListenerLimits, ...options.limits };
    this.#life = { ...defaultListenerLife, ...options.life };
    const { streams, headerBytes, headerMs, streamWindowBytes, resetBurst, resetsPerSecond } = this.#limits;
    const resets = { burst: resetBurst, perSecond: resetsPerSecond };
    this.#sessionLimits = { ...defaultSessionLimits, streams, headerBytes, headerMs, streamWindowBytes, resets };
    this.#budget = options.budget ?? newBudget(this.#limits.heldBytes);
    const { clock, logger } = options;
    this.#http1 = newHttp1({
      limits: this.#limits,
      clock,
      logger,
      budget: this.#budget,
      onExchange: (exchange) => options.onExchange(exchange as Http1Exchange),
    });
    // Paused: the connection moves into a socket of ours before anything is read.
    this.#server = createServer({ noDelay: true, keepAlive: true, keepAliveInitialDelay: tcpKeepAliveMs, pauseOnConnect: true }, (socket) =>
      this.accept(socket),
    );
  }

  /** listen binds once and gives the address with the real port. Throws as `bind` says. */
  async listen(ctx: Ctx, address: BindAddress): Promise<Address> {
    const bound = await bind(ctx, this.#server, address);
    this.#server.on("error", (err) => this.#options.logger.error("accept failed", { err }));
    this.open();
    return bound;
  }

  /** open makes the listener look after connections that somebody else accepts; listen does so by itself. */
  open(): void {
    this.#armSweep();
  }

  /** accept serves a connection that nobody has read from. */
  accept(accepted: Socket): void {
    if (this.#draining || this.connections >= this.#limits.connections) {
      accepted.destroy();
      return;
    }
    const { tls, clock, logger } = this.#options;
    if (tls === undefined) {
      const wire = newWire(accepted);
      if (wire.socket !== accepted) accepted.destroy(); // an empty shell, which its server counts out: its connection has moved
      this.#welcome(wire, undefined);
      return;
    }
    const address = accepted.remoteAddress; // not to be had any more when it has failed
    this.#handshakes.add(accepted);
    tls.accept(accepted, {
      clock,
      ms: this.#limits.handshakeMs,
      onSecure: (socket) => {
        this.#handshakes.delete(accepted);
        this.#welcome(wrapWire(socket), agreed[String(socket.alpnProtocol)]);
      },
      onFailure: (why) => {
        this.#handshakes.delete(accepted);
        logger.debug("TLS handshake failed", { peer: address, err: why });
        this.#checkEmptied();
      },
    });
  }

  /** drain stops accepting, asks every connection to finish (GOAWAY, `Connection: close`), and cuts what is still open after `ms`. */
  async drain(ms: number): Promise<void> {
    const stopped = this.#stop();
    this.#http1.drain();
    for (const session of this.#sessions.keys()) session.close();
    for (const wire of this.#undecided) wire.socket.destroy();
    for (const socket of this.#handshakes) socket.destroy();
    using _ = this.#options.clock.after(ms, () => this.#cut());
    await stopped;
  }

  /** close cuts everything at once. */
  async close(): Promise<void> {
    const stopped = this.#stop();
    this.#cut();
    await stopped;
  }

  /** connections is how many are open. */
  get connections(): number {
    return this.#wires.size + this.#handshakes.size;
  }

  /** #welcome serves a connection whose protocol is `kind`, or shows in its first bytes. */
  #welcome(wire: Wire, kind: Kind | undefined): void {
    this.#wires.add(wire);
    this.#undecided.add(wire);
    wire.socket.on("error", (err) => this.#options.logger.debug("connection failed", { err: messageOf(err) }));
    wire.socket.on("close", () => {
      this.#wires.delete(wire);
      this.#undecided.delete(wire);
      this.#checkEmptied();
    });
    sniff(wire, { clock: this.#options.clock, firstBytesMs: this.#limits.firstBytesMs }, (seen, buffer, start, end) => {
      this.#undecided.delete(wire);
      // What was agreed on is spoken, and what is not that is an error of the connection.
      if ((kind ?? seen) === "http1") this.#http1.accept(wire, buffer, start, end);
      else this.#serve(wire, buffer, start, end);
    });
    wire.socket.resume();
  }

  #serve(wire: Wire, buffer: Buffer, start: number, end: number): void {
    const session = newSession({
      side: "server",
      wire,
      peer: peerOf(wire.socket),
      clock: this.#options.clock,
      limits: this.#sessionLimits,
      budget: this.#budget,
      refuse: this.#options.refuse,
      onStream: this.#options.onExchange,
      onClose: () => {
        this.#sessions.delete(session);
        if (session.failure !== undefined) this.#options.logger.debug("connection ended", { peer: session.peer.address, err: session.failure });
      },
    });
    const lived = {
      received: () => wire.received,
      ping: (onAck: () => void) => session.ping(onAck),
      close: () => session.close(),
      cut: (why: string) => session.destroy(h2.noError, why),
    };
    this.#sessions.set(session, newLifetime(lived, { life: this.#life, number: this.#served++, now: this.#options.clock.now() }));
    wire.onBytes(buffer, start, end);
  }

  /** #stop ends accepting; its promise settles when the last connection is gone. */
  async #stop(): Promise<void> {
    this.#draining = true;
    const closed = new Promise<void>((resolve) => {
      if (this.#server.listening) this.#server.close(() => resolve());
      else resolve();
    });
    if (this.connections > 0) await new Promise<void>((resolve) => this.#emptied.push(resolve));
    await closed;
    this.#sweep?.cancel();
    this.#http1.close();
  }

  #cut(): void {
    for (const session of this.#sessions.keys()) session.destroy(h2.noError, "shut down");
    for (const wire of this.#wires) wire.socket.destroy();
    for (const socket of this.#handshakes) socket.destroy();
  }

  #checkEmptied(): void {
    if (this.connections === 0) for (const resolve of this.#emptied.splice(0)) resolve();
  }

  #armSweep(): void {
    this.#sweep = this.#options.clock.after(
      sweepMs,
      () => {
        const now = this.#options.clock.now();
        for (const [session, lifetime] of this.#sessions) {
          session.sweep(now, this.#limits.idleMs);
          lifetime.sweep(now);
        }
        this.#armSweep();
      },
      { background: true },
    );
  }
}
export type { Listener };
