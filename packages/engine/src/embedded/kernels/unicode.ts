// Strings as characters: decoded, encoded, and cut (tensorflow/core/kernels/unicode_ops.cc, string_ngrams_op.cc, substr_op.cc).
import { Code, newError } from "@tfs/std";
import { DType, newTensor, shapeText, type Tensor } from "@tfs/tensor";
import type { KernelFactory, Kernels, Node } from "../kernel.ts";
import { broadcast, checkSize, ints, offsets } from "../shape.ts";
import { expectType, tensorOf } from "../value.ts";
import { integers } from "./array.ts";

const bytesOf = (t: Tensor): readonly Uint8Array[] => expectType(t, DType.String, "the input").data as readonly Uint8Array[];
const strings = (shape: readonly number[], data: readonly Uint8Array[]): Tensor => newTensor(DType.String, shape, data);

/** Character is a code point, or -1 for bytes that are none, and how many bytes it takes. */
interface Character {
  readonly point: number;
  readonly bytes: number;
}

const unpaired = (point: number): boolean => point >= 0xd800 && point <= 0xdfff;

/** utf8 reads a character; of what is none it takes the longest piece that could have begun one (ICU's rule, and W3C's). */
function utf8(b: Uint8Array, i: number): Character {
  const first = b[i]!;
  if (first < 0x80) return { point: first, bytes: 1 };
  const more = first >= 0xc2 && first < 0xe0 ? 1 : first >= 0xe0 && first < 0xf0 ? 2 : first >= 0xf0 && first < 0xf5 ? 3 : 0;
  if (more === 0) return { point: -1, bytes: 1 };
  let point = first & (0x3f >> more);
  for (let k = 1; k <= more; k++) {
    const next = b[i + k];
    const [low, high] = k === 1 ? secondOf(first) : [0x80, 0xbf];
    if (next === undefined || next < low || next > high) return { point: -1, bytes: k };
    point = (point << 6) | (next & 0x3f);
  }
  return { point, bytes: more + 1 };
}

function secondOf(first: number): readonly [number, number] {
  if (first === 0xe0) return [0xa0, 0xbf];
  if (first === 0xed) return [0x80, 0x9f];
  if (first === 0xf0) return [0x90, 0xbf];
  if (first === 0xf4) return [0x80, 0x8f];
  return [0x80, 0xbf];
}

function utf16(b: Uint8Array, i: number): Character {
  if (i + 1 >= b.length) return { point: -1, bytes: b.length - i };
  const unit = (b[i]! << 8) | b[i + 1]!;
  if (!unpaired(unit)) return { point: unit, bytes: 2 };
  if (unit >= 0xdc00 || i + 3 >= b.length) return { point: -1, bytes: 2 };
  const low = (b[i + 2]! << 8) | b[i + 3]!;
  if (low < 0xdc00 || low > 0xdfff) return { point: -1, bytes: 2 };
  return { point: 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00), bytes: 4 };
}

function utf32(b: Uint8Array, i: number): Character {
  if (i + 3 >= b.length) return { point: -1, bytes: b.length - i };
  const point = ((b[i]! << 24) | (b[i + 1]! << 16) | (b[i + 2]! << 8) | b[i + 3]!) >>> 0;
  return { point: point > 0x10ffff || unpaired(point) ? -1 : point, bytes: 4 };
}

const readers: Readonly<Record<string, (b: Uint8Array, i: number) => Character>> = {
  "UTF-8": utf8,
  "UTF-16-BE": utf16,
  "UTF-32-BE": utf32,
  "US-ASCII": (b, i) => ({ point: b[i]! < 0x80 ? b[i]! : -1, bytes: 1 }),
  "ISO-8859-1": (b, i) => ({ point: b[i]!, bytes: 1 }),
};

const writers: Readonly<Record<string, (point: number) => readonly number[]>> = {
  "UTF-8": toUtf8,
  "UTF-16-BE": (p) => (p < 0x10000 ? [p >> 8, p & 0xff] : [...pairOf(p)].flatMap((u) => [u >> 8, u & 0xff])),
  "UTF-32-BE": (p) => [0, p >> 16, (p >> 8) & 0xff, p & 0xff],
};

function pairOf(point: number): readonly [number, number] {
  const rest = point - 0x10000;
  return [0xd800 + (rest >> 10), 0xdc00 + (rest & 0x3ff)];
}

