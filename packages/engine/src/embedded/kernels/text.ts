import { Code, newError } from "@tfs/std";
import { DType, dtypeName, elementCount, newTensor, shapeText, type Tensor } from "@tfs/tensor";
import type { KernelFactory, Kernels } from "../kernel.ts";
import { broadcast, checkSize, ints, joinedBytes, make, offsets } from "../shape.ts";
import { expectType, tensorOf } from "../value.ts";
import { integers } from "./array.ts";

const encoder = new TextEncoder();

const bytesOf = (t: Tensor): readonly Uint8Array[] => expectType(t, DType.String, "the input").data as readonly Uint8Array[];
/** binary keeps one char per byte, so that bytes which are not UTF-8 pass through unharmed. */
const binary = (b: Uint8Array): string => Buffer.from(b.buffer, b.byteOffset, b.byteLength).toString("latin1");
const unbinary = (s: string): Uint8Array => new Uint8Array(Buffer.from(s, "latin1"));

function map(f: (b: Uint8Array) => Uint8Array): KernelFactory {
  return () => (inputs) => {
    const t = tensorOf(inputs[0]);
    return { dtype: DType.String, shape: t.shape, data: bytesOf(t).map(f) };
  };
}

/** ASCII letters only, unless the op asks for UTF-8 (string_lower_op.cc). */
function letterCase(lower: boolean): KernelFactory {
  return (node) => {
    const encoding = node.attrs.string("encoding", "");
    if (encoding !== "" && encoding !== "utf-8") throw newError(Code.InvalidArgument, `only utf-8 or '' (no encoding) is supported, received ${encoding}`);
    const change =
      encoding === "utf-8"
        ? (b: Uint8Array) => encoder.encode(lower ? new TextDecoder().decode(b).toLowerCase() : new TextDecoder().decode(b).toUpperCase())
        : ascii(lower);
    return map(change)(node);
  };
}

function ascii(lower: boolean): (b: Uint8Array) => Uint8Array {
  const [from, to, shift] = lower ? [0x41, 0x5a, 32] : [0x61, 0x7a, -32];
  return (b) => b.map((c) => (c >= from && c <= to ? c + shift : c));
}

/** split by a separator; an empty one means any run of white space. Gives what tf.strings.split does (string_split_op.cc, StringSplitV2). */
function pieces(text: string, separator: string, max: number): string[] {
  if (separator === "") {
    const all = text.split(/[ \t\n\v\f\r]+/).filter((p) => p !== "");
    if (max < 0 || all.length <= max) return all;
    const rest: string[] = [];
    let left = text.trimStart();
    for (let i = 0; i < max; i++) {
      const m = /^(\S+)\s*/.exec(left);
      if (m === null) break;
      rest.push(m[1]!);
      left = left.slice(m[0].length);
    }
    return left === "" ? rest : [...rest, left];
  }
  const all = text.split(separator);
  return max < 0 || all.length <= max + 1 ? all : [...all.slice(0, max), all.slice(max).join(separator)];
}

/** groupsOf says, for one level of a ragged tensor, which elements of the next level each row holds. */
function groupsOf(type: string, partition: readonly number[], rows: number): number[][] {
  if (type === "ROW_SPLITS") {
    return partition.slice(1).map((end, r) => Array.from({ length: Math.max(0, end - partition[r]!) }, (_, k) => partition[r]! + k));
  }
  if (type !== "VALUE_ROWIDS") throw newError(Code.Unimplemented, `row partition type ${type} is not supported`);
  const groups = Array.from({ length: rows }, (): number[] => []);
  partition.forEach((row, k) => {
    const group = groups[row];
    if (group === undefined) throw newError(Code.InvalidArgument, `row ${row} of a partition with ${rows} rows`);
    group.push(k);
  });
  return groups;
}

/** raggedToTensor fills a dense tensor from rows of different lengths; `want` may fix dimensions (-1: as large as needed). */
function raggedToTensor(types: readonly string[], inputs: readonly Tensor[]): Tensor {
  const [shapeT, values, fallback, ...partitions] = inputs as [Tensor, Tensor, Tensor, ...Tensor[]];
  if (types.length !== partitions.length || types.length === 0)
    throw newError(Code.InvalidArgument, `${types.length} row partition types for ${partitions.length} partitions`);
  const sized = types[0] === "FIRST_DIM_SIZE";
  let rows = sized ? (ints(partitions[0]!)[0] ?? 0) : ints(partitions[0]!).length - 1;
  const first = rows;
  const levels: number[][][] = [];
  for (let i = sized ? 1 : 0; i < types.length; i++) {
    const groups = groupsOf(types[i]!, ints(partitions[i]!), rows);
    levels.push(groups);
    rows = groups.reduce((n, g) => n + g.length, 0);
  }
  if (rows > (values.shape[0] ?? 0)) throw newError(Code.InvalidArgument, `the row partitions hold ${rows} values, ${values.shape[0]} came`);
  const want = shapeT.shape.length === 0 ? [] : ints(shapeT);
  const inner = values.shape.slice(1);
  const natural = [first, ...levels.map((level) => level.reduce((m, g) => Math.max(m, g.length), 0)), ...inner];
  const shape = natural.map((size, d) => ((want[d] ?? -1) >= 0 ? want[d]! : size));
  const out = make(values.dtype, shape);
  const run = elementCount(inner);
  const write = out.data as unknown as { [i: number]: unknown };
  for (let i = 0; i < out.data.length; i++) write[i] = fallback.data[i % fallback.data.length];
  const put = (level: number, row: number, base: number): void => {
    if (level === levels.length) {
      for (let k = 0; k < run; k++) write[base * run + k] = values.data[row * run + k];
      return;
    }
    const group = levels[level]![row] ?? [];
    const width = shape[level + 1]!;
    for (let k = 0; k < Math.min(group.length, width); k++) put(level + 1, group[k]!, base * width + k);
  };
  for (let r = 0; r < Math.min(first, shape[0]!); r++) put(0, r, r);
  return out;
}

