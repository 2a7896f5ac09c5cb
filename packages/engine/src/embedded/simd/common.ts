// A memory that several threads compute in: where each finds room, and weights that another has laid out.
import { createHash } from "node:crypto";

export const pageBytes: number = 2 ** 16;
/** No more can be had: 4 GiB. */
const maxPages = 2 ** 16;
/** The stack of compiled C is in the first two pages of a thread's, what an operation is told in the third. */
export const threadPages = 3;
/** The compiler puts nothing into the first kilobyte: these words say how far the memory is taken, and how much of it for good, in units of 16 bytes. */
const [topWord, laidWord] = [4, 8];
const unit = 16;
/** The table of weights is behind the pages of the first thread: for each three words of a digest, and where it lies. */
const tablePages = 4;
const tableWord = (threadPages * pageBytes) / 4;
const entryWords = 4;
const maxEntries = (tablePages * pageBytes) / 4 / entryWords;
/** A weight is looked for in so many places. */
const maxProbes = 32;

/** newCommon makes a memory for threads that run the same model, or for one. */
export function newCommon(): WebAssembly.Memory {
  const memory = new WebAssembly.Memory({ initial: threadPages + tablePages, maximum: maxPages, shared: true });
  Atomics.store(new Int32Array(memory.buffer), topWord, ((threadPages + tablePages) * pageBytes) / unit);
  return memory;
}

/** laidBytes is how much of a memory is taken for good. */
export function laidBytes(memory: WebAssembly.Memory): number {
  return Atomics.load(new Int32Array(memory.buffer), laidWord) * unit;
}

/** bytesOf is how large a memory has become, whoever has made it grow. */
export function bytesOf(memory: WebAssembly.Memory): number {
  return memory.buffer.byteLength;
}

/** Common is one thread's view of the memory. */
export class Common {
  readonly memory: WebAssembly.Memory;
  #words: Int32Array;

  constructor(memory: WebAssembly.Memory) {
    this.memory = memory;
    this.#words = new Int32Array(memory.buffer);
  }

  /** take gives where so many bytes, a multiple of 16, are the caller's. `room` grows the memory to hold as many as it is told, or throws. */
  take(bytes: number, room: (bytes: number) => void): number {
    for (;;) {
      const top = Atomics.load(this.#words, topWord);
      const end = (top >>> 0) * unit + bytes;
      room(end);
      if (Atomics.compareExchange(this.#words, topWord, top, end / unit) === top) return end - bytes;
    }
  }

  /** found gives where a weight of this digest lies; undefined if nobody has laid it out. */
  found(digest: Int32Array): number | undefined {
    for (const at of this.#places(digest)) {
      const lies = Atomics.load(this.#words, at + 3);
      if (Atomics.load(this.#words, at) === 0) return undefined;
      if (lies !== 0 && [0, 1, 2].every((i) => Atomics.load(this.#words, at + i) === digest[i])) return (lies >>> 0) * unit;
    }
    return undefined;
  }

  /** laid tells the others where one lies, which is as long as they want. Where the table is full, it does not. */
  laid(digest: Int32Array, lies: number, bytes: number): void {
    Atomics.add(this.#words, laidWord, Math.ceil(bytes / unit));
    for (const at of this.#places(digest)) {
      if (Atomics.compareExchange(this.#words, at, 0, digest[0]!) !== 0) continue;
      Atomics.store(this.#words, at + 1, digest[1]!);
      Atomics.store(this.#words, at + 2, digest[2]!);
      Atomics.store(this.#words, at + 3, lies / unit);
      return;
    }
  }

  /** #places are the words at which an entry may begin. */
  *#places(digest: Int32Array): Iterable<number> {
    const first = (digest[0]! >>> 0) % maxEntries;
    for (let i = 0; i < maxProbes; i++) yield tableWord + ((first + i) % maxEntries) * entryWords;
  }
}

/** digestOf gives 96 bits that say what a weight is and how it is laid out: no two that differ have the same. */
export function digestOf(data: Float32Array, form: string): Int32Array {
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  const digest = createHash("sha256").update(form).update("\0").update(bytes).digest();
  const words = new Int32Array(3);
  for (let i = 0; i < 3; i++) words[i] = digest.readInt32LE(4 * i);
  words[0]! ||= 1; // 0 says that there is nothing
  return words;
}