function toUtf8(p: number): readonly number[] {
  if (p < 0x80) return [p];
  if (p < 0x800) return [0xc0 | (p >> 6), 0x80 | (p & 0x3f)];
  if (p < 0x10000) return [0xe0 | (p >> 12), 0x80 | ((p >> 6) & 0x3f), 0x80 | (p & 0x3f)];
  return [0xf0 | (p >> 18), 0x80 | ((p >> 12) & 0x3f), 0x80 | ((p >> 6) & 0x3f), 0x80 | (p & 0x3f)];
}

/** Policy is what becomes of what is no character. */
interface Policy {
  readonly errors: string;
  readonly replacement: number;
  readonly controls: boolean;
}

function policyOf(node: Node): Policy {
  return {
    errors: node.attrs.string("errors", "replace"),
    replacement: node.attrs.int("replacement_char", 65533),
    controls: node.attrs.bool("replace_control_characters", false),
  };
}

interface Decoded {
  readonly points: number[];
  /** starts are where each character begins. */
  readonly starts: number[];
}

function decoded(b: Uint8Array, read: (b: Uint8Array, i: number) => Character, { errors, replacement, controls }: Policy): Decoded {
  const out: Decoded = { points: [], starts: [] };
  for (let i = 0; i < b.length; ) {
    const { point, bytes } = read(b, i);
    if (point === -1 && errors === "strict") throw newError(Code.InvalidArgument, "Invalid formatting on input string");
    const control = controls && point >= 0 && point <= 0x1f;
    if (point !== -1 || errors === "replace") {
      out.points.push(point === -1 || control ? replacement : point);
      out.starts.push(i);
    }
    i += bytes;
  }
  return out;
}

function reader(name: string): (b: Uint8Array, i: number) => Character {
  const found = readers[name.toUpperCase()];
  if (found === undefined) throw newError(Code.Unimplemented, `the encoding ${name} is not supported`);
  return found;
}

function writer(name: string): (point: number) => readonly number[] {
  const found = writers[name];
  if (found === undefined) throw newError(Code.InvalidArgument, `Unsupported output encoding ${name}`);
  return found;
}

/** decode gives splits of rows, code points, and where each begins if that is asked for. */
function decode(withStarts: boolean): KernelFactory {
  return (node) => {
    const [read, policy] = [reader(node.attrs.string("input_encoding")), policyOf(node)];
    const splitType = node.attrs.dtype("Tsplits", DType.Int64);
    return (inputs) => {
      const rows = bytesOf(tensorOf(inputs[0])).map((b) => decoded(b, read, policy));
      const splits = [0];
      for (const { points } of rows) splits.push(splits.at(-1)! + points.length);
      const points = rows.flatMap((r) => r.points);
      const out = [integers(splitType, [splits.length], splits), integers(DType.Int32, [points.length], points)];
      if (withStarts)
        out.push(
          integers(
            DType.Int64,
            [points.length],
            rows.flatMap((r) => r.starts),
          ),
        );
      return out;
    };
  };
}

const encode: KernelFactory = (node) => {
  const [write, policy] = [writer(node.attrs.string("output_encoding")), policyOf(node)];
  return (inputs) => {
    const [values, splits] = [ints(tensorOf(inputs[0])), ints(tensorOf(inputs[1]))];
    if (splits[0] !== 0 || splits.at(-1) !== values.length)
      throw newError(Code.InvalidArgument, "the splits must begin with 0 and end with the number of values");
    const rows = splits.slice(1).map((end, r) => {
      const points = values.slice(splits[r], end).flatMap((p) => {
        if (p >= 0 && p <= 0x10ffff && !unpaired(p)) return [p];
        if (policy.errors === "strict") throw newError(Code.InvalidArgument, "Code point is out of range for Unicode, or a noncharacter.");
        return policy.errors === "ignore" ? [] : [policy.replacement];
      });
      return Uint8Array.from(points.flatMap((p) => write(p)));
    });
    return strings([rows.length], rows);
  };
};

const transcode: KernelFactory = (node) => {
  const [read, write, policy] = [reader(node.attrs.string("input_encoding")), writer(node.attrs.string("output_encoding")), policyOf(node)];
  return (inputs) => {
    const t = tensorOf(inputs[0]);
    return strings(
      t.shape,
      bytesOf(t).map((b) => Uint8Array.from(decoded(b, read, policy).points.flatMap((p) => write(p)))),
    );
  };
};

