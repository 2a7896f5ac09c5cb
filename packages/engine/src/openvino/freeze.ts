import { create, toBinary } from "@bufbuild/protobuf";
import { type AttrValue, AttrValueSchema, type DataType, NodeDefSchema, type TensorShapeProto, TensorShapeProtoSchema } from "@tfs/proto";
import { Code, newError } from "@tfs/std";
import { type DType, DType as Types, type Tensor } from "@tfs/tensor";
import { type Edge, type FlatNode, keyOf } from "../embedded/index.ts";

/** Input is what the frozen graph is fed, by the name i0, i1, … */
export interface Input {
  readonly edge: Edge;
  readonly dtype: DType;
  /** shape has -1 for a size that is not known. The rank has to be: OpenVINO plans by it. */
  readonly shape: readonly number[];
}

export interface FreezeOptions {
  readonly nodes: readonly FlatNode[];
  /** order lists the nodes of the native part. */
  readonly order: readonly number[];
  readonly inputs: readonly Input[];
  /** outputs are given the names o0, o1, … */
  readonly outputs: readonly Edge[];
  constant(edge: Edge): Tensor | undefined;
  types(edge: Edge): DType | undefined;
}

/** A protobuf message of more bytes cannot be read (message_lite.h). */
const maxBytes = 2 ** 31 - 1;

/**
 * freeze gives a GraphDef in pieces: placeholders, constants, the nodes, and an Identity for each output. The values of constants are not copied: pieces
 * are views of them. Throws Unimplemented for a graph that is too large.
 */
export function* freeze({ nodes, order, inputs, outputs, constant, types }: FreezeOptions): Generator<Uint8Array> {
  const names = new Map(inputs.map(({ edge }, i) => [keyOf(edge), `i${i}`]));
  let bytes = 0;

  /** node gives the pieces of a node, as an element of GraphDef.node, field 1. */
  function* node(...parts: readonly Uint8Array[]): Generator<Uint8Array> {
    const pieces = field(1, parts);
    for (const piece of pieces) bytes += piece.length;
    if (bytes > maxBytes) throw newError(Code.Unimplemented, `the graph with its constants has more than ${maxBytes} bytes`);
    yield* pieces;
  }

  function put(name: string, op: string, input: readonly string[], attr: Readonly<Record<string, AttrValue>>): Generator<Uint8Array> {
    return node(toBinary(NodeDefSchema, create(NodeDefSchema, { name, op, input: [...input], attr })));
  }

  /** putConstant writes NodeDef.attr["value"].tensor.tensor_content, fields 5, 2, 8 and 4, by hand: what it holds is large. */
  function putConstant(name: string, { dtype, shape, data }: Tensor): Generator<Uint8Array> {
    const view = data as Uint8Array; // there are no strings in a native part
    const type = attrOf({ case: "type", value: dtype as number as DataType });
    const head = toBinary(NodeDefSchema, create(NodeDefSchema, { name, op: "Const", attr: { dtype: type } }));
    const content = field(4, [new Uint8Array(view.buffer, view.byteOffset, view.byteLength)]);
    const tensor = field(8, [Uint8Array.of(0x08, dtype), ...field(2, [toBinary(TensorShapeProtoSchema, shapeOf(shape))]), ...content]);
    return node(head, ...field(5, [...field(1, [new TextEncoder().encode("value")]), ...field(2, tensor)]));
  }

  /** Constants are written before the first node that reads them. */
  function* constants(edges: readonly Edge[]): Generator<Uint8Array> {
    for (const e of edges) {
      const key = keyOf(e);
      const value = names.has(key) ? undefined : constant(e);
      if (value === undefined) continue;
      names.set(key, `c${e.node}_${e.output}`);
      yield* putConstant(`c${e.node}_${e.output}`, value);
    }
  }
  const nameOf = (e: Edge): string => names.get(keyOf(e)) ?? (e.output === 0 ? `n${e.node}` : `n${e.node}:${e.output}`);

  for (const [i, { dtype, shape }] of inputs.entries())
    yield* put(`i${i}`, "Placeholder", [], { dtype: typeAttr(dtype), shape: attrOf({ case: "shape", value: shapeOf(shape) }) });
  for (const n of order) {
    const { op, attr: all, inputs: from } = nodes[n]!;
    yield* constants(from);
    const input = from.map(nameOf);
    if (op !== "ResourceGather") {
      yield* put(`n${n}`, op, input, Object.fromEntries(Object.entries(all).filter(([name]) => !name.startsWith("_"))));
      continue;
    }
    const { dtype, Tindices } = all; // a variable's rows are a constant's
    yield* putConstant(`a${n}`, { dtype: Types.Int32, shape: [], data: Int32Array.of(0) });
    yield* put(`n${n}`, "GatherV2", [...input, `a${n}`], { Tparams: dtype!, Tindices: Tindices!, Taxis: typeAttr(Types.Int32) });
  }
  for (const [i, e] of outputs.entries()) yield* put(`o${i}`, "Identity", [nameOf(e)], { T: typeAttr(types(e)!) });
}

const attrOf = (value: AttrValue["value"]): AttrValue => create(AttrValueSchema, { value });
const typeAttr = (dtype: DType): AttrValue => attrOf({ case: "type", value: dtype as number as DataType });

function shapeOf(shape: readonly number[]): TensorShapeProto {
  return create(TensorShapeProtoSchema, { dim: shape.map((size) => ({ size: BigInt(size) })) });
}

/** field gives a protobuf field of bytes: tag, length, parts. */
function field(number: number, parts: readonly Uint8Array[]): Uint8Array[] {
  const head = [number * 8 + 2];
  let n = parts.reduce((sum, part) => sum + part.length, 0);
  for (; n > 127; n = Math.floor(n / 128)) head.push((n % 128) | 128);
  head.push(n);
  return [Uint8Array.from(head), ...parts];
}
