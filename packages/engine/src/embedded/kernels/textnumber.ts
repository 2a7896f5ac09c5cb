// Strings that are numbers, bytes or base64, and strings put together (string_to_number_op.cc, decode_raw_op.cc, base64_ops.cc, reduce_join_op.cc, as_string_op.cc).
import { Code, newError } from "@tfs/std";
import { DType, dtypeName, elementSize, fromBytes, newTensor, shapeText, type Tensor } from "@tfs/tensor";
import type { KernelFactory, Kernels } from "../kernel.ts";
import { axisOf, checkSize, int, ints, make, strides, walk } from "../shape.ts";
import { expectType, tensorOf } from "../value.ts";

const bytesOf = (t: Tensor): readonly Uint8Array[] => expectType(t, DType.String, "the input").data as readonly Uint8Array[];
const text = (b: Uint8Array): string => Buffer.from(b.buffer, b.byteOffset, b.byteLength).toString("latin1");
const strings = (shape: readonly number[], data: readonly Uint8Array[]): Tensor => newTensor(DType.String, shape, data);
const joined = (parts: readonly Uint8Array[], separator: Uint8Array): Uint8Array =>
  new Uint8Array(Buffer.concat(parts.flatMap((p, i) => (i === 0 ? [p] : [separator, p]))));

const decimal = /^[+-]?(\d+\.?\d*([eE][+-]?\d+)?|\.\d+([eE][+-]?\d+)?|inf(inity)?|nan)$/i;

/** number reads one string. Throws TensorFlow's text for what is none. */
function number(b: Uint8Array, dtype: DType): number | bigint {
  const given = text(b);
  const s = given.trim();
  const wrong = (): never => {
    throw newError(Code.InvalidArgument, `StringToNumberOp could not correctly convert string: ${given}`);
  };
  if (dtype === DType.Float || dtype === DType.Double) {
    if (!decimal.test(s)) wrong();
    const word = s.toLowerCase().replace(/^\+/, "");
    if (word.endsWith("nan")) return Number.NaN;
    if (word.includes("inf")) return word.startsWith("-") ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
    return Number(word);
  }
  if (!/^[+-]?\d+$/.test(s)) wrong();
  const value = BigInt(s.replace(/^\+/, ""));
  const bits = elementSize(dtype) * 8;
  const signed = dtype === DType.Int32 || dtype === DType.Int64;
  if (signed ? BigInt.asIntN(bits, value) !== value : BigInt.asUintN(bits, value) !== value) wrong();
  return dtype === DType.Int64 || dtype === DType.UInt64 ? value : Number(value);
}

const toNumber: KernelFactory = (node) => {
  const dtype = node.attrs.dtype("out_type", DType.Float);
  return (inputs) => {
    const t = tensorOf(inputs[0]);
    const out = make(dtype, t.shape);
    const write = out.data as unknown as { [i: number]: number | bigint };
    bytesOf(t).forEach((b, i) => {
      write[i] = number(b, dtype);
    });
    return out;
  };
};

const decodeRaw: KernelFactory = (node) => {
  const [dtype, little] = [node.attrs.dtype("out_type"), node.attrs.bool("little_endian", true)];
  return (inputs) => {
    const t = tensorOf(inputs[0]);
    const all = bytesOf(t);
    const length = all[0]?.length ?? 0;
    const size = elementSize(dtype);
    all.forEach((b, i) => {
      if (b.length !== length)
        throw newError(Code.InvalidArgument, `DecodeRaw requires input strings to all be the same size, but element ${i} has size ${length} != ${b.length}`);
    });
    if (length % size !== 0)
      throw newError(Code.InvalidArgument, `Input to DecodeRaw has length ${length} that is not a multiple of ${size}, the size of ${dtypeName(dtype)}`);
    const bytes = new Uint8Array(Buffer.concat(all));
    if (!little) for (let i = 0; i < bytes.length; i += size) bytes.subarray(i, i + size).reverse();
    return fromBytes(dtype, [...t.shape, length / size], bytes);
  };
};

const encode64: KernelFactory = (node) => {
  const pad = node.attrs.bool("pad", false);
  return (inputs) => {
    const t = tensorOf(inputs[0]);
    return strings(
      t.shape,
      bytesOf(t).map((b) => {
        const plain = Buffer.from(b).toString("base64url");
        return new Uint8Array(Buffer.from(pad ? plain.padEnd(Math.ceil(plain.length / 4) * 4, "=") : plain, "latin1"));
      }),
    );
  };
};

const decode64: KernelFactory = () => (inputs) => {
  const t = tensorOf(inputs[0]);
  return strings(
    t.shape,
    bytesOf(t).map((b) => {
      const s = text(b).replace(/={1,2}$/, "");
      if (!/^[A-Za-z0-9_-]*$/.test(s) || s.length % 4 === 1) throw newError(Code.InvalidArgument, "Invalid character found in base64.");
      return new Uint8Array(Buffer.from(s, "base64url"));
    }),
  );
};

