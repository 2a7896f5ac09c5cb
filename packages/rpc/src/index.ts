/**
 * Package rpc carries HTTP and gRPC as bytes: a listener that tells HTTP/2 from HTTP/1.1 on one port, channels to gRPC peers, and the gRPC
 * envelope (frames, timeouts, statuses, metadata). It knows no message type.
 *
 *     const listener = newListener({ onRequest, clock, logger });
 *     const { port } = await listener.listen(ctx, { port: 0 });
 *     await using channel = newChannel({ address: `localhost:${port}`, clock, logger });
 *     const { message } = await channel.unary(ctx, "/pkg.Service/Method", bytes);
 *
 * @module
 */
export type { Address } from "./address.ts";
export { formatAddress, parseAddress } from "./address.ts";
export type { BindAddress } from "./bind.ts";
export type { Call, CallHandler } from "./call.ts";
export type { Channel, ChannelOptions, State } from "./channel.ts";
export { newChannel } from "./channel.ts";
export { acceptEncoding, decompress } from "./compression.ts";
export type { Deframer, Message } from "./frame.ts";
export { frameMessage, newDeframer } from "./frame.ts";
export type { ChannelLimits, ListenerLimits } from "./limits.ts";
export { defaultChannelLimits, defaultListenerLimits } from "./limits.ts";
export type { Listener, ListenerOptions } from "./listener.ts";
export { newListener } from "./listener.ts";
export type { Metadata } from "./metadata.ts";
export { decodeBinary, encodeBinary, splitHeaders, toMetadata } from "./metadata.ts";
export { codeFromHttpStatus, decodeStatusMessage, encodeStatusMessage, failureFromTrailers, trailersFor, trailersOnly } from "./status.ts";
export { formatTimeout, parseTimeout } from "./timeout.ts";
export type { Opener, UnaryReply, UnaryRequest } from "./unary.ts";
export { callUnary } from "./unary.ts";
