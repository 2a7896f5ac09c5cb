/**
 * Package rpc carries HTTP and gRPC as bytes, plain or over TLS: a listener that tells HTTP/2 from HTTP/1.1 on one port, channels to gRPC peers, and the gRPC
 * envelope (frames, timeouts, statuses, metadata). It serves gRPC, gRPC-Web and Connect calls as one thing. It knows no message type.
 *
 *     const listener = newListener({ onExchange, clock, logger });
 *     const { port } = await listener.listen(ctx, { port: 0 });
 *     await using channel = newChannel({ address: `localhost:${port}`, clock, logger });
 *     const { message } = await channel.unary(ctx, "/pkg.Service/Method", bytes);
 *
 * A call is served the same whichever of the three protocols it came by. dialectOf tells them apart; serveCall reads messages (cut out of their envelopes,
 * decompressed, at most maxMessageBytes each) and writes headers, messages and the end as the caller's protocol has them:
 *
 *     const onExchange = (exchange: Exchange) => {
 *       const dialect = dialectOf(exchange.fields); // path, codec, …; undefined: plain HTTP
 *       const call = dialect && serveCall(exchange, dialect, { maxMessageBytes: 4 << 20 }); // undefined: its fields were wrong, and it has its answer
 *       if (call === undefined) return;
 *       call.handler = {
 *         onMessage: (bytes) => (call.message(bytes), true), // false holds back the next until call.resume()
 *         onEnd: () => call.end(), // or call.end(failure, trailers)
 *         onCancel() {}, // nobody waits any more
 *         onDrain() {}, // room again after a call.message that gave false
 *       };
 *     };
 *
 * The deadline is the caller's to keep (call.timeoutMs). Nothing but the messages that are on their way is held.
 *
 * @module
 */
export type { Address } from "./address.ts";
export { formatAddress, parseAddress } from "./address.ts";
export { letGo } from "./assembler.ts";
export type { Asked, Opener } from "./attempt.ts";
export type { BindAddress } from "./bind.ts";
export { bind } from "./bind.ts";
export type { Body, CollectOptions } from "./body.ts";
export { collectBody } from "./body.ts";
export type { Call, CallHandler, OpenOptions } from "./call.ts";
export type { AskOptions, Channel, ChannelOptions, State } from "./channel.ts";
export { newChannel } from "./channel.ts";
export type { Boundary } from "./boundary.ts";
export { newBoundary } from "./boundary.ts";
export type { Compression } from "./compression.ts";
export { acceptEncoding, decompress } from "./compression.ts";
export type { Conversation, ConversationRequest } from "./conversation.ts";
export { converse } from "./conversation.ts";
export type { Arrival, Exchange, ExchangeHandler } from "./exchange.ts";
export { ignoreBody } from "./exchange.ts";
export type { Field, Fields } from "./fields.ts";
export { fieldsOf, moreFields, newField, newFields } from "./fields.ts";
export type { Deframer, Message } from "./frame.ts";
export { frameMessage, newDeframer } from "./frame.ts";
export type { Budget, Stream, StreamHandler } from "./http2/index.ts";
export { h2, newBudget } from "./http2/index.ts";
export type { ListenerLife } from "./lifetime.ts";
export { defaultListenerLife } from "./lifetime.ts";
export type { ChannelLimits, ListenerLimits } from "./limits.ts";
export { defaultChannelLimits, defaultListenerLimits } from "./limits.ts";
export type { Http1Exchange, Listener, ListenerOptions } from "./listener.ts";
export { newListener } from "./listener.ts";
export type { Metadata } from "./metadata.ts";
export { decodeBinary, encodeBinary, toMetadata } from "./metadata.ts";
export type { UnaryCall, UnaryHandler, UnaryOptions } from "./open_unary.ts";
export { openUnary } from "./open_unary.ts";
export type { Peer, PeerCertificate } from "./peer.ts";
export type { Called } from "./request.ts";
export { callFields } from "./request.ts";
export type { ClientCerts, Identity, Names, Pem, ServerTls, ServerTlsOptions } from "./secure.ts";
export { newServerTls } from "./secure.ts";
export type { Cors, Opened } from "./cors.ts";
export { checkOrigins, newCors, openTo } from "./cors.ts";
export type { Dialect, Protocol, Reader, ReaderOptions, ReaderSink, ServeOptions, ServerCall, ServerCallHandler } from "./serve/index.ts";
export { admitCall, dialectOf, headFields, metadataFields, newReader, noFields, refuseCall, serveCall, tailBytes } from "./serve/index.ts";
export {
  answerFault,
  codeFromHttpStatus,
  decodeStatusMessage,
  encodeStatusMessage,
  failureFromTrailers,
  grpcAnswer,
  trailersFor,
  trailersOk,
  trailersOnly,
} from "./status.ts";
export { parseTimeout } from "./timeout.ts";
export { readClock } from "./turn.ts";
export type { UnaryReply, UnaryRequest } from "./unary.ts";
export { callUnary } from "./unary.ts";
export type { TextDecoder } from "./web/index.ts";
export { encodeText, newTextDecoder, webTrailers } from "./web/index.ts";
export type { Wire } from "./wire.ts";
