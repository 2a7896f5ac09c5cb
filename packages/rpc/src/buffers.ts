// Data plane. Buffers of a few sizes that all connections of the process share and return: the collector would take as long over large ones as the kernel over their bytes.

/** newBuffers makes a pool of buffers of one size. It keeps at most `max` that nobody uses. */
export function newBuffers(sizeBytes: number, max: number): Buffers {
  return new Buffers(sizeBytes, max);
}

class Buffers {
  readonly sizeBytes: number;
  readonly #max: number;
  readonly #free: Buffer[] = [];

  constructor(sizeBytes: number, max: number) {
    this.sizeBytes = sizeBytes;
    this.#max = max;
  }

  /** take gives a buffer. What is in it is not told. */
  take(): Buffer {
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(this.sizeBytes);
  }

  /** give returns one that nobody reads any more; those of another size are let go. */
  give(buffer: Buffer): void {
    if (buffer.length === this.sizeBytes && this.#free.length < this.#max) this.#free.push(buffer);
  }
}
export type { Buffers };

/** reads are what connections that receive much read into: at most 16 MiB are kept. */
export const reads: Buffers = newBuffers(256 * 1024, 64);
/** writes are what frames are laid into, at most 4 MiB kept; shortWrites serve a thousand connections that say one thing each a turn, at most 8 MiB kept. */
export const writes: Buffers = newBuffers(64 * 1024, 64);
export const shortWrites: Buffers = newBuffers(4 * 1024, 2048);