export const texts: Kernels = {
  StringLower: letterCase(true),
  StringUpper: letterCase(false),
  StringStrip: map((b) => unbinary(binary(b).replace(/^[ \t\n\v\f\r]+|[ \t\n\v\f\r]+$/g, ""))),
  StringLength: (node) => {
    const characters = node.attrs.string("unit", "BYTE") === "UTF8_CHAR";
    return (inputs) => {
      const t = tensorOf(inputs[0]);
      return integers(
        DType.Int32,
        t.shape,
        bytesOf(t).map((b) => (characters ? b.reduce((n, c) => n + ((c & 0xc0) === 0x80 ? 0 : 1), 0) : b.length)),
      );
    };
  },
  StringJoin: (node) => {
    const separator = encoder.encode(node.attrs.string("separator", ""));
    return (inputs) => {
      const ts = inputs.map((v) => tensorOf(v));
      const shape = ts.reduce<readonly number[]>((s, t) => broadcast(s, t.shape), []);
      const at = ts.map((t) => offsets(t.shape, shape));
      const parts = ts.map(bytesOf);
      checkSize(DType.String, shape, joinedBytes(parts, at));
      const joined = Array.from(
        { length: elementCount(shape) },
        (_, i) => new Uint8Array(Buffer.concat(parts.flatMap((p, k) => (k === 0 ? [p[at[k]![i]!]!] : [separator, p[at[k]![i]!]!])))),
      );
      return newTensor(DType.String, shape, joined);
    };
  },
  StringSplitV2: (node) => {
    const max = node.attrs.int("maxsplit", -1);
    return (inputs) => {
      const [t, sep] = [tensorOf(inputs[0]), tensorOf(inputs[1])];
      if (t.shape.length !== 1) throw newError(Code.InvalidArgument, `input must be a vector, got shape: ${shapeText(t.shape)}`);
      const separator = binary(bytesOf(sep)[0] ?? new Uint8Array(0));
      const rows = bytesOf(t).map((b) => pieces(binary(b), separator, max));
      const indices = rows.flatMap((row, r) => row.flatMap((_, c) => [r, c]));
      const count = indices.length / 2;
      return [
        integers(DType.Int64, [count, 2], indices),
        newTensor(DType.String, [count], rows.flat().map(unbinary)),
        integers(DType.Int64, [2], [rows.length, rows.reduce((m, row) => Math.max(m, row.length), 0)]),
      ];
    };
  },
  RaggedTensorToTensor: (node) => {
    const types = node.attrs.strings("row_partition_types");
    return (inputs) =>
      raggedToTensor(
        types,
        inputs.map((v) => tensorOf(v)),
      );
  },
  AsString: (node) => {
    const [precision, scientific, shortest, width, fill] = [
      node.attrs.int("precision", -1),
      node.attrs.bool("scientific", false),
      node.attrs.bool("shortest", false),
      node.attrs.int("width", -1),
      node.attrs.string("fill", ""),
    ];
    if (precision >= 0 || scientific || shortest || width >= 0 || fill !== "")
      throw newError(Code.Unimplemented, `AsString ${node.name}: number formats are not supported`);
    return (inputs) => {
      const t = tensorOf(inputs[0]);
      checkSize(DType.String, t.shape);
      const print = printer(t.dtype);
      return { dtype: DType.String, shape: t.shape, data: Array.from(t.data as ArrayLike<number>, (v) => encoder.encode(print(v))) };
    };
  },
};

function printer(dtype: DType): (v: number | bigint) => string {
  if (dtype === DType.Bool) return (v) => (v === 0 ? "false" : "true");
  if (dtype === DType.Float || dtype === DType.Double)
    return (v) => (Number.isFinite(v) ? (v as number).toFixed(6) : String(v).replace("NaN", "nan").replace("Infinity", "inf"));
  if (dtype === DType.String || dtype === DType.Half || dtype === DType.BFloat16)
    throw newError(Code.Unimplemented, `AsString is not supported for ${dtypeName(dtype)}`);
  return String;
}
