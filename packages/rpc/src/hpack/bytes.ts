// Data plane. Bytes as keys of caches, without a string of them.

/** hashBytes is an FNV-1a hash over at most 31 bytes, evenly spread, with its high bits mixed into the low ones: enough to find a slot by. */
export function hashBytes(seed: number, source: Uint8Array, start: number, end: number): number {
  const step = 1 + ((end - start) >> 4);
  let hash = (0x811c9dc5 ^ seed ^ (end - start)) | 0;
  for (let i = end - 1; i >= start; i -= step) hash = Math.imul(hash ^ source[i]!, 0x01000193);
  return hash ^ (hash >>> 15);
}

/** sameBytes compares all of `bytes` with source[start, end). */
export function sameBytes(bytes: Uint8Array, source: Uint8Array, start: number, end: number): boolean {
  const { length } = bytes;
  if (length !== end - start) return false;
  for (let i = 0; i < length; i++) if (bytes[i] !== source[start + i]) return false;
  return true;
}
