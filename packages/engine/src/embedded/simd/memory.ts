import { Code, newError } from "@tfs/std";
import { isWeight } from "../weight.ts";
import { relaxed, simd128 } from "./code.ts";
import { Common, digestOf, newCommon, pageBytes, threadPages } from "./common.ts";

/** What packages/engine/wasm exports; pointers are bytes. */
export interface Exports {
  readonly __stack_pointer: { value: number };
  pack(k: number, n: number, transposed: number, wide: number, from: number, to: number): void;
  gemm(m: number, n: number, k: number, a: number, wideA: number, packed: number, c: number, wideC: number, bias: number, low: number, high: number): void;
  transpose(rows: number, columns: number, wide: number, from: number, to: number): void;
  pack64: Exports["pack"];
  gemm64(m: number, n: number, k: number, a: number, wideA: number, packed: number, c: number, wideC: number): void;
  transpose64: Exports["transpose"];
  attend(...numbers: number[]): void;
  lstm(...numbers: number[]): void;
  gru(...numbers: number[]): void;
  conv(...numbers: number[]): void;
  depthwise(...numbers: number[]): void;
  pool(...numbers: number[]): void;
  chain(chain: number, inputs: number, steps: number, pieces: number, out: number): void;
  softmax(rows: number, size: number, from: number, to: number): void;
  fold(fold: number, outer: number, size: number, inner: number, by: number, from: number, to: number): void;
  norm(rows: number, size: number, epsilon: number, from: number, gamma: number, beta: number, to: number): void;
  permute(sizes: number, steps: number, from: number, to: number): void;
}

/** As in gemm.c and double.c: the right matrix is cut into panels of 32 bytes, which are columns, and blocks of so many rows. */
const [panelBytes, block] = [32, 512];
export const floatBytes = 4;
export const doubleBytes = 8;
/** Code reads and writes whole vectors: behind what a block is for, there is room for what they have too much. */
const vectorBytes = 16;

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

/** Block is a piece of memory that an array lies in (`isOwn`), or a copy of one. */
interface Block {
  readonly at: number;
  readonly bytes: number;
  readonly isOwn: boolean;
  readonly owner: object;
  readers: number;
  /** copy is one that was made of it to outlive it. */
  copy?: Float32Array;
}

/**
 * Memory is one model's. In it lie weights, for good and each laid out once; values of runs, which are seen from outside as arrays; and what one operation needs.
 * It is shared, and arrays over it outlive its growth. Threads that run the same model may have one in common: then they find each other's weights there, and each has
 * its own room for the rest.
 */
export class Memory {
  readonly #memory: WebAssembly.Memory;
  readonly #common: Common;
  readonly #isAlone: boolean;
  /** #told is where an operation is told something. */
  readonly #told: number;
  readonly code: Exports;
  readonly #kept = new WeakMap<Float32Array, Kept>();
  /** #held are the blocks of values. */
  #held = new Map<Float32Array, Block>();
  /** #free are blocks that nobody has, by size. */
  readonly #free = new Map<number, number[]>();
  /** #temporary are blocks that one operation has. */
  readonly #temporary: { readonly at: number; readonly bytes: number }[] = [];
  #floats: Float32Array;
  #ints: Int32Array;
  /** weightBytes is what this one has laid out for good. */
  weightBytes = 0;

