// Data plane. Small arrays out of larger blocks.

/** An array of up to this many bytes is carved. */
const smallBytes = 1024;
const slabBytes = 64 * 1024;

/** The process's one open block. What was carved from it is never given out again: a block goes when the last of its arrays does. */
let slab = new ArrayBuffer(0);
let used = 0;

/** ArrayOf is a typed array's constructor. */
export interface ArrayOf<T> {
  new (length: number): T;
  new (buffer: ArrayBuffer, byteOffset: number, length: number): T;
  readonly BYTES_PER_ELEMENT: number;
}

/**
 * carve makes an array of zeros, the caller's alone. A small one is a piece of a larger block: memory of its own costs an allocation and a finalizer, more than a
 * small request's work. Not for what lives long: it would keep the block.
 */
export function carve<T>(array: ArrayOf<T>, length: number): T {
  const bytes = length * array.BYTES_PER_ELEMENT;
  if (bytes > smallBytes) return new array(length);
  if (used + bytes > slab.byteLength) {
    slab = new ArrayBuffer(slabBytes);
    used = 0;
  }
  const at = used;
  used += (bytes + 7) & ~7; // the next one may want to be aligned
  return new array(slab, at, length);
}
