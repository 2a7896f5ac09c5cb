/**
 * Package rpc carries HTTP and gRPC as bytes, plain or over TLS: a listener that tells HTTP/2 from HTTP/1.1 on one port, channels to gRPC peers, and the gRPC
 * envelope (frames, timeouts, statuses, metadata). It knows no message type.
 *
 *     const listener = newListener({ onExchange, clock, logger });
 *     const { port } = await listener.listen(ctx, { port: 0 });
 *     await using channel = newChannel({ address: `localhost:${port}`, clock, logger });
 *     const { message } = await channel.unary(ctx, "/pkg.Service/Method", bytes);
 *
 * @module
 */
export type { Address } from "./address.ts";
export { formatAddress, parseAddress } from "./address.ts";
export type { BindAddress } from "./bind.ts";
export { bind } from "./bind.ts";
export type { Body } from "./body.ts";
export { collectBody } from "./body.ts";
export type { Call, CallHandler, OpenOptions } from "./call.ts";
export type { Channel, ChannelOptions, State } from "./channel.ts";
export { newChannel } from "./channel.ts";
export { acceptEncoding, decompress } from "./compression.ts";
export type { Exchange, ExchangeHandler } from "./exchange.ts";
export type { Field, Fields } from "./fields.ts";
export { fieldsOf, newField, newFields } from "./fields.ts";
export type { Deframer, Message } from "./frame.ts";
export { frameMessage, newDeframer } from "./frame.ts";
export type { Budget, Stream, StreamHandler } from "./http2/index.ts";
export { h2, newBudget } from "./http2/index.ts";
export type { ChannelLimits, ListenerLimits } from "./limits.ts";
export { defaultChannelLimits, defaultListenerLimits } from "./limits.ts";
export type { Http1Exchange, Listener, ListenerOptions } from "./listener.ts";
export { newListener } from "./listener.ts";
export type { Metadata } from "./metadata.ts";
export { decodeBinary, encodeBinary, toMetadata } from "./metadata.ts";
export type { Peer, PeerCertificate } from "./peer.ts";
export type { ClientCerts, Identity, Pem, ServerTls, ServerTlsOptions } from "./secure.ts";
export { newServerTls } from "./secure.ts";
export {
  codeFromHttpStatus,
  decodeStatusMessage,
  encodeStatusMessage,
  failureFromTrailers,
  grpcAnswer,
  trailersFor,
  trailersOk,
  trailersOnly,
} from "./status.ts";
export { formatTimeout, parseTimeout } from "./timeout.ts";
export type { Opener, UnaryReply, UnaryRequest } from "./unary.ts";
export { callUnary } from "./unary.ts";
export type { Wire } from "./wire.ts";
