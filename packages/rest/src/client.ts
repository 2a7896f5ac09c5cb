// The client's side of the dialect: request bodies out, answers in.
import { create, fromJson } from "@bufbuild/protobuf";
import { anyPack } from "@bufbuild/protobuf/wkt";
import {
  type GetModelMetadataResponse,
  GetModelMetadataResponseSchema,
  type GetModelStatusResponse,
  GetModelStatusResponseSchema,
  type SignatureDef,
  SignatureDefMapSchema,
} from "@tfs/proto";
import { Code, type Failure, newError } from "@tfs/std";
import { DType, type Tensor, toDType } from "@tfs/tensor";
import { type Document, parseDocument } from "./document.ts";
import { newElements } from "./fill.ts";
import { elements, kindOf, members, type Range, text } from "./scan.ts";
import { base64, printer, quotedText } from "./writer.ts";

const encoder = new TextEncoder();

export interface RequestOptions {
  /** signatureName, if not the default one. */
  readonly signatureName?: string;
}

/** printPredictRequest writes a columnar predict body. Strings that are not UTF-8 go as {"b64": …}. */
export function printPredictRequest(inputs: ReadonlyMap<string, Tensor>, options: RequestOptions = {}): Uint8Array {
  const signature = options.signatureName ? `"signature_name":${quotedText(options.signatureName)},` : "";
  const members = [...inputs].map(([alias, t]) => `${quotedText(alias)}:${value(t)}`);
  return encoder.encode(`{${signature}"inputs":{${members.join(",")}}}`);
}

function value(t: Tensor): string {
  const print = t.dtype === DType.String ? (i: number) => bytesOrText((t.data as readonly Uint8Array[])[i]!) : printer(t);
  const nest = (shape: readonly number[], at: number): string => {
    const [size, ...rest] = shape;
    if (size === undefined) return print(at);
    const step = rest.reduce((a, b) => a * b, 1);
    const parts = new Array<string>(size);
    for (let i = 0; i < size; i++) parts[i] = nest(rest, at + i * step);
    return `[${parts.join(",")}]`;
  };
  return nest(t.shape, 0);
}

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function bytesOrText(bytes: Uint8Array): string {
  try {
    return quotedText(strict.decode(bytes));
  } catch {
    return `{"b64":"${base64(bytes)}"}`; // not UTF-8: only this form carries it
  }
}

/** parsePredictResponse reads `predictions` or `outputs` by the signature's output dtypes. Throws DataLoss for a body that is not such an answer. */
export function parsePredictResponse(body: Uint8Array, signature: SignatureDef): ReadonlyMap<string, Tensor> {
  const document = parsed(body);
  const [rows, columns] = [document.get("predictions"), document.get("outputs")];
  const types = new Map(Object.entries(signature.outputs).map(([alias, info]) => [alias, toDType(info.dtype) ?? DType.Float]));
  if (columns !== undefined) return readColumns(document, columns, types);
  if (rows !== undefined && kindOf(document.bytes, rows.start) === "Array") return readRows(document, rows, types);
  throw newError(Code.DataLoss, "the answer holds neither predictions nor outputs");
}

function parsed(body: Uint8Array): Document {
  try {
    return parseDocument(body);
  } catch (err) {
    throw newError(Code.DataLoss, `the answer is not what a model server sends: ${(err as Failure).message}`, err);
  }
}

function readColumns(document: Document, range: Range, types: ReadonlyMap<string, DType>): Map<string, Tensor> {
  const named = types.size > 1 || (kindOf(document.bytes, range.start) === "Object" && hasOnly(document, range, types));
  const out = new Map<string, Tensor>();
  const read = (alias: string, at: Range): void => {
    const dtype = types.get(alias);
    if (dtype === undefined) throw newError(Code.DataLoss, `the answer has the output ${alias}, which the signature does not`);
    const found = newElements(dtype);
    out.set(alias, found.tensor(found.take(document.bytes, at)));
  };
  if (named) for (const { name, value: at } of members(document.bytes, range)) read(name, at);
  else read(only(types), range);
  return out;
}

/** A single output is bare, unless the server wrote it by name. */
function hasOnly(document: Document, range: Range, types: ReadonlyMap<string, DType>): boolean {
  for (const { name } of members(document.bytes, range)) if (!types.has(name)) return false;
  return true;
}

function only(types: ReadonlyMap<string, DType>): string {
  const [alias] = types.keys();
  if (alias === undefined) throw newError(Code.DataLoss, "the signature has no outputs");
  return alias;
}

function readRows(document: Document, range: Range, types: ReadonlyMap<string, DType>): Map<string, Tensor> {
  const found = new Map([...types].map(([alias, dtype]) => [alias, { elements: newElements(dtype), shape: undefined as readonly number[] | undefined }]));
  let count = 0;
  for (const item of elements(document.bytes, range)) {
    const named = types.size > 1;
    const cells = named ? members(document.bytes, item) : [{ name: only(types), value: item }];
    for (const { name, value: at } of cells) {
      const column = found.get(name);
      if (column === undefined) throw newError(Code.DataLoss, `the answer has the output ${name}, which the signature does not`);
      column.shape = column.elements.take(document.bytes, at);
    }
    count++;
  }
  return new Map(
    [...found].filter(([, c]) => c.shape !== undefined || count === 0).map(([alias, c]) => [alias, c.elements.tensor([count, ...(c.shape ?? [])])]),
  );
}

/** parseError gives the message of an error body; undefined if the body is not one. */
export function parseError(body: Uint8Array): string | undefined {
  try {
    const document = parseDocument(body);
    const range = document.get("error");
    return range !== undefined && kindOf(document.bytes, range.start) === "String" ? text(document.bytes, range) : undefined;
  } catch {
    return undefined; // a proxy's page, say: the caller shows the status instead
  }
}

function json(body: Uint8Array): Record<string, unknown> {
  try {
    return JSON.parse(new TextDecoder().decode(body)) as Record<string, unknown>;
  } catch (err) {
    throw newError(Code.DataLoss, "the answer is not JSON", err);
  }
}

/** parseStatus reads a status answer. */
export function parseStatus(body: Uint8Array): GetModelStatusResponse {
  try {
    return fromJson(GetModelStatusResponseSchema, json(body) as never, { ignoreUnknownFields: true });
  } catch (err) {
    throw newError(Code.DataLoss, "the answer is not a model status", err);
  }
}

/** parseMetadata reads a metadata answer, whose signatures are nested twice. */
export function parseMetadata(body: Uint8Array): GetModelMetadataResponse {
  const { model_spec: spec, metadata } = json(body) as { model_spec?: { name?: string; version?: string }; metadata?: { signature_def?: unknown } };
  try {
    const map = fromJson(SignatureDefMapSchema, (metadata?.signature_def ?? {}) as never, { ignoreUnknownFields: true });
    return create(GetModelMetadataResponseSchema, {
      modelSpec: { name: spec?.name ?? "", versionChoice: { case: "version", value: { value: BigInt(spec?.version ?? 0) } } },
      metadata: { signature_def: anyPack(SignatureDefMapSchema, map) },
    });
  } catch (err) {
    throw newError(Code.DataLoss, "the answer is not model metadata", err);
  }
}
