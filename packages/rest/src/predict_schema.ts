import type { SignatureDef, TensorInfo } from "@tfs/proto";
import { type DType, DType as D, dtypeName, toDType } from "@tfs/tensor";
import { anyOf, arraySchema, base64Schema, type Components, list, object, readSchema, type Schema, scalarSchema } from "./json_schema.ts";
import { carriesNpy } from "./npy.ts";

/** PredictSchemas is what predict takes and gives over all signatures that JSON carries. */
export interface PredictSchemas {
  readonly request: Schema;
  readonly response: Schema;
  /** npy tells whether some signature has one input and one output that can be sent as arrays of numpy. */
  readonly npy: boolean;
}

/** predictSchemas gives undefined if no signature can be called: one without inputs cannot. `components` gets what the schemas refer to. */
export function predictSchemas(signatures: ReadonlyMap<string, SignatureDef>, components: Components): PredictSchemas | undefined {
  const requests: Schema[] = [];
  const responses = new Map<string, Schema>();
  let npy = false;
  for (const [name, signature] of defaultFirst(signatures)) {
    const [inputs, outputs] = [tensorsOf(signature.inputs, readSchema), tensorsOf(signature.outputs, scalarSchema)];
    if (inputs === undefined || outputs === undefined || inputs.length === 0 || outputs.length === 0) continue;
    const named = (body: Readonly<Record<string, Schema>>): Schema => ({
      type: "object",
      properties: { signature_name: { const: name }, ...body },
      required: [...(name === defaultName ? [] : ["signature_name"]), ...Object.keys(body)],
    });
    const first = inputs.every(({ shape }) => shape === undefined || shape.length > 0) && outputs.every(({ shape }) => shape === undefined || shape.length > 0);
    if (first) {
      requests.push(named({ instances: { ...instances(inputs, components), minItems: 1 } }));
      remember(responses, object({ predictions: list(outputsOf(outputs.map(inner), components)) }));
    }
    requests.push(named({ inputs: columns(inputs, components) }));
    remember(responses, object({ outputs: outputsOf(outputs, components) }));
    npy ||= inputs.length === 1 && outputs.length === 1 && carriesNpy(inputs[0]!.dtype) && carriesNpy(outputs[0]!.dtype);
  }
  return requests.length === 0 ? undefined : { request: anyOf(requests), response: anyOf([...responses.values()]), npy };
}

/** defaultFirst puts the signature in front that is meant where none is named: it is the one that a reader looks for. */
function defaultFirst(signatures: ReadonlyMap<string, SignatureDef>): [string, SignatureDef][] {
  return [...signatures].sort(([a], [b]) => Number(b === defaultName) - Number(a === defaultName));
}

const defaultName = "serving_default";

/** Signatures often give the same: each schema once. */
function remember(schemas: Map<string, Schema>, schema: Schema): void {
  schemas.set(JSON.stringify(schema), schema);
}

/** Named is an input or output; without a shape its rank is not known. */
interface Named {
  readonly alias: string;
  readonly dtype: DType;
  readonly scalar: Schema;
  readonly shape: readonly number[] | undefined;
}

/** tensorsOf gives undefined if one of them does not go as JSON. */
function tensorsOf(infos: { readonly [alias: string]: TensorInfo }, scalarOf: (dtype: DType) => Schema | undefined): readonly Named[] | undefined {
  const tensors: Named[] = [];
  for (const [alias, { dtype: number, tensorShape }] of Object.entries(infos)) {
    const dtype = toDType(number);
    const scalar = dtype === undefined ? undefined : scalarOf(dtype);
    if (dtype === undefined || scalar === undefined) return undefined;
    const known = tensorShape !== undefined && !tensorShape.unknownRank;
    tensors.push({ alias, dtype, scalar, shape: known ? tensorShape.dim.map(({ size }) => Number(size)) : undefined });
  }
  return tensors;
}

/** inner is one row of a tensor. */
function inner(t: Named): Named {
  return t.shape === undefined ? t : { ...t, shape: t.shape.slice(1) };
}

function inputSchema({ dtype, scalar, shape }: Named, components: Components): Schema {
  return arraySchema(scalar, shape, `in_${dtypeName(dtype)}`, components);
}

function outputSchema({ alias, dtype, scalar, shape }: Named, components: Components): Schema {
  const asBytes = dtype === D.String && alias.endsWith("_bytes");
  return arraySchema(asBytes ? base64Schema : scalar, shape, `out_${asBytes ? "bytes" : dtypeName(dtype)}`, components);
}

/** instances is a list of rows: all by name, or all plain if there is one input. */
function instances(inputs: readonly Named[], components: Components): Schema {
  const rows = inputs.map(inner);
  const named = list(object(byAlias(rows, (t) => inputSchema(t, components))));
  return rows.length > 1 ? named : { ...anyOf([list(inputSchema(rows[0]!, components)), named]), type: "array" };
}

/** columns is the value of `inputs`: by name, further names being ignored, or plain if there is one. */
function columns(inputs: readonly Named[], components: Components): Schema {
  const properties = byAlias(inputs, (t) => inputSchema(t, components));
  const named = { type: "object", properties, required: Object.keys(properties) };
  return inputs.length > 1 ? named : anyOf([inputSchema(inputs[0]!, components), named]);
}

function outputsOf(outputs: readonly Named[], components: Components): Schema {
  const [only, second] = outputs;
  if (only !== undefined && second === undefined) return outputSchema(only, components);
  return object(byAlias(outputs, (t) => outputSchema(t, components)));
}

function byAlias(tensors: readonly Named[], of: (t: Named) => Schema): Record<string, Schema> {
  return Object.fromEntries(tensors.map((t) => [t.alias, of(t)]));
}
