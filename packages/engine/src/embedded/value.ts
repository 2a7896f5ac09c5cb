import { Code, newError } from "@tfs/std";
import { type DType, dtypeName, type Tensor } from "@tfs/tensor";

/** Variable is a cell of the model's state; both TF1 references and TF2 resources are one. */
export interface Variable {
  readonly kind: "variable";
  readonly name: string;
  readonly dtype: DType;
  value: Tensor | undefined;
}

/** Table is a lookup table; keys are text made of the key's dtype and bytes. */
export interface Table {
  readonly kind: "table";
  readonly name: string;
  readonly keyType: DType;
  readonly valueType: DType;
  /** entries maps a key to the index of its value in `values`. */
  readonly entries: Map<string, number>;
  values: Tensor | undefined;
  /** free are places in `values` that nobody has; undefined for a table that does not change once it is filled. */
  readonly free: number[] | undefined;
}

/** List is a TensorList: immutable, as a variant value is. */
export interface List {
  readonly kind: "list";
  readonly elementType: DType;
  /** shape is what is known of an item's shape; -1 where a size is not known, undefined where nothing is. */
  readonly shape: readonly number[] | undefined;
  readonly items: readonly (Tensor | undefined)[];
}

/** TensorArray is a list of TensorFlow 1: it changes, and lives as long as the run. */
export interface TensorArray {
  readonly kind: "array";
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[] | undefined;
  /** grows: an index past the end makes it longer. */
  readonly grows: boolean;
  /** readOnce: an item is let go when it has been read. */
  readonly readOnce: boolean;
  readonly items: (Tensor | "cleared" | undefined)[];
}

export type Resource = Variable | Table | List | TensorArray;

/** Value is what flows along an edge of the graph. */
export type Value = Tensor | Resource;

export function isTensor(value: Value): value is Tensor {
  return "data" in value;
}

/** bytesOf is what a tensor's values take: a string some more than its bytes. */
export function bytesOf({ data }: Tensor): number {
  return ArrayBuffer.isView(data) ? data.byteLength : data.reduce((sum, text) => sum + text.length + 16, 0);
}

/** tensorOf gives the tensor of a value; a variable gives what it holds now. Throws FailedPrecondition if it holds nothing yet. */
export function tensorOf(value: Value | undefined): Tensor {
  if (value === undefined) throw newError(Code.InvalidArgument, "an input has no value");
  if (isTensor(value)) return value;
  if (value.kind === "variable") {
    if (value.value === undefined) throw newError(Code.FailedPrecondition, `Attempting to use uninitialized value ${value.name}`);
    return value.value;
  }
  throw newError(Code.InvalidArgument, `a ${value.kind} stands where a tensor is expected`);
}

export function variableOf(value: Value | undefined): Variable {
  if (value === undefined || isTensor(value) || value.kind !== "variable") throw newError(Code.InvalidArgument, "expected a variable");
  return value;
}

export function tableOf(value: Value | undefined): Table {
  if (value === undefined || isTensor(value) || value.kind !== "table") throw newError(Code.InvalidArgument, "expected a lookup table");
  return value;
}

export function listOf(value: Value | undefined): List {
  if (value === undefined || isTensor(value) || value.kind !== "list") throw newError(Code.InvalidArgument, "expected a TensorList");
  return value;
}

export function arrayOf(value: Value | undefined): TensorArray {
  if (value === undefined || isTensor(value) || value.kind !== "array") throw newError(Code.InvalidArgument, "expected a TensorArray");
  return value;
}

/** expectType throws TensorFlow's kind of complaint about a dtype that a kernel cannot take. */
export function expectType(t: Tensor, want: DType, what: string): Tensor {
  if (t.dtype !== want) throw newError(Code.InvalidArgument, `${what} must be ${dtypeName(want)}, not ${dtypeName(t.dtype)}`);
  return t;
}
