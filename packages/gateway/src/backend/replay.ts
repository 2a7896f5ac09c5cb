// Data plane. What a call has said so far, so that a backend which refused it unseen can be replaced. Most calls say one short thing and are answered: that costs a copy
// into memory that is there already.

/** Arena is memory for short things, used in a ring: the newest is written over the oldest. */
export interface Arena {
  /** Longer things are not for it. */
  readonly pieceMax: number;
  /** keep copies buffer[start, end) and says where it is. */
  keep(buffer: Uint8Array, start: number, end: number): number;
  /** has tells whether what was kept there has not been written over. */
  has(at: number): boolean;
  /** copy gives `length` bytes from there. */
  copy(at: number, length: number): Uint8Array;
}

/** Node's own needs no view of the bytes. */
const copyBytes = Buffer.prototype.copy;

/** newArena takes its memory when it is first used. */
export function newArena(sizeBytes: number): Arena {
  const pieceMax = sizeBytes >> 6;
  let memory: Uint8Array | undefined;
  let base = 0; // bytes of all turns before this one
  let place = 0; // where the next piece goes
  return {
    pieceMax,
    keep(buffer, start, end) {
      memory ??= new Uint8Array(sizeBytes);
      const length = end - start;
      if (place + length > sizeBytes) {
        base += sizeBytes; // in one piece, from the start again
        place = 0;
      }
      copyBytes.call(buffer, memory, place, start, end);
      const at = base + place;
      place += length;
      return at;
    },
    has: (at) => at >= base + place - sizeBytes,
    copy: (at, length) => memory!.slice(at % sizeBytes, (at % sizeBytes) + length),
  };
}

/** Replay keeps what a caller has said so far. Past a limit it lets go, and the call stays where it is. */
export interface Replay {
  readonly ended: boolean;
  /** whole tells whether everything that was said is still here. */
  readonly whole: boolean;
  /** said gives what was said, in order; while it is whole. */
  said(): readonly Uint8Array[];
  push(chunk: Uint8Array): void;
  /** pushCopy keeps a copy of buffer[start, end). */
  pushCopy(buffer: Uint8Array, start: number, end: number): void;
  end(): void;
  /** drop lets go: the backend has answered. */
  drop(): void;
}

/** newReplay keeps at most maxBytes, the first of them in the arena if they are few. */
export function newReplay(maxBytes: number, arena: Arena): Replay {
  return new Kept(maxBytes, arena);
}

const nothing: readonly Uint8Array[] = [];

class Kept implements Replay {
  readonly #maxBytes: number;
  readonly #arena: Arena;
  ended = false;
  #dropped = false;
  #chunks: Uint8Array[] | undefined = undefined;
  /** The first chunk's place in the arena; -1 if it is not there. */
  #at = -1;
  #bytes = 0;

  constructor(maxBytes: number, arena: Arena) {
    this.#maxBytes = maxBytes;
    this.#arena = arena;
  }

  get whole(): boolean {
    return !this.#dropped && (this.#at < 0 || this.#arena.has(this.#at));
  }

  said(): readonly Uint8Array[] {
    this.#leaveArena();
    return this.#chunks ?? nothing;
  }

  push(chunk: Uint8Array): void {
    if (this.#fits(chunk.length)) this.#add(chunk);
  }

  pushCopy(buffer: Uint8Array, start: number, end: number): void {
    const length = end - start;
    if (length === 0) return;
    const first = this.#bytes === 0;
    // A message says its length up front (gRPC's prefix): one that will not fit is not kept in part first.
    const announced = first && length >= 5 ? 5 + ((buffer[start + 1]! << 24) | (buffer[start + 2]! << 16) | (buffer[start + 3]! << 8) | buffer[start + 4]!) : 0;
    if (announced > this.#maxBytes) this.drop();
    else if (!this.#fits(length)) return;
    else if (first && length <= this.#arena.pieceMax) this.#at = this.#arena.keep(buffer, start, end);
    else this.#add(Uint8Array.prototype.slice.call(buffer, start, end));
  }

  end(): void {
    this.ended = true;
  }

  drop(): void {
    this.#dropped = true;
    this.#chunks = undefined;
    this.#at = -1;
  }

  #add(chunk: Uint8Array): void {
    this.#leaveArena();
    this.#chunks ??= [];
    this.#chunks.push(chunk);
  }

  /** #leaveArena takes the first chunk out of the arena, which others will write over. */
  #leaveArena(): void {
    if (this.#at < 0) return;
    if (this.#arena.has(this.#at)) this.#chunks = [this.#arena.copy(this.#at, this.#bytes)];
    else this.drop();
    this.#at = -1;
  }

  #fits(bytes: number): boolean {
    if (!this.whole) return false;
    if (this.#bytes + bytes > this.#maxBytes) {
      this.drop();
      return false;
    }
    this.#leaveArena(); // while #bytes is still the length of what is there
    this.#bytes += bytes;
    return !this.#dropped;
  }
}
