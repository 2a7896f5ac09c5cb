/** Frame types and flags that tests write by hand: RFC 9113, section 6. */
export const frameType = { data: 0, headers: 1, rstStream: 3, settings: 4, ping: 6, goaway: 7, windowUpdate: 8 } as const;
export const frameFlag = { ack: 1, endStream: 1, endHeaders: 4 } as const;

export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly payload: Buffer;
}

export const clientPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

const headBytes = 9;

/** encodeFrame writes one frame. */
export function encodeFrame(type: number, flags: number, stream: number, payload: Uint8Array = new Uint8Array()): Buffer {
  const head = Buffer.alloc(headBytes);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** encodeHeaders writes a header block of literals without indexing and without Huffman coding (RFC 7541, section 6.2.2): any decoder reads it, at any time. */
export function encodeHeaders(headers: Readonly<Record<string, string>>): Buffer {
  const parts: Buffer[] = [];
  for (const [name, value] of Object.entries(headers)) parts.push(Buffer.of(0), text(name), text(value));
  return Buffer.concat(parts);
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  if (bytes.length >= 127 + 128) throw new Error("a test header of this length needs a longer integer");
  return Buffer.concat([bytes.length < 127 ? Buffer.of(bytes.length) : Buffer.of(127, bytes.length - 127), bytes]);
}

/** uint32 is the payload of RST_STREAM, WINDOW_UPDATE, and the two halves of GOAWAY. */
export function uint32(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(4 * values.length);
  values.forEach((value, i) => {
    bytes.writeUInt32BE(value, 4 * i);
  });
  return bytes;
}

/** newFrameReader cuts received bytes into frames. */
export function newFrameReader(): (chunk: Uint8Array) => readonly Frame[] {
  let kept: Buffer = Buffer.alloc(0);
  return (chunk) => {
    kept = Buffer.concat([kept, chunk]);
    const frames: Frame[] = [];
    while (kept.length >= headBytes && kept.length >= headBytes + kept.readUIntBE(0, 3)) {
      const end = headBytes + kept.readUIntBE(0, 3);
      frames.push({ type: kept[3]!, flags: kept[4]!, stream: kept.readUInt32BE(5) & 0x7fffffff, payload: kept.subarray(headBytes, end) });
      kept = kept.subarray(end);
    }
    return frames;
  };
}
