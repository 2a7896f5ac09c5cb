/**
 * Package http2 speaks RFC 9113, both sides, on wires that somebody else opened: frames, flow control, streams, and what of a peer's doings ends a
 * stream or the connection. It knows nothing of gRPC.
 *
 *     const session = newSession({ side: "server", wire, peer, clock, limits, budget, onStream: (stream) => { stream.handler = …; stream.respond(fields, true); } });
 *
 * @module
 */
export type { Budget } from "./budget.ts";
export { newBudget } from "./budget.ts";
export { h2, h2Name, preface } from "./frame.ts";
export type { Rate } from "./ledger.ts";
export type { SessionLimits } from "./limits.ts";
export { defaultSessionLimits } from "./limits.ts";
export type { Session, SessionOptions } from "./session.ts";
export { newSession } from "./session.ts";
export type { Stream, StreamHandler } from "./stream.ts";
