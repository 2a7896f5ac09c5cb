// Data plane: PredictRequest and PredictResponse as bytes, by hand: generated code would copy every tensor once more, and take longer than a small call.
import { toBinary, create } from "@bufbuild/protobuf";
import { type ModelSpec, ModelSpecSchema } from "@tfs/proto";
import { Code, carve, newError } from "@tfs/std";
import { type DType, decode, type Encoding, type Form, numeric, prepare, type Tensor, toBytes } from "@tfs/tensor";
import type { Target } from "./route.ts";
import { ascii, word } from "./scan.ts";

/** PredictEncoder makes the messages of one model, version or label, and signature. */
export interface PredictEncoder {
  /** encode gives a gRPC message ready to send, and yours to keep: the five-byte prefix (not compressed), then a PredictRequest with all values in tensor_content. */
  encode(inputs: ReadonlyMap<string, Tensor>): Uint8Array;
}

/** A gRPC message starts with a flag and four bytes of length (gRPC over HTTP/2, "Length-Prefixed-Message"). */
const prefixBytes = 5;

/** Keys on the wire: field 1 of the request and field 2 of the response are the model spec; the maps are field 2 and field 1, their entries' key and value fields 1 and 2; a spec's version is field 2, and its value that message's field 1. */
const key = { spec: 0x0a, inputs: 0x12, outputs: 0x0a, name: 0x0a, tensor: 0x12, answered: 0x12, version: 0x12, value: 0x08 } as const;

const utf8 = new TextEncoder();

/** newPredictEncoder encodes once what all requests for a target share: to be kept beside the signature. */
export function newPredictEncoder(target: Target, signatureName: string): PredictEncoder {
  const { model, version, label } = target;
  const choice =
    version !== undefined
      ? ({ case: "version", value: { value: version } } as const)
      : label !== undefined
        ? ({ case: "versionLabel", value: label } as const)
        : undefined;
  const spec = toBinary(ModelSpecSchema, create(ModelSpecSchema, { name: model, signatureName, ...(choice === undefined ? {} : { versionChoice: choice }) }));
  const layouts: Layout[] = [];
  let oldest = 0;
  return {
    encode(inputs) {
      for (let i = 0; i < layouts.length; i++) if (fits(layouts[i]!, inputs)) return filled(layouts[i]!, inputs);
      const { bytes, layout } = encodeAnew(spec, inputs);
      if (layout !== undefined) {
        layouts[oldest] = layout;
        oldest = (oldest + 1) % maxLayouts;
      }
      return bytes;
    },
  };
}

/** Shapes that are remembered for each target and signature, the oldest replaced first: clients differ in how many rows they send at a time. */
const maxLayouts = 8;

/** Layout is a message without its values, which lie at the end of each input's entry: all that depends on names, dtypes and shapes. */
interface Layout {
  readonly sizeBytes: number;
  readonly parts: readonly Part[];
}

interface Part {
  readonly alias: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** head is what stands before the values. */
  readonly head: Uint8Array;
}

function fits({ parts }: Layout, inputs: ReadonlyMap<string, Tensor>): boolean {
  if (inputs.size !== parts.length) return false;
  let i = 0;
  for (const [alias, { dtype, shape }] of inputs) {
    const part = parts[i++]!;
    if (part.alias !== alias || part.dtype !== dtype || part.shape.length !== shape.length) return false;
    for (let k = 0; k < shape.length; k++) if (part.shape[k] !== shape[k]) return false;
  }
  return true;
}

function filled({ sizeBytes, parts }: Layout, inputs: ReadonlyMap<string, Tensor>): Uint8Array {
  const bytes = carve(Uint8Array, sizeBytes);
  let at = 0;
  let i = 0;
  for (const tensor of inputs.values()) {
    const { head } = parts[i++]!;
    bytes.set(head, at);
    at += head.length;
    const values = toBytes(tensor);
    bytes.set(values, at);
    at += values.length;
  }
  return bytes;
}

