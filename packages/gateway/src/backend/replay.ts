/** Replay keeps what a caller has said so far, so that a backend which refused the call unseen can be replaced. Past a limit it lets go, and the call stays where it is. */
export interface Replay {
  readonly chunks: readonly Uint8Array[];
  readonly ended: boolean;
  /** whole tells whether everything that was said is still here. */
  readonly whole: boolean;
  push(chunk: Uint8Array): void;
  /** pushCopy keeps a copy of buffer[start, end). */
  pushCopy(buffer: Uint8Array, start: number, end: number): void;
  end(): void;
  /** drop lets go: the backend has answered. */
  drop(): void;
}

/** newReplay keeps at most maxBytes. */
export function newReplay(maxBytes: number): Replay {
  return new Kept(maxBytes);
}

const nothing: Uint8Array[] = [];

class Kept implements Replay {
  readonly #maxBytes: number;
  chunks: Uint8Array[] = nothing;
  ended = false;
  whole = true;
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  push(chunk: Uint8Array): void {
    if (this.#fits(chunk.length)) this.chunks.push(chunk);
  }

  pushCopy(buffer: Uint8Array, start: number, end: number): void {
    const announced =
      this.#bytes === 0 && end - start >= 5
        ? 5 + ((buffer[start + 1]! << 24) | (buffer[start + 2]! << 16) | (buffer[start + 3]! << 8) | buffer[start + 4]!)
        : 0;
    if (this.#fits(end - start, announced)) this.chunks.push(Uint8Array.prototype.slice.call(buffer, start, end));
  }

  end(): void {
    this.ended = true;
  }

  drop(): void {
    this.whole = false;
    this.chunks = nothing;
  }

  /** A message says its length up front (gRPC's prefix): one that will not fit is not kept in part first. */
  #fits(bytes: number, announced = 0): boolean {
    if (!this.whole) return false;
    this.#bytes += bytes;
    if (Math.max(this.#bytes, announced) > this.#maxBytes) this.drop();
    else if (this.chunks === nothing) this.chunks = [];
    return this.whole;
  }
}
