// Facts of RFC 9113, sections 3.4, 4.1, 6 and 7.

/** preface is what a client says first (section 3.4). */
export const preface: Buffer = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1");

/** Every frame starts with this many bytes: length (3), type (1), flags (1), stream (4). */
export const headBytes = 9;

/** frameBytes is the largest payload that we take, and the protocol's default: SETTINGS_MAX_FRAME_SIZE. */
export const frameBytes = 16_384;

/** frame is a frame's type. */
export const frame = {
  data: 0,
  headers: 1,
  priority: 2,
  reset: 3,
  settings: 4,
  push: 5,
  ping: 6,
  goaway: 7,
  window: 8,
  continuation: 9,
} as const;

/** flag is a bit of a frame's flags; what it means depends on the type. */
export const flag = { endStream: 1, ack: 1, endHeaders: 4, padded: 8, priority: 32 } as const;

/** setting is the number of a parameter of SETTINGS (section 6.5.2). */
export const setting = { tableBytes: 1, push: 2, streams: 3, window: 4, frameBytes: 5, listBytes: 6 } as const;

/** h2 is an error code (section 7). */
export const h2 = {
  noError: 0,
  protocol: 1,
  internal: 2,
  flowControl: 3,
  settingsTimeout: 4,
  streamClosed: 5,
  frameSize: 6,
  refused: 7,
  cancel: 8,
  compression: 9,
  connect: 10,
  calm: 11,
  security: 12,
  http11: 13,
} as const;

const names = [
  "NO_ERROR",
  "PROTOCOL_ERROR",
  "INTERNAL_ERROR",
  "FLOW_CONTROL_ERROR",
  "SETTINGS_TIMEOUT",
  "STREAM_CLOSED",
  "FRAME_SIZE_ERROR",
  "REFUSED_STREAM",
  "CANCEL",
  "COMPRESSION_ERROR",
  "CONNECT_ERROR",
  "ENHANCE_YOUR_CALM",
  "INADEQUATE_SECURITY",
  "HTTP_1_1_REQUIRED",
];

/** h2Name is the RFC's name of an error code. */
export function h2Name(code: number): string {
  return names[code] ?? String(code);
}

/** defaultWindow is every window's size before anybody says otherwise; maxWindow the largest there is (section 6.9.1). */
export const defaultWindow = 65_535;
export const maxWindow = 0x7fffffff;

/** putHead writes a frame's first nine bytes and gives the offset behind them. */
export function putHead(target: Uint8Array, at: number, length: number, type: number, flags: number, stream: number): number {
  target[at] = length >> 16;
  target[at + 1] = length >> 8;
  target[at + 2] = length;
  target[at + 3] = type;
  target[at + 4] = flags;
  return putUint32(target, at + 5, stream);
}

/** putUint32 writes four bytes, most significant first, and gives the offset behind them. */
export function putUint32(target: Uint8Array, at: number, value: number): number {
  target[at] = value >>> 24;
  target[at + 1] = value >>> 16;
  target[at + 2] = value >>> 8;
  target[at + 3] = value;
  return at + 4;
}

/** uint31 reads four bytes without the topmost bit, which is reserved. */
export function uint31(source: Uint8Array, at: number): number {
  return ((source[at]! & 0x7f) << 24) | (source[at + 1]! << 16) | (source[at + 2]! << 8) | source[at + 3]!;
}
