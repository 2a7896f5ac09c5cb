import { create, toBinary } from "@bufbuild/protobuf";
import { type AttrValue, AttrValueSchema, type DataType, NodeDefSchema, type TensorShapeProto, TensorShapeProtoSchema } from "@tfs/proto";
import { Code, newError } from "@tfs/std";
import { type DType, type Tensor, toMessage } from "@tfs/tensor";
import type { Edge, FlatNode } from "../embedded/index.ts";
import { keyOf } from "./partition.ts";

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

/** freeze gives a GraphDef in pieces: placeholders, constants, the nodes, and an Identity for each output. Throws Unimplemented for one that is too large. */
export function freeze({ nodes, order, inputs, outputs, constant, types }: FreezeOptions): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  const names = new Map(inputs.map(({ edge }, i) => [keyOf(edge), `i${i}`]));
  let bytes = 0;

  function put(name: string, op: string, input: readonly string[], attr: Readonly<Record<string, AttrValue>>): void {
    const node = toBinary(NodeDefSchema, create(NodeDefSchema, { name, op, input: [...input], attr }));
    const piece = prefixed(node);
    bytes += piece.length;
    if (bytes > maxBytes) throw newError(Code.Unimplemented, `the graph with its constants has more than ${maxBytes} bytes`);
    pieces.push(piece);
  }

  function putConstant(name: string, value: Tensor): string {
    put(name, "Const", [], { dtype: typeAttr(value.dtype), value: attrOf({ case: "tensor", value: toMessage(value) }) });
    return name;
  }

  function nameOf(e: Edge): string {
    const key = keyOf(e);
    let name = names.get(key);
    if (name !== undefined) return name;
    const value = constant(e);
    name = value === undefined ? (e.output === 0 ? `n${e.node}` : `n${e.node}:${e.output}`) : putConstant(`c${e.node}_${e.output}`, value);
    names.set(key, name);
    return name;
  }

  inputs.forEach(({ dtype, shape }, i) => put(`i${i}`, "Placeholder", [], { dtype: typeAttr(dtype), shape: attrOf({ case: "shape", value: shapeOf(shape) }) }));
  for (const n of order) {
    const node = nodes[n]!;
    const attr = Object.fromEntries(Object.entries(node.attr).filter(([name]) => !name.startsWith("_")));
    const input = node.inputs.map(nameOf);
    if (node.op !== "ResourceGather") {
      put(`n${n}`, node.op, input, attr);
      continue;
    }
    const zero = putConstant(`n${n}_axis`, { dtype: 3, shape: [], data: Int32Array.of(0) });
    const { dtype = attrOf({ case: undefined }), Tindices = attrOf({ case: undefined }) } = attr;
    put(`n${n}`, "GatherV2", [...input, zero], { Tparams: dtype, Tindices, Taxis: typeAttr(3) });
  }
  outputs.forEach((e, i) => put(`o${i}`, "Identity", [nameOf(e)], { T: typeAttr(types(e)!) }));
  return pieces;
}

const attrOf = (value: AttrValue["value"]): AttrValue => create(AttrValueSchema, { value });
const typeAttr = (dtype: DType): AttrValue => attrOf({ case: "type", value: dtype as number as DataType });

function shapeOf(shape: readonly number[]): TensorShapeProto {
  return create(TensorShapeProtoSchema, { dim: shape.map((size) => ({ size: BigInt(size) })) });
}

/** prefixed is a node as an element of GraphDef.node, field 1. */
function prefixed(node: Uint8Array): Uint8Array {
  const head = [0x0a];
  let n = node.length;
  for (; n > 127; n = Math.floor(n / 128)) head.push((n % 128) | 128);
  head.push(n);
  const piece = new Uint8Array(head.length + node.length);
  piece.set(head);
  piece.set(node, head.length);
  return piece;
}
