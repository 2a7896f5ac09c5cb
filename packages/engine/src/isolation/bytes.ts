// Data plane. Numbers, texts and tensors of a frame, written and read.
import { Code, newError } from "@tfs/std";
import { DType, dtypeName, fromBytes, layoutOf, type Tensor, toBytes, toDType } from "@tfs/tensor";
import { headBytes, lengthBytes, maxFrameBytes } from "./frame.ts";

/** A tensor of up to so many bytes is copied beside the others; a larger one is written from where it lies. */
const copiedBytes = 4096;

/** Writer makes one frame, in pieces that are written one after the other. */
class Writer {
  #bytes = Buffer.allocUnsafe(512);
  #at = 0;
  /** before is where in the frame's body #bytes begins: the length in front does not count. */
  #before = -lengthBytes;
  readonly #pieces: Uint8Array[] = [];
  #first: Buffer | undefined;

  constructor(kind: number, call: number) {
    this.#at = lengthBytes;
    this.u32(kind);
    this.u32(call);
  }

  u32(value: number): void {
    this.#at = this.#room(4).writeUInt32LE(value, this.#at);
  }

  f64(value: number): void {
    this.#at = this.#room(8).writeDoubleLE(value, this.#at);
  }

  bytes(value: Uint8Array): void {
    this.u32(value.length);
    this.#copy(value);
  }

  text(value: string): void {
    // A character takes at most 3 bytes of UTF-8.
    const at = this.#at;
    const n = this.#room(4 + value.length * 3).write(value, at + 4);
    this.#bytes.writeUInt32LE(n, at);
    this.#at = at + 4 + n;
  }

  /** tensor writes what one is; its data follow when all of them are written. Throws InvalidArgument for a handle of something in the process's memory. */
  tensor(t: Tensor): Uint8Array {
    if (layoutOf(t.dtype).array === undefined && t.dtype !== DType.String) {
      throw newError(Code.InvalidArgument, `a ${dtypeName(t.dtype)} tensor cannot leave the engine's process`);
    }
    const data = toBytes(t);
    this.u32(t.dtype);
    this.u32(t.shape.length);
    this.f64(data.length);
    for (const dim of t.shape) this.f64(dim);
    return data;
  }

  /** data writes the bytes of tensors, each at a multiple of 8. */
  data(all: readonly Uint8Array[]): void {
    for (const bytes of all) {
      const pad = -(this.#before + this.#at) & 7;
      this.#room(pad).fill(0, this.#at, this.#at + pad);
      this.#at += pad;
      if (bytes.length <= copiedBytes) {
        this.#copy(bytes);
      } else {
        this.#flush();
        this.#pieces.push(bytes);
        this.#before += bytes.length;
      }
    }
  }

  /** done gives the frame's pieces. Throws ResourceExhausted if it has become too long. */
  done(): readonly Uint8Array[] {
    this.#flush();
    if (this.#before > maxFrameBytes) {
      throw newError(Code.ResourceExhausted, `tensors of ${this.#before} bytes are more than the ${maxFrameBytes} that pass between processes`);
    }
    this.#first!.writeUInt32LE(this.#before, 0);
    return this.#pieces;
  }

  #copy(value: Uint8Array): void {
    this.#room(value.length).set(value, this.#at);
    this.#at += value.length;
  }

  #flush(): void {
    if (this.#at === 0) return;
    const piece = this.#bytes.subarray(0, this.#at);
    this.#before += this.#at;
    this.#first ??= piece;
    this.#pieces.push(piece);
    this.#bytes = Buffer.allocUnsafe(512);
    this.#at = 0;
  }

  #room(n: number): Buffer {
    const want = this.#at + n;
    if (want > this.#bytes.length) {
      const larger = Buffer.allocUnsafe(Math.max(want, 2 * this.#bytes.length));
      this.#bytes.copy(larger, 0, 0, this.#at);
      this.#bytes = larger;
    }
    return this.#bytes;
  }
}
export type { Writer };

export function newWriter(kind: number, call: number): Writer {
  return new Writer(kind, call);
}

/** Reader reads a frame's body. What is not there throws DataLoss. */
class Reader {
  readonly kind: number;
  readonly call: number;
  readonly #bytes: Buffer;
  #at = headBytes;

  constructor(body: Buffer) {
    this.kind = body.readUInt32LE(0);
    this.call = body.readUInt32LE(4);
    this.#bytes = body;
  }

  u32(): number {
    const at = this.#take(4);
    return this.#bytes.readUInt32LE(at);
  }

  /** count reads how many things of at least so many bytes follow. */
  count(each: number): number {
    const n = this.u32();
    if (n * each > this.#bytes.length - this.#at) throw newError(Code.DataLoss, `${n} entries do not fit into the rest of a frame`);
    return n;
  }

  f64(): number {
    const at = this.#take(8);
    return this.#bytes.readDoubleLE(at);
  }

  bytes(): Uint8Array {
    return this.#view(this.u32());
  }

  text(): string {
    const n = this.u32();
    const at = this.#take(n);
    return this.#bytes.toString("utf8", at, at + n);
  }

  /** tensor reads what one is, and gives how to read its data when all have been read. */
  tensor(): () => Tensor {
    const dtype = toDType(this.u32());
    if (dtype === undefined) throw newError(Code.DataLoss, "a tensor of no known dtype");
    const rank = this.count(8);
    const length = this.f64();
    const shape = new Array<number>(rank);
    for (let i = 0; i < rank; i++) shape[i] = this.f64();
    return () => {
      this.#take(-this.#at & 7);
      return fromBytes(dtype, shape, this.#view(length));
    };
  }

  #view(n: number): Uint8Array {
    const at = this.#take(n);
    return new Uint8Array(this.#bytes.buffer, this.#bytes.byteOffset + at, n); // strings are views of it, and no Buffers
  }

  #take(n: number): number {
    const at = this.#at;
    if (!(n >= 0 && n <= this.#bytes.length - at)) throw newError(Code.DataLoss, `a frame ends before ${n} bytes of it`);
    this.#at = at + n;
    return at;
  }
}
export type { Reader };

export function newReader(body: Buffer): Reader {
  return new Reader(body);
}
