// Data plane: arrays as numpy.save writes them (numpy/lib/format.py, versions 1.0 to 3.0) <-> tensors. The elements are little-endian in C order on both sides: they are viewed, not converted.
import { Code, newError } from "@tfs/std";
import { DType, dtypeName, elementCount, elementSize, fromBytes, maxRank, shapeText, type Tensor, toBytes } from "@tfs/tensor";
import { narrowRanges } from "./integer_range.ts";

/** npyType is the content type of one array. */
export const npyType = "application/x-npy";

const magic = Uint8Array.of(0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59); // \x93NUMPY
/** The values start at a multiple of this (numpy's ARRAY_ALIGN). */
const alignment = 64;
/** A longer header is refused: those of plain arrays take 128 bytes, and maxRank dimensions fit. */
const maxHeaderBytes = 8192;

/** How numpy names the dtypes that both have. */
const shared: ReadonlyMap<DType, string> = new Map([
  [DType.Bool, "|b1"],
  [DType.Int8, "|i1"],
  [DType.UInt8, "|u1"],
  [DType.Int16, "<i2"],
  [DType.UInt16, "<u2"],
  [DType.Int32, "<i4"],
  [DType.UInt32, "<u4"],
  [DType.Int64, "<i8"],
  [DType.UInt64, "<u8"],
  [DType.Half, "<f2"],
  [DType.Float, "<f4"],
  [DType.Double, "<f8"],
  [DType.Complex64, "<c8"],
  [DType.Complex128, "<c16"],
]);

/**
 * How arrays of TensorFlow's own dtypes are stored: the first way is written, all are read. Numpy stores those of the ml_dtypes package as raw bytes (and one of them as a float of
 * one byte, which it does not read back); integers that it has no name for come as those it has.
 */
const own: ReadonlyMap<DType, readonly [string, ...string[]]> = new Map([
  [DType.BFloat16, ["<V2"]],
  [DType.Float8E5M2, ["|V1", "|f1"]],
  [DType.Float8E4M3FN, ["|V1"]],
  [DType.Float8E4M3FNUZ, ["|V1"]],
  [DType.Float8E4M3B11FNUZ, ["|V1"]],
  [DType.Float8E5M2FNUZ, ["|V1"]],
  [DType.Float4E2M1FN, ["|V1"]],
  [DType.QInt8, ["|i1"]],
  [DType.QUInt8, ["|u1"]],
  [DType.QInt16, ["<i2"]],
  [DType.QUInt16, ["<u2"]],
  [DType.QInt32, ["<i4"]],
  [DType.Int4, ["|i1", "|V1"]],
  [DType.UInt4, ["|u1", "|V1"]],
  [DType.Int2, ["|i1", "|V1"]],
  [DType.UInt2, ["|u1", "|V1"]],
]);

const byDescr: ReadonlyMap<string, DType> = new Map([...shared].map(([dtype, descr]) => [descr.slice(1), dtype]));

/**
 * parseNpy reads one array. Its own dtype counts; `want`, the one that the signature says, settles what numpy has no name for (bfloat16 comes as raw pairs of bytes). The
 * tensor views `bytes` where they are aligned. Throws InvalidArgument; `name` is what the text calls the array.
 */
