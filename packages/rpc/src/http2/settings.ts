import { defaultWindow, frameBytes, h2, maxWindow, setting } from "./frame.ts";

/** PeerSettings are what the other side has said about itself (RFC 9113, section 6.5.2). */
export interface PeerSettings {
  tableBytes: number;
  /** Streams that it takes at a time. */
  streams: number;
  /** What each stream may be sent before a WINDOW_UPDATE. */
  window: number;
  frameBytes: number;
  listBytes: number;
}

/** initialSettings hold until the first SETTINGS comes. */
export function initialSettings(): PeerSettings {
  return { tableBytes: 4096, streams: Number.POSITIVE_INFINITY, window: defaultWindow, frameBytes, listBytes: Number.POSITIVE_INFINITY };
}

/** applySettings reads the payload buffer[start, end) into `into`. Gives the error code of what is wrong with it, or 0. */
export function applySettings(into: PeerSettings, buffer: Buffer, start: number, end: number, fromServer: boolean): number {
  for (let at = start; at < end; at += 6) {
    const value = buffer.readUInt32BE(at + 2);
    switch (buffer.readUInt16BE(at)) {
      case setting.tableBytes:
        into.tableBytes = value;
        break;
      case setting.push:
        if (value > 1 || (fromServer && value === 1)) return h2.protocol;
        break;
      case setting.streams:
        into.streams = value;
        break;
      case setting.window:
        if (value > maxWindow) return h2.flowControl;
        into.window = value;
        break;
      case setting.frameBytes:
        if (value < frameBytes || value > 0xffffff) return h2.protocol;
        into.frameBytes = value;
        break;
      case setting.listBytes:
        into.listBytes = value;
        break;
      default: // unknown parameters are ignored, as the RFC asks
    }
  }
  return h2.noError;
}
