/** ListenerLimits bound what strangers can make a listener hold. */
export interface ListenerLimits {
  /** Open connections, those that are still shaking hands over TLS among them; more are closed on accept. Default 10,000. */
  readonly connections: number;
  /** Time for a TLS handshake. Default 10 s. */
  readonly handshakeMs: number;
  /** Time for the bytes that tell the protocol; over TLS from the end of the handshake on. Default 10 s. */
  readonly firstBytesMs: number;
  /** Request headers in bytes: 431 over HTTP/1.1, a reset stream over HTTP/2. Default 32 KiB. */
  readonly headerBytes: number;
  /** Time for the headers of a request; over HTTP/2 also for the first SETTINGS and for any frame but DATA. Default 10 s. */
  readonly headerMs: number;
  /** Time for a whole HTTP/1.1 request, its body included. Default 5 min. */
  readonly requestMs: number;
  /** An HTTP/1.1 connection without a request is closed after this. Default 75 s. */
  readonly keepAliveMs: number;
  /** An HTTP/2 connection without a stream gets GOAWAY after this. Default 10 min. */
  readonly idleMs: number;
  /** Concurrent streams of one HTTP/2 connection; more are refused. Default 256. */
  readonly streams: number;
  /** Bytes that one stream may send ahead of its reader, at most; over HTTP/2 less while much is held. Default 4 MiB. */
  readonly streamWindowBytes: number;
  /** Bytes that wait for slow readers, over all connections; past it clients get no more credit until some have left. Default 256 MiB. */
  readonly heldBytes: number;
  /** Streams that one connection's client may reset in a burst; past it the connection is cut. Default 1,000. */
  readonly resetBurst: number;
  /** Resets per second that refill the burst. Default 100. */
  readonly resetsPerSecond: number;
}

export const defaultListenerLimits: ListenerLimits = {
  connections: 10_000,
  handshakeMs: 10_000,
  firstBytesMs: 10_000,
  headerBytes: 32 * 1024,
  headerMs: 10_000,
  requestMs: 300_000,
  keepAliveMs: 75_000,
  idleMs: 600_000,
  streams: 256,
  streamWindowBytes: 4 * 1024 * 1024,
  heldBytes: 256 * 1024 * 1024,
  resetBurst: 1000,
  resetsPerSecond: 100,
};

/** ChannelLimits bound what one peer, and the calls to it, can make a channel hold. */
export interface ChannelLimits {
  /** Time to connect: TCP, TLS and the peer's HTTP/2 settings. Default 5 s. */
  readonly connectMs: number;
  /** Wait after the first failed connection; grows by 1.6 with each further one. Default 200 ms. */
  readonly backoffFirstMs: number;
  /** Longest wait between connections. Default 10 s. */
  readonly backoffMaxMs: number;
  /** Calls that wait for a connection or a free stream; one more fails with ResourceExhausted. Default 1,024. */
  readonly pending: number;
  /** With calls in flight and nothing received for this long, or at most twice that, a ping is sent. Default 30 s. */
  readonly pingMs: number;
  /** A ping unanswered for this long means that the connection is dead. Default 10 s. */
  readonly pingTimeoutMs: number;
  /** Each response message of `unary` and `stream`, decompressed. Default 64 MiB. */
  readonly maxMessageBytes: number;
  /**
   * Streams that may be reset on one connection in a burst; past it a call that is given up ends when its peer has answered or a reset is allowed again, and counts
   * against the peer's limit of streams until then. Default 500: node:http2's servers cut a connection after 1,000.
   */
  readonly resetBurst: number;
  /** Resets per second that refill the burst. Default 30; node:http2's servers allow 33. */
  readonly resetsPerSecond: number;
  /** Response headers and trailers in bytes. Default 64 KiB. */
  readonly headerBytes: number;
  /** Bytes that the peer may send ahead of a call's reader, at most; less while much is held. Default 4 MiB. */
  readonly streamWindowBytes: number;
  /** Bytes that wait to be sent, over all calls; past it peers get no more credit until some have left. Default 256 MiB. */
  readonly heldBytes: number;
}

export const defaultChannelLimits: ChannelLimits = {
  connectMs: 5000,
  backoffFirstMs: 200,
  backoffMaxMs: 10_000,
  pending: 1024,
  pingMs: 30_000,
  pingTimeoutMs: 10_000,
  maxMessageBytes: 64 * 1024 * 1024,
  resetBurst: 500,
  resetsPerSecond: 30,
  headerBytes: 64 * 1024,
  streamWindowBytes: 4 * 1024 * 1024,
  heldBytes: 256 * 1024 * 1024,
};