export function parseNpy(bytes: Uint8Array, name: string, want: DType | undefined): Tensor {
  const wrong = (what: string): Error => newError(Code.InvalidArgument, `${name} is no npy array that can be read: ${what}`);
  for (let i = 0; i < magic.length; i++) if (bytes[i] !== magic[i]) throw wrong("it does not start with \\x93NUMPY");
  const [major, minor] = [bytes[6], bytes[7]];
  if (major === undefined || minor === undefined) throw wrong("it breaks off in its header");
  if (minor !== 0 || major < 1 || major > 3) throw wrong(`format version ${major}.${minor} is none of 1.0, 2.0 and 3.0`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const start = major === 1 ? 10 : 12;
  if (bytes.length < start) throw wrong("it breaks off in its header");
  const length = major === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  if (length > maxHeaderBytes) throw wrong(`its header has ${length} bytes, more than ${maxHeaderBytes}`);
  if (bytes.length < start + length) throw wrong("it breaks off in its header");
  const { descr, fortran, shape } = headerOf(new TextDecoder().decode(bytes.subarray(start, start + length)), wrong);
  const dtype = dtypeOf(descr, want, wrong);
  if (fortran && shape.length > 1) throw wrong("it is in Fortran order: save numpy.ascontiguousarray(x)");
  const size = elementCount(shape) * elementSize(dtype);
  const data = bytes.subarray(start + length);
  if (data.length !== size) throw wrong(`shape ${shapeText(shape)} of ${descr} takes ${size} bytes, and ${data.length} follow the header`);
  if (/^.[iu]1$/.test(descr)) checkRange(data, dtype, wrong);
  return fromBytes(dtype, shape, data);
}

/** checkRange refuses integers of a byte that a narrower dtype cannot hold, as JSON's are: to cut them to their width would make other numbers of them. */
function checkRange(data: Uint8Array, dtype: DType, wrong: (what: string) => Error): void {
  const [least, most] = narrowRanges.get(dtype) ?? [];
  if (least === undefined || most === undefined) return;
  for (let i = 0; i < data.length; i++) {
    const value = least < 0 ? (data[i]! << 24) >> 24 : data[i]!;
    if (value < least || value > most) throw wrong(`element ${i} is ${value}, and ${dtypeName(dtype)} goes from ${least} to ${most}`);
  }
}

/** printNpy writes one array, in format version 1.0. Throws InvalidArgument for a dtype that it does not carry. */
export function printNpy(name: string, t: Tensor): Uint8Array {
  const descr = shared.get(t.dtype) ?? own.get(t.dtype)?.[0];
  if (descr === undefined) throw newError(Code.InvalidArgument, `output ${name} is ${dtypeName(t.dtype)}, which an npy array does not carry`);
  const [only, ...more] = t.shape;
  const shape = only !== undefined && more.length === 0 ? `(${only},)` : `(${t.shape.join(", ")})`;
  const text = `{'descr': '${descr}', 'fortran_order': False, 'shape': ${shape}, }`;
  const whole = Math.ceil((10 + text.length + 1) / alignment) * alignment;
  const data = toBytes(t);
  const bytes = new Uint8Array(whole + data.length);
  bytes.set(magic);
  bytes[6] = 1;
  new DataView(bytes.buffer).setUint16(8, whole - 10, true);
  new TextEncoder().encodeInto(text.padEnd(whole - 11), bytes.subarray(10));
  bytes[whole - 1] = 0x0a;
  bytes.set(data, whole);
  return bytes;
}

/** carriesNpy tells whether arrays of a dtype can be sent so at all. */
export function carriesNpy(dtype: DType): boolean {
  return shared.has(dtype) || own.has(dtype);
}

interface Header {
  readonly descr: string;
  readonly fortran: boolean;
  readonly shape: readonly number[];
}

/** headerOf reads the Python dictionary of a header: three keys, in any order. */
function headerOf(text: string, wrong: (what: string) => Error): Header {
  const descr = /['"]descr['"]\s*:\s*(?:'([^'\\]*)'|"([^"\\]*)"|(\[))/.exec(text);
  const fortran = /['"]fortran_order['"]\s*:\s*(True|False)\b/.exec(text)?.[1];
  const shape = /['"]shape['"]\s*:\s*\(([\d\s,L]*)\)/.exec(text)?.[1];
  if (!/^\{.*\}\s*$/s.test(text) || descr === null || fortran === undefined || shape === undefined)
    throw wrong("its header is no dictionary of descr, fortran_order and shape");
  if (descr[3] !== undefined) throw wrong("it is a structured array");
  const dims = shape
    .split(",")
    .map((dim) => dim.trim().replace(/L$/, "")) // Python 2 wrote 3L
    .filter((dim) => dim !== "");
  if (dims.length > maxRank || !dims.every((dim) => /^\d{1,15}$/.test(dim))) throw wrong(`(${shape.slice(0, 64)}) is no shape`);
  return { descr: descr[1] ?? descr[2] ?? "", fortran: fortran === "True", shape: dims.map(Number) };
}

function dtypeOf(descr: string, want: DType | undefined, wrong: (what: string) => Error): DType {
  const kind = descr.slice(1);
  const isByte = /^[a-z]1$/i.test(kind);
  if (descr.startsWith(">") && !isByte) throw wrong(`${descr} is big-endian: save x.astype("<${kind}")`);
  if (!/^[<|=>]/.test(descr)) throw wrong(`there is no dtype ${descr}`);
  if (want !== undefined && own.get(want)?.some((way) => way.slice(1) === kind) === true) return want;
  const found = byDescr.get(kind);
  if (found !== undefined) return found;
  if (/^[SUO]/.test(kind)) throw wrong(`${descr} is text or objects, which go as JSON`);
  throw wrong(`${descr} is no dtype of TensorFlow's${want === undefined ? "" : `, and not how ${dtypeName(want)} is stored`}`);
}
