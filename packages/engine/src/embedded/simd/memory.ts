import { Code, newError } from "@tfs/std";
import { isWeight } from "../weight.ts";
import { relaxed, simd128 } from "./code.ts";

/** What packages/engine/wasm exports; pointers are bytes. */
export interface Exports {
  pack(k: number, n: number, transposed: number, from: number, to: number): void;
  gemm(m: number, n: number, k: number, a: number, packed: number, c: number): void;
  transpose(rows: number, columns: number, from: number, to: number): void;
  conv(...numbers: number[]): void;
  depthwise(...numbers: number[]): void;
  pool(...numbers: number[]): void;
}

/** As in gemm.c: the right matrix is cut into panels of so many columns and blocks of so many rows. */
const [panel, block] = [8, 512];
const pageBytes = 2 ** 16;
const maxPages = 2 ** 16;
/** The stack of compiled C is here, and nothing else of ours. */
const stackPages = 2;
export const floatBytes = 4;

const forms = [
  { name: "relaxed SIMD", bytes: () => Buffer.from(relaxed, "base64") }, // fuses multiplication and addition: a fifth faster
  { name: "SIMD", bytes: () => Buffer.from(simd128, "base64") },
];

/** simdForm names what code runs here, the fastest there is; undefined if none does. */
export function simdForm(): string | undefined {
  return forms.find(({ bytes }) => WebAssembly.validate(bytes()))?.name;
}

let compiled: WebAssembly.Module | undefined;

/** compile makes the module, once in a process. Throws Unimplemented where WebAssembly has no SIMD. */
function compile(): WebAssembly.Module {
  if (compiled !== undefined) return compiled;
  const name = simdForm();
  const form = forms.find((one) => one.name === name);
  if (form === undefined) throw newError(Code.Unimplemented, "WebAssembly has no SIMD here");
  compiled = new WebAssembly.Module(form.bytes());
  return compiled;
}

/** Kept says where a weight lies, and as what it was laid out. */
interface Kept {
  readonly at: number;
  readonly form: string;
}

/** Memory is one model's: weights lie in it for good, each laid out once, and above them what one operation needs. */
export class Memory {
  readonly #memory = new WebAssembly.Memory({ initial: stackPages, maximum: maxPages });
  readonly code: Exports = new WebAssembly.Instance(compile(), { env: { memory: this.#memory } }).exports as Exports;
  readonly #kept = new WeakMap<Float32Array, Kept>();
  #floats = new Float32Array(this.#memory.buffer);
  /** free is the first byte that no weight has. */
  free: number = stackPages * pageBytes;

  /** packed gives where a matrix [k, n] lies as `gemm` takes it, and what is free behind it. */
  packed(data: Float32Array, k: number, n: number, transposed: boolean): { readonly at: number; readonly free: number } {
    return this.#placed(data, `${k}x${n}${transposed}`, (at) => this.#pack(data, k, n, transposed, at));
  }

  /** placed gives where data lies as it is, and what is free behind it. */
  placed(data: Float32Array): { readonly at: number; readonly free: number } {
    return this.#placed(data, "", (at) => {
      const end = at + data.length * floatBytes;
      this.room(end);
      this.copyIn(at, data);
      return end;
    });
  }

  /** #placed finds a weight in that form, or lays data out: a weight for good, in the first form that it is asked for. */
  #placed(data: Float32Array, form: string, lay: (at: number) => number): { readonly at: number; readonly free: number } {
    const known = this.#kept.get(data);
    if (known?.form === form) return { at: known.at, free: this.free };
    const at = this.free;
    const free = lay(at);
    if (known === undefined && isWeight(data)) {
      this.#kept.set(data, { at, form });
      this.free = free;
    }
    return { at, free };
  }

  /** #pack lays out a matrix, block by block where its rows lie together, so that no second one is needed beside it. */
  #pack(data: Float32Array, k: number, n: number, transposed: boolean, at: number): number {
    const wideBytes = padded(n) * floatBytes;
    const end = at + k * wideBytes;
    const rows = transposed ? k : Math.min(block, k);
    this.room(end + rows * n * floatBytes);
    for (let row = 0; row < k; row += rows) {
      const depth = Math.min(rows, k - row);
      this.copyIn(end, data.subarray(row * n, (row + depth) * n));
      this.code.pack(depth, n, transposed ? 1 : 0, end, at + row * wideBytes);
    }
    return end;
  }

  copyIn(at: number, data: Float32Array): void {
    this.#floats.set(data, at / floatBytes);
  }

  /** copyOut fills `out` from memory, which `room` may have moved: views of it are not to be kept. */
  copyOut(at: number, out: Float32Array): void {
    out.set(this.#floats.subarray(at / floatBytes, at / floatBytes + out.length));
  }

  /** room grows the memory to hold `bytes`. Throws ResourceExhausted past 4 GiB. */
  room(bytes: number): void {
    const have = this.#memory.buffer.byteLength;
    if (bytes <= have) return;
    const pages = Math.ceil((bytes - have) / pageBytes);
    try {
      this.#memory.grow(pages);
    } catch (err) {
      throw newError(Code.ResourceExhausted, `an operation needs ${bytes} bytes of WebAssembly memory, the model's weights included: more than there are`, err);
    }
    this.#floats = new Float32Array(this.#memory.buffer);
  }
}

/** padded rounds columns up to whole panels: a row of what `gemm` writes. */
export function padded(n: number): number {
  return Math.ceil(n / panel) * panel;
}
