// FlexBuffers, as far as TFLite's metadata and custom options use them: a map at the root, whose values are strings or integers
// (https://flatbuffers.dev/flexbuffers). Control plane.

/** The kinds of value that are read (flexbuffers.h, enum Type). */
const kinds = { int: 1, uint: 2, key: 4, text: 5, indirectInt: 6, indirectUint: 7, map: 9, blob: 25, bool: 26 } as const;

/** readMap reads a root map: strings and blobs as bytes, numbers as they are. Undefined if the buffer is none, or holds something else. */
export function readMap(bytes: Uint8Array): Map<string, Uint8Array | number> | undefined {
  try {
    return mapOf(bytes);
  } catch (err) {
    if (err instanceof RangeError) return undefined; // DataView's own check of bounds
    throw err;
  }
}

function mapOf(bytes: Uint8Array): Map<string, Uint8Array | number> | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const found = new Map<string, Uint8Array | number>();
  const end = bytes.length;
  if (end < 3) return undefined;
  const rootWidth = view.getUint8(end - 1);
  const type = view.getUint8(end - 2);
  if (type >> 2 !== kinds.map || ![1, 2, 4, 8].includes(rootWidth)) return undefined;
  const width = 1 << (type & 3);
  const at = back(view, end - 2 - rootWidth, rootWidth);
  const length = unsigned(view, at - width, width);
  const keys = back(view, at - 3 * width, width);
  const keyWidth = unsigned(view, at - 2 * width, width);
  if (![1, 2, 4, 8].includes(keyWidth) || length > end || unsigned(view, keys - keyWidth, keyWidth) !== length) return undefined;
  let read = 0;
  for (let i = 0; i < length; i++) {
    const from = back(view, keys + i * keyWidth, keyWidth);
    const to = bytes.indexOf(0, from);
    if (to < 0) return undefined;
    const value = itemOf(view, at + i * width, width, view.getUint8(at + length * width + i));
    if (value === undefined) return undefined;
    read += to - from + (typeof value === "number" ? 0 : value.length);
    if (read > 2 * end) return undefined; // values that overlap
    found.set(new TextDecoder().decode(bytes.subarray(from, to)), value);
  }
  return found;
}

function itemOf(view: DataView, at: number, width: number, type: number): Uint8Array | number | undefined {
  const child = 1 << (type & 3);
  switch (type >> 2) {
    case kinds.int:
      return signed(view, at, width);
    case kinds.uint:
    case kinds.bool:
      return unsigned(view, at, width);
    case kinds.indirectInt:
      return signed(view, back(view, at, width), child);
    case kinds.indirectUint:
      return unsigned(view, back(view, at, width), child);
    case kinds.text:
    case kinds.blob: {
      const start = back(view, at, width);
      const length = unsigned(view, start - child, child);
      if (start + length > view.byteLength) return undefined;
      return new Uint8Array(view.buffer, view.byteOffset + start, length);
    }
    default:
      return undefined;
  }
}

/** back follows an offset: always backward from where it is written. */
function back(view: DataView, at: number, width: number): number {
  return at - unsigned(view, at, width);
}

function unsigned(view: DataView, at: number, width: number): number {
  if (width === 1) return view.getUint8(at);
  if (width === 2) return view.getUint16(at, true);
  return width === 4 ? view.getUint32(at, true) : Number(view.getBigUint64(at, true));
}

function signed(view: DataView, at: number, width: number): number {
  if (width === 1) return view.getInt8(at);
  if (width === 2) return view.getInt16(at, true);
  return width === 4 ? view.getInt32(at, true) : Number(view.getBigInt64(at, true));
}