/** ngrams joins as many neighbours of each row as the widths say. */
const ngrams: KernelFactory = (node) => {
  const widths = node.attrs.ints("ngram_widths");
  const [separator, left, right] = ["separator", "left_pad", "right_pad"].map((name) =>
    node.attrs.has(name) ? node.attrs.bytes(name) : new Uint8Array(0),
  ) as [Uint8Array, Uint8Array, Uint8Array];
  const [padWidth, keepShort] = [node.attrs.int("pad_width", 0), node.attrs.bool("preserve_short_sequences", false)];
  const splitType = node.attrs.dtype("Tsplits", DType.Int64);
  return (inputs) => {
    const [data, splits] = [bytesOf(tensorOf(inputs[0])), ints(tensorOf(inputs[1]))];
    if (splits.length > 0 && (splits[0] !== 0 || splits.at(-1) !== data.length || splits.some((s, i) => i > 0 && s < splits[i - 1]!)))
      throw newError(Code.InvalidArgument, `Invalid split values: they must grow from 0 to ${data.length}`);
    const out: Uint8Array[] = [];
    const ends = [0];
    const join = (row: readonly Uint8Array[]): void => void out.push(new Uint8Array(Buffer.concat(row.flatMap((s, i) => (i === 0 ? [s] : [separator, s])))));
    for (let r = 0; r + 1 < splits.length; r++) {
      const row = data.slice(splits[r], splits[r + 1]);
      const before = out.length;
      for (const width of widths) {
        const pads = padWidth < 0 ? width - 1 : Math.min(padWidth, width - 1);
        const whole = [...new Array<Uint8Array>(pads).fill(left), ...row, ...new Array<Uint8Array>(pads).fill(right)];
        for (let i = 0; i + width <= whole.length; i++) join(whole.slice(i, i + width));
      }
      if (keepShort && out.length === before && row.length > 0) join(row);
      ends.push(out.length);
    }
    if (splits.length === 0) ends.length = 0;
    checkSize(DType.String, [out.length]);
    return [strings([out.length], out), integers(splitType, [ends.length], ends)];
  };
};

/** substr cuts each string by position and length, of bytes or characters. */
const substr: KernelFactory = (node) => {
  const characters = node.attrs.string("unit", "BYTE") === "UTF8_CHAR";
  return (inputs) => {
    const [t, position, length] = [tensorOf(inputs[0]), tensorOf(inputs[1]), tensorOf(inputs[2])];
    if (shapeText(position.shape) !== shapeText(length.shape)) throw newError(Code.InvalidArgument, "pos and len should have the same shape");
    const shape = broadcast(t.shape, position.shape);
    const [at, which] = [offsets(t.shape, shape), offsets(position.shape, shape)];
    const [all, positions, lengths] = [bytesOf(t), ints(position), ints(length)];
    return strings(
      shape,
      Array.from(at, (a, i) => cut(all[a]!, positions[which[i]!]!, lengths[which[i]!]!, characters, i)),
    );
  };
};

function cut(b: Uint8Array, position: number, length: number, characters: boolean, i: number): Uint8Array {
  const starts = characters ? startsOf(b) : undefined;
  const n = starts === undefined ? b.length : starts.length;
  if (position < -n || position > n) throw newError(Code.InvalidArgument, `pos ${position} out of range for string at index ${i}`);
  const from = position < 0 ? position + n : position;
  const to = Math.min(n, from + Math.max(0, length));
  const byte = (k: number): number => (starts === undefined ? k : (starts[k] ?? b.length));
  return b.subarray(byte(from), byte(to));
}

/** startsOf finds where characters begin: at bytes that do not go on with one. */
function startsOf(b: Uint8Array): number[] {
  const out: number[] = [];
  b.forEach((c, i) => {
    if ((c & 0xc0) !== 0x80) out.push(i);
  });
  return out;
}

export const unicodes: Kernels = {
  UnicodeDecode: decode(false),
  UnicodeDecodeWithOffsets: decode(true),
  UnicodeEncode: encode,
  UnicodeTranscode: transcode,
  StringNGrams: ngrams,
  Substr: substr,
};
