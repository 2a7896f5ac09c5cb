// What is read of a .tflite file: tables and field numbers of TFLite's schema, version 3 (tflite/converter/schema/schema.fbs). Control plane.
import { Code, newError } from "@tfs/std";
import { bytesOf, field, type Flat, follow, ints, malformed, newFlat, type Table, table, tables, text, u8, u32, u64 } from "./flat.ts";

export interface TfTensor {
  /** name is undefined where the file gives none. */
  readonly name: string | undefined;
  /** shape is what memory is planned for: dimensions that vary are 1. */
  readonly shape: readonly number[];
  /** signature is the shape with -1 for dimensions that vary; undefined where none does. */
  readonly signature: readonly number[] | undefined;
  /** type is the runtime's number of the type (TfLiteType, which is not the schema's TensorType). */
  readonly type: number;
  /** value is that of a constant; empty for others. */
  readonly value: Uint8Array;
}

export interface TfOperator {
  /** custom is the name of an operator that is not one of TFLite's own. */
  readonly custom: string | undefined;
  /** inputs and outputs are tensors by number; -1 is an input that is left out. */
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
  /** options are a custom operator's. */
  readonly options: Uint8Array;
}

export interface TfGraph {
  readonly tensors: readonly TfTensor[];
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
  readonly operators: readonly TfOperator[];
}

/** TfSignature names inputs and outputs of a graph. */
export interface TfSignature {
  readonly key: string;
  readonly graph: number;
  readonly inputs: readonly (readonly [alias: string, tensor: number])[];
  readonly outputs: readonly (readonly [alias: string, tensor: number])[];
}

export interface TfModel {
  readonly graphs: readonly TfGraph[];
  readonly signatures: readonly TfSignature[];
  /** metadata gives the bytes under a name, undefined for a name whose buffer is not there. */
  readonly metadata: ReadonlyMap<string, Uint8Array | undefined>;
}

/** typeOf gives the runtime's number for each TensorType of the schema, in its order. */
const runtimeTypes = [1, 10, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23];

/** Field numbers of the schema's tables, by what we call them. */
const model = { version: 0, codes: 1, graphs: 2, buffers: 4, metadata: 6, signatures: 7 } as const;
const code = { oldBuiltin: 0, custom: 1, builtin: 3 } as const;
const graph = { tensors: 0, inputs: 1, outputs: 2, operators: 3 } as const;
const tensor = { shape: 0, type: 1, buffer: 2, name: 3, signature: 7, external: 10 } as const;
const operator = { code: 0, inputs: 1, outputs: 2, customOptions: 5, largeOptionsOffset: 9 } as const;
const buffer = { data: 0, offset: 1, size: 2 } as const;

/** builtinCustom is the number of operators that are known by name only. */
const builtinCustom = 32;
const schemaVersion = 3;
/** maxRank is that of the runtime's API (LITERT_TENSOR_MAX_RANK). */
export const maxRank = 8;

/** unbuildable is what a buffer fails with that is a flatbuffer and no model, in TensorFlow Serving's text; `why` is added for whoever made it. */
export function unbuildable(why: string): Error {
  return newError(Code.Internal, `Cannot build Interpreter from buffer. ${why}`);
}

/**
 * readModel reads a .tflite file, and checks every number in it that leads somewhere. Throws InvalidArgument for what is no flatbuffer of TFLite's, Internal for
 * one that no interpreter could be built from.
 */
export function readModel(bytes: Uint8Array): TfModel {
  const flat = newFlat(bytes);
  if (bytes.length < 8 || String.fromCharCode(...bytes.subarray(4, 8)) !== "TFL3") throw malformed("it does not begin as a .tflite file");
  const root = table(flat, follow(flat, 0));
  const version = number(flat, root, model.version);
  if (version !== schemaVersion) throw unbuildable(`It is of schema version ${version}, not ${schemaVersion}.`);
  const buffers = tables(flat, root, model.buffers).map((t) => bufferOf(flat, t));
  const codes = tables(flat, root, model.codes).map((t) => {
    const old = field(flat, t, code.oldBuiltin);
    const builtin = Math.max(number(flat, t, code.builtin), old === undefined ? 0 : u8(flat, old));
    return builtin === builtinCustom ? (text(flat, t, code.custom) ?? "") : undefined;
  });
  const graphs = tables(flat, root, model.graphs).map((t, i) => graphOf(flat, t, i, codes, buffers));
  if (graphs.length === 0) throw unbuildable("It has no graph.");
  const signatures = tables(flat, root, model.signatures).map((t) => signatureOf(flat, t, graphs));
  const metadata = new Map(
    tables(flat, root, model.metadata).map((t): [string, Uint8Array | undefined] => [text(flat, t, 0) ?? "", buffers[number(flat, t, 1)]]),
  );
  return { graphs, signatures, metadata };
}

