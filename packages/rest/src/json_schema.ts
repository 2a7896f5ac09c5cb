// JSON Schemas (2020-12, as OpenAPI 3.1 has them) of what the API carries.
import { DType, dtypeName } from "@tfs/tensor";
import { integerRanges } from "./integer_range.ts";
import { isSmallFloat } from "./small_float.ts";

/** Schema is a piece of a document, ready to be printed. */
export type Schema = Readonly<Record<string, unknown>>;

/** Components are the schemas that others refer to, by name. */
export type Components = Record<string, Schema>;

/** object makes the schema of an object of these members and no others, all of them there but for the optional ones. */
export function object(properties: Readonly<Record<string, Schema>>, optional: readonly string[] = []): Schema {
  return { type: "object", properties, required: Object.keys(properties).filter((name) => !optional.includes(name)), additionalProperties: false };
}

export function list(items: Schema): Schema {
  return { type: "array", items };
}

/** refer makes the schema that stands for a component. */
export function refer(name: string): Schema {
  return { $ref: `#/components/schemas/${name}` };
}

/** anyOf makes the schema of what fits one of these. */
export function anyOf(schemas: readonly Schema[]): Schema {
  const [only, second] = schemas;
  return only !== undefined && second === undefined ? only : { anyOf: schemas };
}

export const base64Schema: Schema = object({
  b64: { type: "string", contentEncoding: "base64", pattern: "^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$" },
});

/** What the narrow integers hold: past it TensorFlow Serving takes a number and truncates it, which nobody should do on purpose. */
const narrow: ReadonlyMap<DType, readonly [number, number]> = new Map([
  [DType.Int16, [-(2 ** 15), 2 ** 15 - 1]],
  [DType.Int8, [-128, 127]],
  [DType.UInt8, [0, 255]],
]);

/** scalarSchema says what one element of a dtype looks like; undefined for a dtype that JSON does not carry. What is not finite is written as NaN and Infinity, which no schema knows. */
export function scalarSchema(dtype: DType): Schema | undefined {
  const range = narrow.get(dtype) ?? integerRanges.get(dtype);
  if (range !== undefined) return { type: "integer", minimum: range[0], maximum: range[1] };
  if (dtype === DType.Float || dtype === DType.Double || isSmallFloat(dtype)) return { type: "number", format: dtypeName(dtype) };
  switch (dtype) {
    // The bounds of 64 bits are no numbers that every reader of JSON keeps.
    case DType.Int64:
      return { type: "integer", format: "int64" };
    case DType.UInt64:
      return { type: "integer", format: "uint64", minimum: 0 };
    case DType.Bool:
      return { type: "boolean" };
    case DType.String:
      return { type: "string" };
    default:
      return undefined;
  }
}

/** The largest floats: past them a number that is read is infinite. */
const largest: ReadonlyMap<DType, number> = new Map([
  [DType.Float, 3.4028234663852886e38],
  [DType.BFloat16, 3.3895313892515355e38],
  [DType.Half, 65504],
]);

function within(most: number): Schema {
  return { minimum: -most, maximum: most };
}

/** readSchema is scalarSchema for what is read: nobody should send what is not kept. */
export function readSchema(dtype: DType): Schema | undefined {
  const [schema, most] = [scalarSchema(dtype), largest.get(dtype)];
  if (dtype === DType.String) return anyOf([{ type: "string" }, base64Schema]);
  return schema === undefined || most === undefined ? schema : { ...schema, ...within(most) };
}

/** arraySchema nests a scalar as a shape says, -1 being any number; without a shape the rank is open, and the schema refers to a component that it adds under `name`. */
export function arraySchema(scalar: Schema, shape: readonly number[] | undefined, name: string, components: Components): Schema {
  if (shape === undefined) {
    const ref = refer(name);
    components[name] = anyOf([scalar, list(ref)]);
    return ref;
  }
  return shape.reduceRight<Schema>((items, size) => (size < 0 ? list(items) : { ...list(items), minItems: size, maxItems: size }), scalar);
}

export const integer: Schema = { type: "integer" };

/** versionSchema is a number of 64 bits, which JSON carries as a string. */
export const versionSchema: Schema = { type: "string", pattern: "^[0-9]+$" };

export const stateSchema: Schema = { enum: ["UNKNOWN", "START", "LOADING", "AVAILABLE", "UNLOADING", "END"] };

/** errorSchema is the body of every answer that is none. */
export const errorSchema: Schema = object({ error: { type: "string" } });

const versionStatus = object({
  version: versionSchema,
  state: stateSchema,
  status: object({ error_code: { type: "string" }, error_message: { type: "string" } }),
});

export const statusSchema: Schema = object({ model_version_status: list(versionStatus) });

const infos = { type: "object", additionalProperties: { type: "object", required: ["dtype", "tensor_shape"] } };
const signature = object({ inputs: infos, outputs: infos, method_name: { type: "string" }, defaults: { type: "object" } });

export const metadataSchema: Schema = object({
  model_spec: object({ name: { type: "string" }, signature_name: { type: "string" }, version: versionSchema }),
  metadata: object({ signature_def: object({ signature_def: { type: "object", additionalProperties: signature } }) }),
});

const feature = anyOf([{ type: ["string", "boolean"] }, { type: "number", ...within(3.4028234663852886e38) }, base64Schema]);

/** exampleSchema is an example of classify and regress: features by name. */
export const exampleSchema: Schema = { type: "object", additionalProperties: anyOf([feature, list(feature)]) };
