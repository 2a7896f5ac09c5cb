import {
  constants,
  createServer,
  type Http2ServerRequest,
  type Http2ServerResponse,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from "node:http2";
import type { Socket } from "node:net";
import { type Clock, type Logger, messageOf } from "@tfs/std";
import { type ListenerLimits, listenerWindowBytes, sessionMemoryMib } from "./limits.ts";

/** Http2 speaks HTTP/2 on sockets that somebody else accepted. */
export interface Http2 {
  accept(socket: Socket): void;
  /** drain sends GOAWAY on every connection: streams in flight finish, then it closes; idle ones close at once. */
  drain(): void;
  /** sweep sends GOAWAY to connections that had no stream for limits.idleMs. */
  sweep(): void;
}

export interface Http2Options {
  readonly limits: ListenerLimits;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly onRequest: (req: Http2ServerRequest, res: Http2ServerResponse) => void;
  readonly onStream: ((stream: ServerHttp2Stream, headers: IncomingHttpHeaders, flags: number, raw: readonly string[]) => void) | undefined;
}

/** Peer is what we remember of one connection. */
interface Peer {
  readonly session: ServerHttp2Session;
  readonly socket: Socket;
  streams: number;
  /** When the last stream ended, on the clock. */
  idleSince: number;
  /** Resets that the client may still make, as of resetsAt. */
  resets: number;
  resetsAt: number;
}

export function newHttp2(options: Http2Options): Http2 {
  const { limits, clock, logger } = options;
  const peers = new Set<Peer>();
  const server = createServer({
    settings: { initialWindowSize: limits.streamWindowBytes, maxConcurrentStreams: limits.streams, maxHeaderListSize: limits.headerBytes },
    maxSessionMemory: sessionMemoryMib,
    streamResetBurst: limits.resetBurst,
    streamResetRate: limits.resetsPerSecond,
  });
  server.on("sessionError", (err) => logger.debug("http2 session failed", { err }));
  if (options.onStream === undefined) server.on("request", options.onRequest);

  function adopt(session: ServerHttp2Session, socket: Socket): void {
    const peer: Peer = { session, socket, streams: 0, idleSince: clock.now(), resets: limits.resetBurst, resetsAt: clock.now() };
    peers.add(peer);
    session.on("close", () => peers.delete(peer));
    session.setLocalWindowSize(listenerWindowBytes);
    session.on("stream", (stream, headers, flags, raw) => {
      peer.streams++;
      stream.on("error", (err) => logger.debug("http2 stream failed", { err: messageOf(err) }));
      stream.on("close", () => {
        peer.streams--;
        if (peer.streams === 0) peer.idleSince = clock.now();
        if (stream.rstCode !== constants.NGHTTP2_NO_ERROR) spendReset(peer);
      });
      // Streams beyond the concurrent ones were reset in this very turn; their "close" events are still to come.
      if (peer.streams > limits.streams + peer.resets) return cut(peer);
      options.onStream?.(stream, headers, flags, raw as unknown as readonly string[]); // the types lack Node's fourth argument's shape
    });
  }

  /** Resets by either side count: a client can provoke ours. Node's own limit leaves the socket open, so the connection is cut here. */
  function spendReset(peer: Peer): void {
    const now = clock.now();
    peer.resets = Math.min(limits.resetBurst, peer.resets + ((now - peer.resetsAt) / 1000) * limits.resetsPerSecond) - 1;
    peer.resetsAt = now;
    if (peer.resets < 0) cut(peer);
  }

  function cut(peer: Peer): void {
    if (peer.session.destroyed) return;
    logger.warn("connection cut: too many stream resets", { peer: peer.socket.remoteAddress });
    peer.session.destroy(undefined, constants.NGHTTP2_ENHANCE_YOUR_CALM);
    peer.socket.destroy();
  }

  return {
    accept(socket) {
      server.once("session", (session) => adopt(session, socket)); // emitted while "connection" is
      server.emit("connection", socket);
    },
    drain() {
      for (const peer of peers) peer.session.close();
    },
    sweep() {
      for (const peer of peers) {
        if (peer.streams === 0 && clock.now() - peer.idleSince >= limits.idleMs) peer.session.close();
      }
    },
  };
}