/** number reads an unsigned field; 0 if it is absent. */
function number(flat: Flat, t: Table, id: number): number {
  const at = field(flat, t, id);
  return at === undefined ? 0 : u32(flat, at);
}

/** bufferOf gives a buffer's bytes: in the flatbuffer, or, as in files past its limit, behind it. */
function bufferOf(flat: Flat, t: Table): Uint8Array {
  const [offset, size] = [buffer.offset, buffer.size].map((id) => {
    const at = field(flat, t, id);
    return at === undefined ? 0 : u64(flat, at);
  }) as [number, number];
  if (offset <= 1) return bytesOf(flat, t, buffer.data);
  if (offset + size > flat.bytes.length) throw malformed(`a buffer of ${size} bytes at ${offset} is outside the file`);
  return flat.bytes.subarray(offset, offset + size);
}

function graphOf(flat: Flat, t: Table, index: number, codes: readonly (string | undefined)[], buffers: readonly Uint8Array[]): TfGraph {
  const tensors = tables(flat, t, graph.tensors).map((one) => tensorOf(flat, one, buffers));
  const checked = (list: readonly number[], least: number): readonly number[] => {
    for (const n of list) if (n < least || n >= tensors.length) throw unbuildable(`Graph ${index} has no tensor ${n}.`);
    return list;
  };
  return {
    tensors,
    inputs: checked(ints(flat, t, graph.inputs), 0),
    outputs: checked(ints(flat, t, graph.outputs), 0),
    operators: tables(flat, t, graph.operators).map((one) => {
      const kind = number(flat, one, operator.code);
      if (kind >= codes.length) throw unbuildable(`Graph ${index} uses operator code ${kind} of ${codes.length}.`);
      const large = field(flat, one, operator.largeOptionsOffset);
      if (large !== undefined && u64(flat, large) > 1) throw unbuildable("Options of operators that lie outside the flatbuffer are not read.");
      return {
        custom: codes[kind],
        inputs: checked(ints(flat, one, operator.inputs), -1),
        outputs: checked(ints(flat, one, operator.outputs), 0),
        options: bytesOf(flat, one, operator.customOptions),
      };
    }),
  };
}

function tensorOf(flat: Flat, t: Table, buffers: readonly Uint8Array[]): TfTensor {
  const name = text(flat, t, tensor.name);
  const at = field(flat, t, tensor.type);
  const kind = at === undefined ? 0 : u8(flat, at);
  const type = runtimeTypes[kind];
  if (type === undefined) throw unbuildable(`Tensor ${name ?? ""} is of type ${kind}, which is not known.`);
  if (number(flat, t, tensor.external) !== 0) throw unbuildable(`The value of tensor ${name ?? ""} lies in another file.`);
  const value = buffers[number(flat, t, tensor.buffer)];
  if (value === undefined && number(flat, t, tensor.buffer) !== 0) throw unbuildable(`Tensor ${name ?? ""} has no buffer.`);
  const shape = ints(flat, t, tensor.shape);
  for (const dim of shape) if (dim < 0) throw unbuildable(`Tensor ${name ?? ""} has the dimension ${dim}.`);
  const signature = ints(flat, t, tensor.signature);
  return { name, shape, signature: signature.length === shape.length && shape.length > 0 ? signature : undefined, type, value: value ?? noBytes };
}

const noBytes = new Uint8Array(0);

function signatureOf(flat: Flat, t: Table, graphs: readonly TfGraph[]): TfSignature {
  const key = text(flat, t, 2) ?? "";
  const index = number(flat, t, 4);
  const of = graphs[index];
  if (of === undefined) throw unbuildable(`Signature ${key} is of graph ${index}, which is not there.`);
  const maps = (id: number, among: readonly number[]): (readonly [string, number])[] =>
    tables(flat, t, id).map((one) => {
      const alias = text(flat, one, 0) ?? "";
      const n = number(flat, one, 1);
      if (!among.includes(n)) throw unbuildable(`Signature ${key} has ${alias}, which its graph does not take or give.`);
      return [alias, n];
    });
  return { key, graph: index, inputs: maps(0, of.inputs), outputs: maps(1, of.outputs) };
}
