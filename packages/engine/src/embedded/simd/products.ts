import { Code, newError } from "@tfs/std";
import { isWeight } from "../weight.ts";
import { relaxed, simd128 } from "./code.ts";

/** Matrix is a matrix of floats, row by row; `transposed` stands for its transpose. */
export interface Matrix {
  readonly data: Float32Array;
  readonly rows: number;
  readonly columns: number;
  readonly transposed: boolean;
}

/** Products multiplies matrices of floats for one model: its weights are laid out once, in memory of the model's own. */
export interface Products {
  /** multiply writes a times b to `out`, row by row. The inner sizes must be equal and not zero. Throws ResourceExhausted past 4 GiB of weights and matrices. */
  multiply(a: Matrix, b: Matrix, out: Float32Array): void;
}

/** What packages/engine/wasm/gemm.c exports; pointers are bytes. */
interface Code128 {
  pack(k: number, n: number, transposed: number, from: number, to: number): void;
  gemm(m: number, n: number, k: number, a: number, packed: number, c: number): void;
  transpose(rows: number, columns: number, from: number, to: number): void;
}

/** As in gemm.c: the right matrix is cut into panels of so many columns and blocks of so many rows. */
const [panel, block] = [8, 512];
const pageBytes = 2 ** 16;
const maxPages = 2 ** 16;
/** The stack of compiled C is here, and nothing else of ours. */
const stackPages = 2;
const floatBytes = 4;

let compiled: WebAssembly.Module | undefined;

/** compile takes the code with fused multiplication and addition where there is such a thing: it is a fifth faster. */
function compile(): WebAssembly.Module {
  const bytes = (text: string): Buffer => Buffer.from(text, "base64");
  compiled ??= new WebAssembly.Module(WebAssembly.validate(bytes(relaxed)) ? bytes(relaxed) : bytes(simd128));
  return compiled;
}

/** Packed says where a weight lies, and as which of the two it was laid out. */
interface Packed {
  readonly at: number;
  readonly transposed: boolean;
}

class Model implements Products {
  readonly #memory = new WebAssembly.Memory({ initial: stackPages, maximum: maxPages });
  readonly #code = new WebAssembly.Instance(compile(), { env: { memory: this.#memory } }).exports as Code128;
  readonly #packed = new WeakMap<Float32Array, Packed>();
  #floats = new Float32Array(this.#memory.buffer);
  /** Weights lie below it for good, and what one product needs above. */
  #kept = stackPages * pageBytes;

  multiply(a: Matrix, b: Matrix, out: Float32Array): void {
    const [m, k] = a.transposed ? [a.columns, a.rows] : [a.rows, a.columns];
    const n = b.transposed ? b.rows : b.columns;
    const wide = Math.ceil(n / panel) * panel;
    const right = this.#right(b, k, n);
    const left = right.free;
    const spare = left + m * k * floatBytes; // the transpose goes here, then the result
    const to = a.transposed ? spare + m * k * floatBytes : spare;
    this.#room(to + m * wide * floatBytes);
    this.#copyIn(left, a.data);
    if (a.transposed) this.#code.transpose(k, m, left, spare);
    this.#code.gemm(m, n, k, a.transposed ? spare : left, right.at, to);
    const from = to / floatBytes;
    if (wide === n) out.set(this.#floats.subarray(from, from + m * n));
    else for (let i = 0; i < m; i++) out.set(this.#floats.subarray(from + i * wide, from + i * wide + n), i * n);
  }

  /** #right gives where the right matrix lies packed, and what is free behind it. */
  #right(b: Matrix, k: number, n: number): { readonly at: number; readonly free: number } {
    const known = this.#packed.get(b.data);
    if (known?.transposed === b.transposed) return { at: known.at, free: this.#kept };
    const at = this.#kept;
    const free = this.#pack(b, k, n, at);
    if (known === undefined && isWeight(b.data)) {
      this.#packed.set(b.data, { at, transposed: b.transposed });
      this.#kept = free;
    }
    return { at, free };
  }

  /** #pack lays out a matrix, block by block where its rows lie together, so that no second one is needed beside it. */
  #pack(b: Matrix, k: number, n: number, at: number): number {
    const wideBytes = Math.ceil(n / panel) * panel * floatBytes;
    const end = at + k * wideBytes;
    const rows = b.transposed ? k : Math.min(block, k);
    this.#room(end + rows * n * floatBytes);
    for (let row = 0; row < k; row += rows) {
      const depth = Math.min(rows, k - row);
      this.#copyIn(end, b.data.subarray(row * n, (row + depth) * n));
      this.#code.pack(depth, n, b.transposed ? 1 : 0, end, at + row * wideBytes);
    }
    return end;
  }

  #copyIn(at: number, data: Float32Array): void {
    this.#floats.set(data, at / floatBytes);
  }

  /** #room grows the memory to hold `bytes`. */
  #room(bytes: number): void {
    const have = this.#memory.buffer.byteLength;
    if (bytes <= have) return;
    const pages = Math.ceil((bytes - have) / pageBytes);
    try {
      this.#memory.grow(pages);
    } catch (err) {
      throw newError(Code.ResourceExhausted, `a product of matrices needs ${bytes} bytes beside the model's weights, more than there are`, err);
    }
    this.#floats = new Float32Array(this.#memory.buffer);
  }
}

/** newProducts makes those of a model; memory is taken when something is multiplied. */
export function newProducts(): Products {
  let model: Model | undefined;
  return {
    multiply(a, b, out) {
      model ??= new Model();
      model.multiply(a, b, out);
    },
  };
}