/** reduceJoin joins strings along axes, the axis that is named first the innermost. */
const reduceJoin: KernelFactory = (node) => {
  const keep = node.attrs.bool("keep_dims", false);
  const separator = node.attrs.has("separator") ? node.attrs.bytes("separator") : new Uint8Array(0);
  return (inputs) => {
    const [t, named] = [tensorOf(inputs[0]), ints(tensorOf(inputs[1]))];
    const rank = t.shape.length;
    const axes = named.map((a) => axisOf(a, rank, "Invalid reduction dimension"));
    if (new Set(axes).size !== axes.length) throw newError(Code.InvalidArgument, `Duplicate reduction dimension ${axes.join(",")}`);
    const steps = strides(t.shape);
    const kept = t.shape.map((_, d) => d).filter((d) => !axes.includes(d));
    const list = (dims: readonly number[]): Int32Array =>
      walk(
        dims.map((d) => t.shape[d]!),
        dims.map((d) => steps[d]!),
      );
    const [rows, columns] = [list(kept), list([...axes].reverse())];
    const from = bytesOf(t);
    const shape = keep ? t.shape.map((d, i) => (axes.includes(i) ? 1 : d)) : kept.map((d) => t.shape[d]!);
    return strings(
      shape,
      Array.from(rows, (r) =>
        joined(
          Array.from(columns, (c) => from[r + c]!),
          separator,
        ),
      ),
    );
  };
};

const segmentJoin: KernelFactory = (node) => {
  const separator = node.attrs.has("separator") ? node.attrs.bytes("separator") : new Uint8Array(0);
  return (inputs) => {
    const [t, ids, count] = [tensorOf(inputs[0]), tensorOf(inputs[1]), int(tensorOf(inputs[2]))];
    const rank = ids.shape.length;
    if (rank === 0 || shapeText(t.shape.slice(0, rank)) !== shapeText(ids.shape))
      throw newError(Code.InvalidArgument, `data.shape = ${shapeText(t.shape)} does not start with segment_ids.shape = ${shapeText(ids.shape)}`);
    const inner = t.shape.slice(rank);
    const each = inner.reduce((a, b) => a * b, 1);
    const parts: Uint8Array[][] = Array.from({ length: count * each }, () => []);
    ints(ids).forEach((id, i) => {
      if (id < 0) return;
      if (id >= count) throw newError(Code.InvalidArgument, `segment_ids[${i}] = ${id} is out of range [0, ${count})`);
      for (let k = 0; k < each; k++) parts[id * each + k]!.push(bytesOf(t)[i * each + k]!);
    });
    return strings(
      [count, ...inner],
      parts.map((list) => joined(list, separator)),
    );
  };
};

/** format writes tensors into a text where its placeholder stands. */
const format: KernelFactory = (node) => {
  const [template, placeholder, most] = [node.attrs.string("template", "%s"), node.attrs.string("placeholder", "%s"), node.attrs.int("summarize", 3)];
  return (inputs) => {
    const parts = template.split(placeholder);
    if (parts.length - 1 !== inputs.length)
      throw newError(Code.InvalidArgument, `num placeholders in template and num inputs must match: ${parts.length - 1} vs. ${inputs.length}`);
    const all = parts.map((part, i) => (i === inputs.length ? part : `${part}${summarized(tensorOf(inputs[i]), most)}`)).join("");
    checkSize(DType.String, [], all.length);
    return strings([], [new TextEncoder().encode(all)]);
  };
};

/** summarized prints a tensor with a few elements at both ends of each dimension. */
function summarized(t: Tensor, most: number): string {
  const one = (i: number): string => {
    const v = t.data[i]!;
    if (typeof v === "object") return `"${text(v)}"`;
    if (t.dtype === DType.Bool) return String(v);
    return t.dtype === DType.Float || t.dtype === DType.Double ? String(Number(Number(v).toPrecision(t.dtype === DType.Float ? 8 : 16))) : String(v);
  };
  const steps = strides(t.shape);
  const list = (d: number, at: number): string => {
    if (d === t.shape.length) return one(at);
    const n = t.shape[d]!;
    const all = Array.from({ length: n }, (_, i) => i);
    const shown = most < 0 || n <= 2 * most ? [all] : [all.slice(0, most), all.slice(n - most)];
    const gap = d === t.shape.length - 1 ? " " : `\n${" ".repeat(d + 1)}`;
    return `[${shown.map((part) => part.map((i) => list(d + 1, at + i * steps[d]!)).join(gap)).join(`${gap}...${gap}`)}]`;
  };
  return list(0, 0);
}

export const textNumbers: Kernels = {
  StringToNumber: toNumber,
  DecodeRaw: decodeRaw,
  EncodeBase64: encode64,
  DecodeBase64: decode64,
  ReduceJoin: reduceJoin,
  UnsortedSegmentJoin: segmentJoin,
  StringFormat: format,
};