/** encodeAnew makes a message, and its layout unless that depends on the values: a string's length stands before it. */
function encodeAnew(spec: Uint8Array, inputs: ReadonlyMap<string, Tensor>): { readonly bytes: Uint8Array; readonly layout: Layout | undefined } {
  const entries = entriesOf(inputs, "content");
  const size = fieldSize(spec.length) + sizeOf(entries);
  const bytes = new Uint8Array(prefixBytes + size);
  new DataView(bytes.buffer).setUint32(1, size);
  const parts: Part[] = [];
  let from = 0;
  let at = putField(bytes, prefixBytes, key.spec, spec);
  for (const entry of entries) {
    at = putEntry(bytes, at, key.inputs, entry);
    const { alias, value } = entry;
    const data = numeric(value.data);
    if (data !== undefined) parts.push({ alias, dtype: value.dtype, shape: value.shape, head: bytes.slice(from, at - data.byteLength) });
    from = at;
  }
  return { bytes, layout: parts.length > 0 && parts.length === entries.length ? { sizeBytes: bytes.length, parts } : undefined };
}

export interface AnswerOptions {
  /** form is how answers carry tensors. */
  readonly form: Form;
  /** allocate gives memory for an answer, whatever is in it. */
  readonly allocate: (bytes: number) => Uint8Array;
}

/** newAnswerEncoder makes what writes a PredictResponse: of outputs, and of the spec of what computed them, which has a version. */
export function newAnswerEncoder({ form, allocate }: AnswerOptions): (outputs: ReadonlyMap<string, Tensor>, spec: ModelSpec) => Uint8Array {
  const specs = new Map<string, Uint8Array>();
  const encoded = (spec: ModelSpec): Uint8Array => {
    const { name, signatureName, versionChoice } = spec;
    const version = versionChoice.case === "version" ? versionChoice.value.value : versionChoice.value;
    const all = `${name.length} ${version} ${name}${signatureName}`;
    let bytes = specs.get(all);
    if (bytes === undefined) {
      if (specs.size === maxSpecs) specs.delete(specs.keys().next().value!); // the oldest
      specs.set(all, (bytes = toBinary(ModelSpecSchema, spec)));
    }
    return bytes;
  };
  return (outputs, from) => {
    const spec = encoded(from);
    const entries = entriesOf(outputs, form);
    const bytes = allocate(sizeOf(entries) + fieldSize(spec.length));
    let at = 0;
    for (let i = 0; i < entries.length; i++) at = putEntry(bytes, at, key.outputs, entries[i]!);
    at = putField(bytes, at, key.answered, spec);
    if (at !== bytes.length) throw new Error(`an answer of ${bytes.length} bytes has ${at}`);
    return bytes;
  };
}

/** Specs that are remembered as bytes. */
const maxSpecs = 64;

/** Entry is one of a map from names to tensors. */
interface Entry {
  readonly alias: string;
  readonly name: Uint8Array;
  readonly value: Tensor;
  readonly tensor: Encoding;
  /** length is that of the entry's key and value. */
  readonly length: number;
}

function entriesOf(tensors: ReadonlyMap<string, Tensor>, form: Form): Entry[] {
  const entries: Entry[] = [];
  for (const [alias, value] of tensors) {
    const tensor = prepare(value, form);
    const name = utf8.encode(alias);
    entries.push({ alias, name, value, tensor, length: fieldSize(name.length) + fieldSize(tensor.size) });
  }
  return entries;
}

/** sizeOf is what entries take together. */
function sizeOf(entries: readonly Entry[]): number {
  let size = 0;
  for (let i = 0; i < entries.length; i++) size += fieldSize(entries[i]!.length);
  return size;
}

function putEntry(bytes: Uint8Array, from: number, tag: number, { name, tensor, length }: Entry): number {
  bytes[from] = tag;
  let at = putField(bytes, putVarint(bytes, from + 1, length), key.name, name);
  bytes[at++] = key.tensor;
  return tensor.writeTo(bytes, putVarint(bytes, at, tensor.size));
}

/** fieldSize is what a field of so many bytes takes with its tag and length. */
function fieldSize(bytes: number): number {
  return 1 + varintSize(bytes) + bytes;
}

function varintSize(n: number): number {
  return n < 0x80 ? 1 : n < 0x4000 ? 2 : n < 0x200000 ? 3 : n < 0x10000000 ? 4 : 5;
}

function putVarint(bytes: Uint8Array, from: number, value: number): number {
  let at = from;
  let rest = value;
  for (; rest > 0x7f; rest = Math.floor(rest / 128)) bytes[at++] = (rest & 0x7f) | 0x80;
  bytes[at++] = rest;
  return at;
}

