// The general way from a predict body to tensors: strings, base64, names in any order, and every error text. What is usual goes through typed.ts.
import type { SignatureDef } from "@tfs/proto";
import { Code, codeName, isFailure, newError } from "@tfs/std";
import { type DType, shapeText, type Tensor, toDType } from "@tfs/tensor";
import { type Document, invalid } from "./document.ts";
import { dump } from "./dump.ts";
import { base64Of, type Elements, newElements } from "./fill.ts";
import type { PredictInputs } from "./format.ts";
import { elements, kindOf, members, type Range } from "./scan.ts";

/** What typesOf has found, for as long as somebody keeps the signature: its callers ask again with each request. */
const known = new WeakMap<SignatureDef, ReadonlyMap<string, DType>>();

/** typesOf gives the dtypes of a signature's inputs by alias; undefined if one is unknown. The signature must not change afterwards. */
export function typesOf(signature: SignatureDef): ReadonlyMap<string, DType> | undefined {
  const before = known.get(signature);
  if (before !== undefined) return before;
  const types = new Map<string, DType>();
  for (const alias of Object.keys(signature.inputs)) {
    const dtype = toDType(signature.inputs[alias]!.dtype);
    if (dtype === undefined) return undefined;
    types.set(alias, dtype);
  }
  known.set(signature, types);
  return types;
}

/** readAny builds tensors out of a predict body of any form, or says in TensorFlow Serving's words what is wrong with it. `undefined` means that there is no such signature. */
export function readAny(document: Document, signature: SignatureDef | undefined): PredictInputs {
  const name = document.signatureName;
  if (signature === undefined) throw newError(Code.InvalidArgument, `Serving signature name: "${name || "serving_default"}" not found in signature def`);
  const types = typesOf(signature) ?? unknown(signature);
  if (types.size === 0) throw newError(Code.InvalidArgument, `Failed to get input map for signature: ${name || "DEFAULT"}`);
  const [instances, inputs] = [document.get("instances"), document.get("inputs")];
  if (instances !== undefined && inputs !== undefined)
    throw invalid(document, "Not formatted correctly expecting only one of 'inputs' or 'instances' keys to exist ");
  if (instances !== undefined) return { format: "row", inputs: rows(document, instances, types) };
  if (inputs !== undefined) return { format: "columnar", inputs: columns(document, inputs, types) };
  throw newError(Code.InvalidArgument, "Missing 'inputs' or 'instances' key");
}

function unknown(signature: SignatureDef): never {
  const [alias, info] = Object.entries(signature.inputs).find(([, { dtype }]) => toDType(dtype) === undefined)!;
  throw newError(Code.Unimplemented, `input ${alias} has the unknown dtype ${info.dtype}`);
}

/** An input that grows instance by instance; every instance must have the first one's shape. */
interface Column {
  readonly elements: Elements;
  shape: readonly number[] | undefined;
}

/** isNamed tells whether a value maps input names to values; `{"b64": …}` is a value itself. */
function isNamed(document: Document, range: Range): boolean {
  return kindOf(document.bytes, range.start) === "Object" && base64Of(document.bytes, range) === undefined;
}

function rows(document: Document, instances: Range, types: ReadonlyMap<string, DType>): Map<string, Tensor> {
  const { bytes } = document;
  if (kindOf(bytes, instances.start) !== "Array") throw invalid(document, "Expecting 'instances' to be an list/array");
  const columns = new Map([...types].map(([alias, dtype]): [string, Column] => [alias, { elements: newElements(dtype), shape: undefined }]));
  let named = false;
  let count = 0;
  for (const item of elements(bytes, instances)) {
    if (count === 0) {
      named = isNamed(document, item);
      if (types.size > 1 && kindOf(bytes, item.start) !== "Object") {
        throw newError(
          Code.InvalidArgument,
          "instances is a plain list, but expecting list of objects as multiple input tensors required as per tensorinfo_map",
        );
      }
    } else if (named && kindOf(bytes, item.start) !== "Object") {
      throw newError(Code.InvalidArgument, `Expecting object but got list at item ${count} of input list`);
    } else if (!named && isNamed(document, item)) {
      throw newError(Code.InvalidArgument, `Expecting value/list but got object at item ${count} of input list`);
    }
    if (named) namedRow(document, item, count, columns);
    else wrapped(`Failed to process element: ${count} of 'instances' list.`, () => add([...columns.values()][0]!, bytes, item));
    count++;
  }
  if (count === 0) throw invalid(document, "No values in 'instances' array");
  const filled = [...columns].filter(([, c]) => c.shape !== undefined);
  return new Map(filled.map(([alias, c]) => [alias, c.elements.tensor([count, ...c.shape!])]));
}

function namedRow(document: Document, item: Range, index: number, columns: ReadonlyMap<string, Column>): void {
  const seen = new Set<string>();
  for (const { name, value } of members(document.bytes, item)) {
    const column = columns.get(name);
    wrapped(`Failed to process element: ${index} key: ${name} of 'instances' list.`, () => {
      if (column === undefined) throw newError(Code.InvalidArgument, `JSON object: does not have named input: ${name}`);
      if (!seen.has(name)) add(column, document.bytes, value); // the first of a name wins
    });
    seen.add(name);
  }
  if (seen.size !== columns.size) {
    const keys = [...columns.keys()].sort().join(",");
    throw newError(
      Code.InvalidArgument,
      `Failed to process element: ${index} of 'instances' list. JSON object: ${dump(document.bytes, item)} keys must be equal to: ${keys}`,
    );
  }
}

function add(column: Column, bytes: Uint8Array, range: Range): void {
  const before = column.elements.count;
  const shape = column.elements.take(bytes, range);
  if (column.shape === undefined) {
    column.shape = shape;
    return;
  }
  const [want, got] = [column.shape.reduce((a, b) => a * b, 1), column.elements.count - before];
  if (want !== got) throw newError(Code.InvalidArgument, `Expecting tensor size: ${want} but got: ${got}`);
  if (shape.some((dim, i) => dim !== column.shape![i]) || shape.length !== column.shape.length)
    throw newError(Code.InvalidArgument, `Expecting shape ${shapeText(column.shape)} but got: ${shapeText(shape)}`);
}

/** wrapped names the element in front of an error; the outer code is always InvalidArgument, whatever the inner one. */
function wrapped(prefix: string, run: () => void): void {
  try {
    run();
  } catch (err) {
    if (!isFailure(err)) throw err;
    throw newError(Code.InvalidArgument, `${prefix} Error: ${codeName(err.code)}: ${err.message}`, err);
  }
}

function columns(document: Document, inputs: Range, types: ReadonlyMap<string, DType>): Map<string, Tensor> {
  const { bytes } = document;
  const whole = (dtype: DType, range: Range): Tensor => {
    const found = newElements(dtype);
    return found.tensor(found.take(bytes, range));
  };
  if (!isNamed(document, inputs)) {
    const [only, ...more] = types;
    if (only === undefined || more.length > 0)
      throw newError(Code.InvalidArgument, "inputs is a plain value/list, but expecting an object as multiple input tensors required as per tensorinfo_map");
    return new Map([[only[0], whole(only[1], inputs)]]);
  }
  const given = new Map<string, Range>();
  for (const { name, value } of members(bytes, inputs)) if (!given.has(name)) given.set(name, value);
  return new Map(
    [...types].map(([alias, dtype]): [string, Tensor] => {
      const range = given.get(alias);
      if (range === undefined) throw newError(Code.InvalidArgument, `Missing named input: ${alias} in 'inputs' object.`);
      return [alias, whole(dtype, range)];
    }),
  );
}
