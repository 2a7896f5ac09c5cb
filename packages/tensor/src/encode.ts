// Data plane: Tensor -> TensorProto bytes, by hand. The size is known before the first byte is written, so a message is one allocation.
import { Code, newError } from "@tfs/std";
import { copyBytes, toBytes, varintSize } from "./content.ts";
import { DType, dtypeEnumName, layoutOf, type NumericData } from "./dtype.ts";
import { wire } from "./scan.ts";
import { numeric, type Tensor } from "./tensor.ts";

/** Form is where the values go: "content" is tensor_content, "values" the dtype's *_val field, as TensorFlow Serving answers by default. */
export type Form = "content" | "values";

/** Encoding is a message whose size is known and whose bytes are not written yet: it can go straight into a larger message. */
export interface Encoding {
  readonly size: number;
  /** writeTo writes the message at `at`, where `size` bytes must be free, and gives the offset after it. */
  writeTo(bytes: Uint8Array, at: number): number;
}

/** encode writes the wire bytes of a tensorflow.TensorProto: dtype and shape always, then all values in the chosen form. */
export function encode(t: Tensor, form: Form = "content"): Uint8Array {
  const { size, writeTo } = prepare(t, form);
  const bytes = new Uint8Array(size);
  writeTo(bytes, 0);
  return bytes;
}

/** prepare measures what encode would write. The tensor must not change before writeTo. */
export function prepare(t: Tensor, form: Form = "content"): Encoding {
  const body = bodyOf(t, form);
  const dims = dimSizes(t.shape);
  const shapeSize = dims.reduce((sum, size) => sum + 2 + size, 0);
  return {
    size: 1 + varintSize(t.dtype) + 1 + varintSize(shapeSize) + shapeSize + body.size,
    writeTo(bytes, at) {
      const w: Writer = { bytes, at };
      writeTag(w, 1, wire.varint);
      writeUint(w, t.dtype);
      writeTag(w, 2, wire.bytes);
      writeUint(w, shapeSize);
      t.shape.forEach((dim, i) => {
        writeTag(w, 2, wire.bytes);
        writeUint(w, dims[i]!);
        if (dim === 0) return; // a proto3 default is not written
        writeTag(w, 1, wire.varint);
        writeUint(w, dim);
      });
      body.write(w);
      return w.at;
    },
  };
}

interface Writer {
  readonly bytes: Uint8Array;
  at: number;
}

interface Body {
  readonly size: number;
  write(w: Writer): void;
}

const nothing: Body = { size: 0, write: () => {} };

function bodyOf(t: Tensor, form: Form): Body {
  if (t.data.length === 0) return nothing;
  const { field, kind } = layoutOf(t.dtype);
  if (kind === "raw" && field === 0) throw newError(Code.InvalidArgument, `${dtypeEnumName(t.dtype)} values cannot be sent`);
  if (form === "content") return lengthDelimited(4, toBytes(t));
  const data = numeric(t.data);
  if (data === undefined) return stringValues(field, t.data as readonly Uint8Array[]);
  // Packed little-endian floats are the array's bytes; so are bools, whose varints take one byte each.
  if (kind !== "varint" || t.dtype === DType.Bool) return lengthDelimited(field, toBytes(t));
  return data.BYTES_PER_ELEMENT === 8 ? packed64(field, data) : packed32(field, data);
}

/** dimSizes gives the bytes of each Dim message: nothing for 0, else a tag and the size. */
function dimSizes(shape: readonly number[]): number[] {
  return shape.map((dim) => (dim === 0 ? 0 : 1 + varintSize(dim)));
}

function writeTag(w: Writer, field: number, type: number): void {
  writeUint(w, field * 8 + type);
}

function writeUint(w: Writer, value: number): void {
  let rest = value;
  while (rest > 0x7f) {
    w.bytes[w.at++] = (rest & 0x7f) | 0x80;
    rest = Math.floor(rest / 128);
  }
  w.bytes[w.at++] = rest;
}

function tagSize(field: number): number {
  return field < 16 ? 1 : 2;
}

function lengthDelimited(field: number, bytes: Uint8Array): Body {
  return {
    size: tagSize(field) + varintSize(bytes.length) + bytes.length,
    write(w) {
      writeTag(w, field, wire.bytes);
      writeUint(w, bytes.length);
      w.bytes.set(bytes, w.at);
      w.at += bytes.length;
    },
  };
}

function stringValues(field: number, values: readonly Uint8Array[]): Body {
  let size = 0;
  for (const v of values) size += tagSize(field) + varintSize(v.length) + v.length;
  return {
    size,
    write(w) {
      for (const v of values) {
        writeTag(w, field, wire.bytes);
        writeUint(w, v.length);
        w.at = copyBytes(v, w.bytes, w.at);
      }
    },
  };
}

/** packed32 writes integers of up to 32 bits. int_val and half_val are int32 fields: a negative value takes ten bytes (sign-extended to 64 bits). */
function packed32(field: number, data: NumericData): Body {
  const values = data as Int32Array; // any integer array of at most 32 bits
  let size = 0;
  for (let i = 0; i < values.length; i++) {
    const v = values[i]!;
    size += v < 0 ? 10 : v < 0x80 ? 1 : v < 0x4000 ? 2 : v < 0x200000 ? 3 : v < 0x10000000 ? 4 : 5;
  }
  return {
    size: tagSize(field) + varintSize(size) + size,
    write(w) {
      writeTag(w, field, wire.bytes);
      writeUint(w, size);
      const { bytes } = w;
      let at = w.at;
      for (let i = 0; i < values.length; i++) {
        let v = values[i]!;
        const negative = v < 0;
        while (v > 0x7f || v < 0) {
          bytes[at++] = (v & 0x7f) | 0x80;
          v >>>= 7;
        }
        if (!negative) {
          bytes[at++] = v;
          continue;
        }
        // Four groups of 7 bits are out; v holds the upper 4 of 32. What is left of 64 bits are ones.
        bytes[at++] = v | 0xf0;
        for (let k = 0; k < 4; k++) bytes[at++] = 0xff;
        bytes[at++] = 1;
      }
      w.at = at;
    },
  };
}

/** packed64 works on low and high words: no bigint is made on the way. */
function packed64(field: number, data: NumericData): Body {
  const words = new Uint32Array(data.buffer, data.byteOffset, data.length * 2);
  let size = 0;
  for (let i = 0; i < words.length; i += 2) size += size64(words[i]!, words[i + 1]!);
  return {
    size: tagSize(field) + varintSize(size) + size,
    write(w) {
      writeTag(w, field, wire.bytes);
      writeUint(w, size);
      const { bytes } = w;
      let at = w.at;
      for (let i = 0; i < words.length; i += 2) {
        let lo = words[i]!;
        let hi = words[i + 1]!;
        while (hi !== 0 || lo > 0x7f) {
          bytes[at++] = (lo & 0x7f) | 0x80;
          lo = ((lo >>> 7) | (hi << 25)) >>> 0;
          hi >>>= 7;
        }
        bytes[at++] = lo;
      }
      w.at = at;
    },
  };
}

function size64(lo: number, hi: number): number {
  const bits = hi !== 0 ? 64 - Math.clz32(hi) : 32 - Math.clz32(lo);
  return bits <= 7 ? 1 : Math.ceil(bits / 7);
}