function putField(bytes: Uint8Array, from: number, tag: number, value: Uint8Array): number {
  bytes[from] = tag;
  const at = putVarint(bytes, from + 1, value.length);
  bytes.set(value, at);
  return at + value.length;
}

/** Reading is a place in a message. */
interface Reading {
  readonly bytes: Uint8Array;
  at: number;
}

/** outputsOf reads the outputs of a PredictResponse in their order on the wire; of two with one name the later one counts. Tensors may be views of it. Throws Internal for what is no such message. */
export function outputsOf(message: Uint8Array): Map<string, Tensor> {
  const r: Reading = { bytes: message, at: 0 };
  const outputs = new Map<string, Tensor>();
  while (r.at < message.length) {
    const tag = varint(r);
    if (tag !== key.outputs) {
      skipField(r, tag & 7);
      continue;
    }
    const end = span(r);
    let alias = "";
    let tensor: Uint8Array | undefined;
    while (r.at < end) {
      const inner = varint(r);
      if (inner === key.name) alias = textOf(message, r, span(r));
      else if (inner === key.tensor) {
        const stop = span(r);
        tensor = message.subarray(r.at, stop);
        r.at = stop;
      } else skipField(r, inner & 7);
    }
    if (r.at !== end) throw broken(r);
    outputs.set(alias, decode(tensor ?? noBytes, { name: alias }));
  }
  return outputs;
}

/** versionOf gives the version that a PredictResponse says it comes from, 0 if it names none; beyond 2^53 it is not exact. Throws Internal for what is no such message. */
export function versionOf(message: Uint8Array): number {
  const r: Reading = { bytes: message, at: 0 };
  const spec = find(r, message.length, key.answered);
  const wrapped = spec < 0 ? -1 : find(r, spec, key.version);
  return wrapped < 0 || find(r, wrapped, key.value) < 0 ? 0 : long(r);
}

/** find puts the reading at the content of the first field with this tag before `end`, and gives where that ends, or where it is if it is a number; -1 if there is none. */
function find(r: Reading, end: number, wanted: number): number {
  while (r.at < end) {
    const tag = varint(r);
    if (tag === wanted) return (tag & 7) === 0 ? r.at : span(r);
    skipField(r, tag & 7);
  }
  return -1;
}

function long(r: Reading): number {
  let value = 0;
  for (let unit = 1; unit < 2 ** 70; unit *= 128) {
    const byte = r.bytes[r.at++];
    if (byte === undefined) throw broken(r);
    value += (byte & 0x7f) * unit;
    if (byte < 0x80) return value;
  }
  throw broken(r);
}

const noBytes = new Uint8Array(0);

function broken(r: Reading): Error {
  return newError(Code.Internal, `the model server's answer is no PredictResponse: it breaks off or goes astray at byte ${r.at}`);
}

/** varint reads a number of up to 32 bits, which tags and lengths are; longer ones are only ever skipped. */
function varint(r: Reading): number {
  let value = 0;
  for (let shift = 0; shift < 35; shift += 7) {
    const byte = r.bytes[r.at++];
    if (byte === undefined) throw broken(r);
    value += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) return value;
  }
  throw broken(r);
}

/** span reads a length and gives where the field ends. */
function span(r: Reading): number {
  const length = varint(r);
  const end = r.at + length;
  if (end > r.bytes.length) throw broken(r);
  return end;
}

function skipField(r: Reading, type: number): void {
  if (type === 0) {
    for (let i = 0; i < 10; i++) {
      const byte = r.bytes[r.at++];
      if (byte === undefined) break;
      if (byte < 0x80) return;
    }
    throw broken(r);
  }
  const size = type === 1 ? 8 : type === 5 ? 4 : 0;
  if (size === 0 && type !== 2) throw broken(r);
  const end = size === 0 ? span(r) : r.at + size;
  if (end > r.bytes.length) throw broken(r);
  r.at = end;
}

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** Names are short and mostly ASCII: a call of the decoder takes longer than looking. */
function textOf(bytes: Uint8Array, r: Reading, end: number): string {
  const from = r.at;
  r.at = end;
  for (let i = from; i < end; i++) if (bytes[i]! > 0x7e) return decoder.decode(bytes.subarray(from, end));
  return end - from <= 32 ? word(bytes, from, end) : ascii(bytes, from, end);
}
