import { DType, elementCount, type Tensor } from "@tfs/tensor";
import { checkSize } from "../shape.ts";
import type { Memory } from "./memory.ts";

/** Smaller values are arrays of their own: JavaScript has those at once. */
const minFloats = 17;
/** One run's values may take so much of the model's memory; those beyond are arrays of their own. */
const maxBytes = 2 ** 30;

/**
 * Arena is where one run's floats lie: in the model's WebAssembly memory, so that one operation finds there what another has written. A value is let go when as many
 * have dropped it as have taken it; one that nobody took stays until the end.
 */
class Arena {
  readonly #memory: () => Memory;
  readonly #ended: () => void;
  #bytes = 0;
  #used = false;

  constructor(memory: () => Memory, ended: () => void) {
    this.#memory = memory;
    this.#ended = ended;
  }

  /** make gives a tensor of floats, whatever they are, which lies here if it is not very small and there is room. Throws ResourceExhausted for an absurd shape. */
  make(shape: readonly number[]): Tensor {
    const n = elementCount(shape);
    if (n < minFloats || !this.#take(n, shape)) return { dtype: DType.Float, shape, data: new Float32Array(n) };
    return { dtype: DType.Float, shape, data: this.#memory().make(n, this) };
  }

  /** hold puts a copy here of what is read often and was made elsewhere. */
  hold({ dtype, shape, data }: Tensor): void {
    if (dtype !== DType.Float || data.length < minFloats || this.#memory().held(data as Float32Array) !== undefined || !this.#take(data.length, shape)) return;
    this.#memory().hold(data as Float32Array, this);
  }

  #take(n: number, shape: readonly number[]): boolean {
    checkSize(DType.Float, shape);
    if (this.#bytes + n * 4 > maxBytes) return false;
    this.#bytes += n * 4;
    this.#used = true;
    return true;
  }

  /** take says that there is one more who reads a value. */
  take({ dtype, data }: Tensor): void {
    if (!this.#used || dtype !== DType.Float || data.length < minFloats) return;
    const block = this.#memory().held(data as Float32Array);
    if (block !== undefined) block.readers++;
  }

  /** drop says that there is one less. */
  drop({ dtype, data }: Tensor): void {
    if (!this.#used || dtype !== DType.Float || data.length < minFloats) return;
    const block = this.#memory().held(data as Float32Array);
    if (block === undefined || --block.readers > 0) return;
    this.#bytes -= data.length * 4;
    this.#memory().drop(data as Float32Array);
  }

  /** kept gives a value that may outlive the run: what lies here is copied, once however many keep it. */
  kept(value: Tensor): Tensor {
    if (!this.#used || value.dtype !== DType.Float) return value;
    const block = this.#memory().held(value.data as Float32Array);
    if (block?.isOwn !== true) return value;
    block.copy ??= new Float32Array(value.data as Float32Array);
    return { dtype: value.dtype, shape: value.shape, data: block.copy };
  }

  /** end lets everything go. */
  end(): void {
    if (this.#used) this.#memory().dropAll(this);
    this.#ended();
  }
}
export type { Arena };

/** newArena makes one in a memory that is taken when it is first needed; `ended` is told once. */
export function newArena(memory: () => Memory, ended: () => void): Arena {
  return new Arena(memory, ended);
}