  constructor(given?: WebAssembly.Memory) {
    this.#isAlone = given === undefined;
    this.#memory = given ?? newCommon();
    this.#common = new Common(this.#memory);
    this.#floats = new Float32Array(this.#memory.buffer);
    this.#ints = new Int32Array(this.#memory.buffer);
    this.code = new WebAssembly.Instance(compile(), { env: { memory: this.#memory } }).exports as unknown as Exports;
    const base = this.#isAlone ? 0 : this.#common.take(threadPages * pageBytes, (bytes) => this.#room(bytes));
    this.#told = base + (threadPages - 1) * pageBytes;
    if (!this.#isAlone) this.code.__stack_pointer.value = this.#told; // it grows down
  }

  /** bytes is how large the memory has become. */
  get bytes(): number {
    return this.#memory.buffer.byteLength;
  }

  /** make gives an array of n floats in this memory, whatever they are, which is its owner's until it is dropped. */
  make(n: number, owner: object): Float32Array {
    const { at, bytes } = this.#take(n * floatBytes);
    const data = new Float32Array(this.#memory.buffer as unknown as ArrayBuffer, at, n);
    this.#held.set(data, { at, bytes, isOwn: true, owner, readers: 0 });
    return data;
  }

  /** hold puts a copy of an array here, for operations that read it, until it is dropped. */
  hold(data: Float32Array, owner: object): void {
    const { at, bytes } = this.#take(data.length * floatBytes);
    this.copyIn(at, data);
    this.#held.set(data, { at, bytes, isOwn: false, owner, readers: 0 });
  }

  /** held gives the block of an array, if it has one. */
  held(data: Float32Array): Block | undefined {
    return this.#held.get(data);
  }

  drop(data: Float32Array): void {
    const block = this.#held.get(data);
    if (block === undefined) return;
    this.#held.delete(data);
    this.#give(block.at, block.bytes);
  }

  dropAll(owner: object): void {
    for (const [data, block] of this.#held) if (block.owner === owner) this.drop(data);
    if (this.#held.size === 0) this.#held = new Map(); // the tables of one that has grown old keep what went through it from the collector
  }

  /** begin starts an operation: what the one before it had for itself is free again. */
  begin(): void {
    for (let block = this.#temporary.pop(); block !== undefined; block = this.#temporary.pop()) this.#give(block.at, block.bytes);
  }

  /** temporary gives room until the next operation begins. */
  temporary(bytes: number): number {
    const block = this.#take(bytes);
    this.#temporary.push(block);
    return block.at;
  }

  /** source gives where data can be read: where it lies, or where it has been copied to. */
  source(data: Float32Array): number {
    const held = this.#held.get(data);
    return held === undefined ? this.#placed(data, "", data.length * floatBytes, (at) => this.copyIn(at, data)) : held.at;
  }

  /** target gives where a result may be written: `settle` brings it to `out`, if it is not there already. */
  target(out: Float32Array): number {
    return this.#held.get(out)?.at ?? this.temporary(out.length * floatBytes);
  }

  settle(at: number, out: Float32Array): void {
    if (this.#held.get(out)?.at !== at) this.copyOut(at, out);
  }

  /** packed gives where a matrix [k, n] lies as `gemm` takes it, or as `gemm64` does one of doubles, which are seen as floats here. */
  packed(data: Float32Array, k: number, n: number, transposed: boolean, bytes: 4 | 8 = floatBytes): number {
    return this.#placed(data, `${k}x${n}${transposed}`, k * padded(n, bytes) * bytes, (at) => this.#pack(data, k, n, transposed, bytes, at));
  }

  /** tell writes what an operation is told, and gives where that is. */
  tell(words: Int32Array): number {
    this.#ints.set(words, this.#told / 4);
    return this.#told;
  }

  /** #placed finds a weight in that form, or lays data out: a weight for good, in the first form that it is asked for. */
  #placed(data: Float32Array, form: string, bytes: number, lay: (at: number) => void): number {
    const known = this.#kept.get(data);
    if (known?.form === form) return known.at;
    if (known !== undefined || !isWeight(data)) {
      const at = this.temporary(bytes);
      lay(at);
      return at;
    }
    const at = this.#isAlone ? this.#laid(bytes, lay) : this.#laidOnce(data, form, bytes, lay);
    this.#kept.set(data, { at, form });
    return at;
  }

  #laid(bytes: number, lay: (at: number) => void): number {
    const { at } = this.#take(bytes);
    lay(at);
    this.weightBytes += bytes;
    return at;
  }

  /** #laidOnce finds a weight that another thread has laid out in that form, or does it for all. */
  #laidOnce(data: Float32Array, form: string, bytes: number, lay: (at: number) => void): number {
    const digest = digestOf(data, `${form} ${bytes}`);
    const found = this.#common.found(digest);
    if (found !== undefined) return found;
    const at = this.#laid(bytes, lay);
    this.#common.laid(digest, at, bytes);
    return at;
  }

  /** #pack lays out a matrix, block by block where its rows lie together, so that no second one is needed beside it. */
  #pack(data: Float32Array, k: number, n: number, transposed: boolean, bytes: 4 | 8, at: number): void {
    const pack = bytes === floatBytes ? this.code.pack : this.code.pack64;
    const held = this.#held.get(data);
    if (held !== undefined) {
      pack(k, n, transposed ? 1 : 0, transposed ? k : n, held.at, at);
      return;
    }
    const wideBytes = padded(n, bytes) * bytes;
    const wideFloats = (n * bytes) / floatBytes;
    const rows = transposed ? k : Math.min(block, k);
    const spare = this.temporary(rows * n * bytes);
    for (let row = 0; row < k; row += rows) {
      const depth = Math.min(rows, k - row);
      this.copyIn(spare, data.subarray(row * wideFloats, (row + depth) * wideFloats));
      pack(depth, n, transposed ? 1 : 0, transposed ? k : n, spare, at + row * wideBytes);
    }
  }

  copyIn(at: number, data: Float32Array): void {
    this.#floats.set(data, at / floatBytes);
  }

  copyOut(at: number, out: Float32Array): void {
    out.set(this.#floats.subarray(at / floatBytes, at / floatBytes + out.length));
  }

  #take(bytes: number): { readonly at: number; readonly bytes: number } {
    const size = rounded(bytes + vectorBytes);
    const free = this.#free.get(size)?.pop();
    if (free !== undefined) return { at: free, bytes: size };
    return { at: this.#common.take(size, (end) => this.#room(end)), bytes: size };
  }

  #give(at: number, bytes: number): void {
    const free = this.#free.get(bytes);
    if (free === undefined) this.#free.set(bytes, [at]);
    else free.push(at);
  }

  /** #room sees to it that the memory holds `bytes`, and that this thread sees them: another may have made it grow. Throws ResourceExhausted past 4 GiB. */
  #room(bytes: number): void {
    if (bytes <= this.#floats.byteLength) return;
    const have = this.#memory.grow(0) * pageBytes;
    try {
      if (bytes > have) this.#memory.grow(Math.ceil((bytes - have) / pageBytes));
    } catch (err) {
      throw newError(Code.ResourceExhausted, `an operation needs ${bytes} bytes of WebAssembly memory, the model's weights included: more than there are`, err);
    }
    this.#floats = new Float32Array(this.#memory.buffer);
    this.#ints = new Int32Array(this.#memory.buffer);
  }
}

/** rounded gives the size of a block for so many bytes: four sizes between a power of two and the next, so that blocks fit others that want about as much. */
function rounded(bytes: number): number {
  const step = Math.max(16, 2 ** (29 - Math.clz32(bytes)));
  return Math.ceil(bytes / step) * step;
}

/** padded rounds columns, of numbers of so many bytes, up to whole panels: a row of a packed matrix. */
export function padded(n: number, bytes: 4 | 8 = floatBytes): number {
  const panel = panelBytes / bytes;
  return Math.ceil(n / panel) * panel;
}
