import type { Rate } from "./ledger.ts";

/** SessionLimits bound what a peer can make one HTTP/2 connection hold or do. */
export interface SessionLimits {
  /** Streams that the peer may have open at a time; more are refused. */
  readonly streams: number;
  /** A decoded header list, in bytes as RFC 9113 section 6.5.2 counts them; more resets the stream. */
  readonly headerBytes: number;
  /** What one stream may be sent ahead of its reader, at most: the budget may allow less. */
  readonly streamWindowBytes: number;
  /**
   * Streams that end by RST_STREAM. A client's connection is cut past it, whoever sent the resets (CVE-2023-44487, CVE-2025-8671), and past a tenth of it requests
   * are held until the end of a read, so that those taken back at once reach nobody; from there on a stream that its client has waited half a second for is not counted. As a client we send no more, and leave what we gave up to end by itself.
   */
  readonly resets: Rate;
  /** Frames that make us answer or think and carry no request: SETTINGS, PING, PRIORITY, empty DATA, WINDOW_UPDATE without need; of PINGs and WINDOW_UPDATEs those past what our DATA calls for. */
  readonly controls: Rate;
  /** Output that waits in the socket: past it DATA waits in its streams. */
  readonly pressureBytes: number;
  /** Output that waits in the socket: past it nothing is read from the peer any more. */
  readonly floodBytes: number;
  /** A connection whose output has not moved for this long is cut, and one that has begun a DATA frame and sent nothing of it for so long. */
  readonly stallMs: number;
  /** Time for the first SETTINGS, for a whole header block, and for any frame other than DATA. */
  readonly headerMs: number;
  /** How long a client may go on sending a request whose answer is complete before it is told to stop. */
  readonly lingerMs: number;
}

export const defaultSessionLimits: SessionLimits = {
  streams: 256,
  headerBytes: 32 * 1024,
  streamWindowBytes: 4 << 20,
  resets: { burst: 1000, perSecond: 100 },
  controls: { burst: 2000, perSecond: 500 },
  pressureBytes: 1 << 20,
  floodBytes: 8 << 20,
  stallMs: 60_000,
  headerMs: 10_000,
  lingerMs: 1000,
};
