import { Code, newError } from "@tfs/std";
import { DType, elementCount, type Tensor } from "@tfs/tensor";
import type { Format } from "./predict_request.ts";
import { base64, indent, printer, quotedText } from "./writer.ts";

const encoder = new TextEncoder();

/** An output whose alias ends so is bytes: each value becomes {"b64": …}. */
const bytesSuffix = "_bytes";

/** printPredict writes the answer to a predict call, in the layout of the request's format, byte for byte. Throws InvalidArgument in TensorFlow Serving's words. */
export function printPredict(outputs: ReadonlyMap<string, Tensor>, format: Format): Uint8Array {
  if (outputs.size === 0) throw newError(Code.InvalidArgument, "Cannot convert empty tensor map to JSON");
  return encoder.encode(format === "row" ? rowBody(outputs) : columnarBody(outputs));
}

type Element = (i: number, depth: number) => string;

function elementOf(alias: string, t: Tensor): Element {
  if (t.dtype !== DType.String || !alias.endsWith(bytesSuffix)) {
    const print = printer(t);
    return (i) => print(i);
  }
  const values = t.data as readonly Uint8Array[];
  return (i, depth) => `{\n${indent(depth + 1)}"b64": "${base64(values[i]!)}"\n${indent(depth)}}`;
}

/** line writes a part of a tensor on one line: `[[1.0, 2.0], [3.0, 4.0]]`. */
function line(shape: readonly number[], at: number, element: Element, depth: number): string {
  const [size, ...rest] = shape;
  if (size === undefined) return element(at, depth);
  const step = elementCount(rest);
  const parts = new Array<string>(size);
  for (let i = 0; i < size; i++) parts[i] = line(rest, at + i * step, element, depth);
  return `[${parts.join(", ")}]`;
}

/** block writes a tensor with each element on a line of its own. */
function block(shape: readonly number[], at: number, element: Element, depth: number): string {
  const [size, ...rest] = shape;
  if (size === undefined) return element(at, depth);
  if (size === 0) return "[]";
  const step = elementCount(rest);
  const parts = new Array<string>(size);
  for (let i = 0; i < size; i++) parts[i] = indent(depth + 1) + block(rest, at + i * step, element, depth + 1);
  return `[\n${parts.join(",\n")}\n${indent(depth)}]`;
}

function rowBody(outputs: ReadonlyMap<string, Tensor>): string {
  const rows = rowCount(outputs);
  const each = [...outputs].map(([alias, t]) => ({ alias, shape: t.shape.slice(1), element: elementOf(alias, t), step: elementCount(t.shape.slice(1)) }));
  const items = new Array<string>(rows);
  if (each.length === 1) {
    const [{ shape, element, step }] = each as [(typeof each)[0]];
    for (let i = 0; i < rows; i++) items[i] = line(shape, i * step, element, 2);
    return `{\n${indent(1)}"predictions": [${items.join(", ")}\n${indent(1)}]\n}`;
  }
  for (let i = 0; i < rows; i++) {
    const members = each.map(({ alias, shape, element, step }) => `${indent(3)}${quotedText(alias)}: ${line(shape, i * step, element, 3)}`);
    items[i] = `${indent(2)}{\n${members.join(",\n")}\n${indent(2)}}`;
  }
  return rows === 0 ? `{\n${indent(1)}"predictions": []\n}` : `{\n${indent(1)}"predictions": [\n${items.join(",\n")}\n${indent(1)}]\n}`;
}

function rowCount(outputs: ReadonlyMap<string, Tensor>): number {
  let rows: number | undefined;
  for (const [alias, t] of outputs) {
    const own = t.shape[0];
    if (own === undefined) throw newError(Code.InvalidArgument, `Tensor name: ${alias} has no shape information `);
    rows ??= own;
    if (own !== rows) throw newError(Code.InvalidArgument, `Tensor name: ${alias} has inconsistent batch size: ${own} expecting: ${rows}`);
  }
  return rows ?? 0;
}

function columnarBody(outputs: ReadonlyMap<string, Tensor>): string {
  const [[alias, only]] = [...outputs] as [[string, Tensor]];
  if (outputs.size === 1) return `{\n${indent(1)}"outputs": ${block(only.shape, 0, elementOf(alias, only), 1)}\n}`;
  const members = [...outputs].map(([name, t]) => `${indent(2)}${quotedText(name)}: ${block(t.shape, 0, elementOf(name, t), 2)}`);
  return `{\n${indent(1)}"outputs": {\n${members.join(",\n")}\n${indent(1)}}\n}`;
}
