import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { ListenerLimits } from "./limits.ts";

/** Http1 speaks HTTP/1.1 on sockets that somebody else accepted. */
export interface Http1 {
  accept(socket: Socket): void;
  /** drain lets requests in flight finish, closes each connection after its answer, and idle ones at once. */
  drain(): void;
  /** close lets go of timers; sockets are the acceptor's to destroy. */
  close(): void;
}

/** How often node:http looks for connections past their time: at least this often, in milliseconds. */
const checkMs = 1000;

export function newHttp1(limits: ListenerLimits, onRequest: (req: IncomingMessage, res: ServerResponse) => void): Http1 {
  const open = new Set<ServerResponse>();
  let draining = false;
  const server = createServer(
    {
      maxHeaderSize: limits.headerBytes,
      headersTimeout: limits.headerMs,
      requestTimeout: limits.requestMs,
      keepAliveTimeout: limits.keepAliveMs,
      connectionsCheckingInterval: Math.min(checkMs, limits.headerMs, limits.requestMs),
    },
    (req, res) => {
      if (draining) res.setHeader("connection", "close");
      open.add(res);
      res.on("close", () => open.delete(res));
      onRequest(req, res);
    },
  );
  // This server never listens itself; its check of header and request times starts with this event and with nothing else.
  server.emit("listening");
  return {
    accept: (socket) => void server.emit("connection", socket),
    drain() {
      draining = true;
      for (const res of open) {
        if (!res.headersSent) res.setHeader("connection", "close");
        else res.on("finish", () => res.req.socket.end());
      }
      server.closeIdleConnections();
    },
    close: () => void server.close(),
  };
}
