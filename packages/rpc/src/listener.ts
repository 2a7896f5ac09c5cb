import type { IncomingMessage, ServerResponse } from "node:http";
import type { Http2ServerRequest, Http2ServerResponse, IncomingHttpHeaders, ServerHttp2Stream } from "node:http2";
import { createServer, type Server, type Socket } from "node:net";
import { type Clock, type Ctx, type Logger, messageOf, type Timer } from "@tfs/std";
import type { Address } from "./address.ts";
import { type BindAddress, bind } from "./bind.ts";
import { type Http1, newHttp1 } from "./http1.ts";
import { type Http2, newHttp2 } from "./http2.ts";
import { defaultListenerLimits, type ListenerLimits } from "./limits.ts";
import { sniff } from "./sniff.ts";

export interface ListenerOptions {
  /** onRequest takes HTTP/1.1 requests, and HTTP/2 ones too unless onStream is there. */
  readonly onRequest: (req: IncomingMessage | Http2ServerRequest, res: ServerResponse | Http2ServerResponse) => void;
  /** onStream, if there, takes HTTP/2 requests as streams. `raw` is the header list as it came: name, value, name, value… */
  readonly onStream?: (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, flags: number, raw: readonly string[]) => void;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly limits?: Partial<ListenerLimits>;
}

/** newListener makes one port for HTTP/2 with prior knowledge and HTTP/1.1, told apart by each connection's first bytes. */
export function newListener(options: ListenerOptions): Listener {
  return new Listener(options);
}

const sweepsPerIdle = 10;
const tcpKeepAliveMs = 60_000;

class Listener {
  readonly #options: ListenerOptions;
  readonly #limits: ListenerLimits;
  readonly #server: Server;
  readonly #http1: Http1;
  readonly #http2: Http2;
  readonly #sockets = new Set<Socket>();
  readonly #undecided = new Set<Socket>();
  #sweep: Timer | undefined;
  #stopped: Promise<void> | undefined;

  constructor(options: ListenerOptions) {
    this.#options = options;
    this.#limits = { ...defaultListenerLimits, ...options.limits };
    const { onRequest, onStream, clock, logger } = options;
    this.#http1 = newHttp1(this.#limits, onRequest);
    this.#http2 = newHttp2({ limits: this.#limits, clock, logger, onRequest, onStream });
    this.#server = createServer({ noDelay: true, keepAlive: true, keepAliveInitialDelay: tcpKeepAliveMs }, (socket) => this.#accept(socket));
    this.#server.maxConnections = this.#limits.connections;
  }

  /** listen binds once and gives the address with the real port. Throws as `bind` says. */
  async listen(ctx: Ctx, address: BindAddress): Promise<Address> {
    const bound = await bind(ctx, this.#server, address);
    this.#server.on("error", (err) => this.#options.logger.error("accept failed", { err }));
    this.#armSweep();
    return bound;
  }

  /** drain stops accepting, asks every connection to finish (GOAWAY, `Connection: close`), and cuts what is still open after `ms`. */
  async drain(ms: number): Promise<void> {
    const stopped = this.#stop();
    this.#http1.drain();
    this.#http2.drain();
    for (const socket of this.#undecided) socket.destroy();
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
    return this.#sockets.size;
  }

  #accept(socket: Socket): void {
    this.#sockets.add(socket);
    this.#undecided.add(socket);
    socket.on("error", (err) => this.#options.logger.debug("connection failed", { err: messageOf(err) }));
    socket.on("close", () => {
      this.#sockets.delete(socket);
      this.#undecided.delete(socket);
    });
    sniff(socket, { clock: this.#options.clock, firstBytesMs: this.#limits.firstBytesMs }, (wire) => {
      this.#undecided.delete(socket);
      (wire === "http2" ? this.#http2 : this.#http1).accept(socket);
    });
  }

  /** #stop ends accepting; its promise settles when the last connection is gone. */
  #stop(): Promise<void> {
    this.#stopped ??= new Promise((resolve) => {
      this.#server.close(() => {
        this.#sweep?.cancel();
        this.#http1.close();
        resolve();
      });
    });
    return this.#stopped;
  }

  #cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  #armSweep(): void {
    this.#sweep = this.#options.clock.after(
      this.#limits.idleMs / sweepsPerIdle,
      () => {
        this.#http2.sweep();
        this.#armSweep();
      },
      { background: true },
    );
  }
}
export type { Listener };
