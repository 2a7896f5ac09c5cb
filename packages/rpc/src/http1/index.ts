import { createServer } from "node:http";
import { Duplex } from "node:stream";
import type { Clock, Logger } from "@tfs/std";
import type { Exchange } from "../exchange.ts";
import type { ListenerLimits } from "../limits.ts";
import type { Wire } from "../wire.ts";
export interface Http1 { accept(wire: Wire, buffer: Buffer, start: number, end: number): void; drain(): void; close(): void }
export function newHttp1(o: { limits: ListenerLimits; clock: Clock; logger: Logger; onExchange: (exchange: Exchange) => void }): Http1 {
  void createServer; void Duplex; void o;
  return { accept(w) { w.socket.destroy(); }, drain() {}, close() {} };
}
