/**
 * Package rpc carries bytes: one port that speaks HTTP/2 and HTTP/1.1, gRPC's envelope, deadlines and trailers, and channels to gRPC peers. It knows no
 * message type. Its inside stands on node:http2; whoever uses it sees only this list.
 *
 *     const listener = newListener({ onRequest, clock });
 *     await listener.listen({ port: 8500 });
 *     const channel = newChannel({ address: "localhost:8500", clock, random: Math.random });
 *     const { message } = await channel.unary(ctx, "/pkg.Service/Method", bytes);
 *
 * @module
 */
export type { Channel, ChannelLimits, ChannelOptions, ChannelState, Reply } from "./channel.ts";
export { newChannel } from "./channel.ts";
export type { Deframer } from "./frame.ts";
export { frameMessage, newDeframer } from "./frame.ts";
export type { ListenAddress, Listener, ListenerLimits, ListenerOptions, Request, Response } from "./listener.ts";
export { newListener } from "./listener.ts";
export type { Protocol } from "./preface.ts";
export { protocolOf } from "./preface.ts";
export type { Metadata } from "./status.ts";
export { codeOfHttp, decodeMessage, encodeMessage, failureOfTrailers, trailersFor } from "./status.ts";
export { formatTimeout, parseTimeout } from "./timeout.ts";
