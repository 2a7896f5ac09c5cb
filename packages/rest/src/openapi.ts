// What a server of models understands, as OpenAPI 3.1: made from the signatures, which say names, dtypes and shapes.
import type { SignatureDef } from "@tfs/proto";
import { type Components, errorSchema, exampleSchema, list, metadataSchema, object, refer, type Schema, statusSchema } from "./json_schema.ts";
import { modelsSchema, readinessSchema } from "./models.ts";
import { npyType } from "./npy.ts";
import { predictSchemas } from "./predict_schema.ts";

/** Described is one model of a document: what one of its versions has. */
export interface Described {
  readonly model: string;
  readonly version: bigint;
  readonly signatures: ReadonlyMap<string, SignatureDef>;
}

/** printModelApi writes the document of one model. */
export function printModelApi(described: Described): Uint8Array {
  const components: Components = {};
  return print(`Model ${described.model}`, described.version.toString(), pathsOf(described, 1, components), components);
}

/** printServerApi writes the document of a server: all its models, and what is about none of them. `version` is the server's own. */
export function printServerApi(models: readonly Described[], version: string): Uint8Array {
  const components: Components = {};
  const paths: Record<string, Schema> = { ...serverPaths };
  for (const [i, described] of models.entries()) Object.assign(paths, pathsOf(described, i + 1, components));
  return print("Model server", version, paths, components);
}

const encoder = new TextEncoder();

function print(title: string, version: string, paths: Schema, components: Components): Uint8Array {
  const document = {
    openapi: "3.1.0",
    info: { title, version },
    servers: [{ url: "/" }],
    paths,
    components: { schemas: { error: errorSchema, ...components } },
  };
  return encoder.encode(`${JSON.stringify(document, undefined, 1)}\n`);
}

/** jsonOf makes the content of a body in JSON. */
function jsonOf(schema: Schema): Readonly<Record<string, Schema>> {
  return { "application/json": { schema } };
}

const failure = { description: "what went wrong", content: jsonOf(refer("error")) };

function getting(operationId: string, summary: string, content: Schema, more: Schema = {}): Schema {
  return { get: { operationId, summary, responses: { "200": { description: summary, content }, default: failure }, ...more } };
}

const serverPaths: Readonly<Record<string, Schema>> = {
  "/v1/models": getting("list models", "the configured models, their versions and labels", jsonOf(modelsSchema)),
  "/healthz": getting("health", "the process is alive", { "text/plain": { schema: { type: "string" } } }),
  "/readyz": getting("readiness", "every configured model can be called, or the one that is asked for", jsonOf(readinessSchema), {
    parameters: [
      { name: "model", in: "query", schema: { type: "string", minLength: 1 } },
      { name: "label", in: "query", description: "a label of that model", schema: { type: "string", minLength: 1 } },
      { name: "version", in: "query", description: "a version of that model, instead of a label", schema: { type: "integer", format: "int64", minimum: 0 } },
    ],
    responses: {
      "200": { description: "it is so", content: jsonOf(readinessSchema) },
      "503": { description: "not yet, or no longer", content: jsonOf(readinessSchema) },
      default: failure,
    },
  }),
};

/** wheresOf gives the ways to say in a path which version is meant. */
function wheresOf(version: bigint): { readonly suffix: string; readonly parameters: readonly Schema[] }[] {
  const parameter = (name: string, schema: Schema): Schema => ({ name, in: "path", required: true, schema });
  return [
    { suffix: "", parameters: [] },
    { suffix: "/versions/{version}", parameters: [parameter("version", { type: "integer", format: "int64", minimum: 0, examples: [Number(version)] })] },
    { suffix: "/labels/{label}", parameters: [parameter("label", { type: "string", pattern: "^[^/:]+$" })] },
  ];
}

/** pathsOf describes a model's paths; `number` tells the components of one model from those of another, whose names may hold anything. */
function pathsOf({ model, version, signatures }: Described, number: number, components: Components): Record<string, Schema> {
  const paths: Record<string, Schema> = {};
  const predicted = predictSchemas(signatures, components);
  const posts: readonly Post[] = [
    ...(predicted === undefined ? [] : [{ verb: "predict", ...predicted }]),
    ...examplesPosts(signatures, "classify", pairs),
    ...examplesPosts(signatures, "regress", { type: "number" }),
  ];
  for (const { verb, request, response } of posts) {
    components[`${verb}.request.${number}`] = request;
    components[`${verb}.response.${number}`] = response;
  }
  for (const { suffix, parameters } of wheresOf(version)) {
    const place = `/v1/models/${encodeURIComponent(model)}${suffix}`;
    const tagged = { tags: [model] };
    const add = (path: string, item: Schema): void => {
      paths[path] = parameters.length === 0 ? item : { parameters, ...item };
    };
    add(place, getting(`status of ${model}${suffix}`, "the states of versions", jsonOf(statusSchema), tagged));
    add(`${place}/metadata`, getting(`metadata of ${model}${suffix}`, "the signatures", jsonOf(metadataSchema), tagged));
    for (const { verb, npy } of posts) {
      const binary = npy === true ? { [npyType]: { schema: { type: "string", format: "binary" } } } : {};
      const content = { ...jsonOf(refer(`${verb}.request.${number}`)), ...binary };
      add(`${place}:${verb}`, {
        post: {
          operationId: `${verb} with ${model}${suffix}`,
          summary: verb,
          requestBody: { required: true, content },
          responses: { "200": { description: "the results", content: { ...jsonOf(refer(`${verb}.response.${number}`)), ...binary } }, default: failure },
          ...tagged,
        },
      });
    }
  }
  return paths;
}

interface Post {
  readonly verb: string;
  readonly request: Schema;
  readonly response: Schema;
  readonly npy?: boolean;
}

/** A classification is a list of labels with scores. */
const pairs = list({ type: "array", prefixItems: [{ type: "string" }, { type: "number" }], minItems: 2, maxItems: 2 });

/** examplesPosts says what classify or regress takes and gives; nothing if no signature has that method. */
function examplesPosts(signatures: ReadonlyMap<string, SignatureDef>, verb: "classify" | "regress", result: Schema): Post[] {
  const names = [...signatures].filter(([, { methodName }]) => methodName === `tensorflow/serving/${verb}`).map(([name]) => name);
  if (names.length === 0) return [];
  const properties = { signature_name: { enum: names }, context: exampleSchema, examples: { ...list(exampleSchema), minItems: 1 } };
  const required = names.includes("serving_default") ? ["examples"] : ["examples", "signature_name"];
  return [{ verb, request: { type: "object", properties, required }, response: object({ results: { ...list(result), minItems: 1 } }) }];
}
