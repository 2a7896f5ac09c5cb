// TFLite's layout of string tensors: how many there are, where each begins and the last one ends, then all of them (tensorflow/lite/string_util.h). Data plane.
import { Code, newError } from "@tfs/std";

/** stringsBytes is how much encoded strings take. */
export function stringsBytes(values: readonly Uint8Array[]): number {
  let bytes = 4 * (values.length + 2);
  for (const value of values) bytes += value.length;
  return bytes;
}

/** encodeStrings lays strings out. Throws InvalidArgument for more than its 32-bit offsets reach. */
export function encodeStrings(values: readonly Uint8Array[]): Uint8Array {
  const bytes = stringsBytes(values);
  if (bytes > 0x7fffffff) throw newError(Code.InvalidArgument, `strings of ${bytes} bytes, TFLite takes 2147483647`);
  const out = new Uint8Array(bytes);
  const view = new DataView(out.buffer);
  view.setInt32(0, values.length, true);
  let at = 4 * (values.length + 2);
  for (let i = 0; i < values.length; i++) {
    view.setInt32(4 + 4 * i, at, true);
    out.set(values[i]!, at);
    at += values[i]!.length;
  }
  view.setInt32(4 + 4 * values.length, at, true);
  return out;
}

/** decodeStrings copies the strings out; undefined if the bytes are no such tensor. */
export function decodeStrings(bytes: Uint8Array): Uint8Array[] | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 4) return undefined;
  const count = view.getInt32(0, true);
  if (count < 0 || 4 * (count + 2) > bytes.length) return undefined;
  const found: Uint8Array[] = [];
  let from = view.getInt32(4, true);
  for (let i = 0; i < count; i++) {
    const to = view.getInt32(8 + 4 * i, true);
    if (from < 0 || to < from || to > bytes.length) return undefined;
    found.push(bytes.slice(from, to));
    from = to;
  }
  return found;
}
