import { Code, newError } from "@tfs/std";
import { elementCount, type Tensor } from "@tfs/tensor";
import { outputsOf } from "./envelope.ts";
import type { Format } from "./format.ts";
import { newPage, type Page, put, putBytes, written } from "./page.ts";
import { newRun, type Numbers, type Run } from "./runs.ts";
import { indent, quotedText } from "./writer.ts";

export interface PrintOptions {
  /** numbers is how floats are written; TensorFlow Serving's way by default. */
  readonly numbers?: Numbers;
}

/** printPredict writes the answer to a predict call, in the layout of the request's format, byte for byte. Throws InvalidArgument in TensorFlow Serving's words. */
export function printPredict(outputs: ReadonlyMap<string, Tensor>, format: Format, options: PrintOptions = {}): Uint8Array {
  if (outputs.size === 0) throw newError(Code.InvalidArgument, "Cannot convert empty tensor map to JSON");
  const rows = format === "row" ? rowCount(outputs) : 0;
  const parts: Output[] = [];
  let elements = 0;
  for (const [alias, t] of outputs) {
    const shape = format === "row" ? t.shape.slice(1) : t.shape;
    parts.push({ alias, shape, size: elementCount(shape), run: newRun(alias, t, options.numbers ?? "tensorflow") });
    elements += t.data.length;
  }
  const page = newPage(elements * bytesPerElement + 256);
  if (format === "row") printRows(page, parts, rows);
  else printColumns(page, parts);
  return written(page);
}

/**
 * printPredictResponse writes a PredictResponse message (without a gRPC prefix) as the answer's body. Throws Internal for what is no such message, InvalidArgument for
 * a tensor that does not add up or that JSON does not carry.
 */
export function printPredictResponse(message: Uint8Array, format: Format, options: PrintOptions = {}): Uint8Array {
  return printPredict(outputsOf(message), format, options);
}

/** A guess at the size of what is written; the page grows if it was too low. */
const bytesPerElement = 14;

/** Output is one tensor, or its slices of one shape. */
interface Output {
  readonly alias: string;
  readonly shape: readonly number[];
  /** size is how many elements the shape has. */
  readonly size: number;
  readonly run: Run;
}

const encoder = new TextEncoder();
const comma = encoder.encode(", ");

function printRows(page: Page, outputs: readonly Output[], rows: number): void {
  put(page, `{\n${indent(1)}"predictions": [`);
  const [only, second] = outputs;
  if (only !== undefined && second === undefined && rows > 0) {
    if (only.shape.length === 0) only.run(page, 0, rows, comma, 2);
    else
      for (let i = 0; i < rows; i++) {
        if (i > 0) putBytes(page, comma);
        putLine(page, only, 0, i * only.size, 2);
      }
    put(page, `\n${indent(1)}]\n}`);
    return;
  }
  const names = outputs.map(({ alias }) => `\n${indent(3)}${quotedText(alias)}: `);
  for (let i = 0; i < rows; i++) {
    put(page, i === 0 ? `\n${indent(2)}{` : `,\n${indent(2)}{`);
    for (let k = 0; k < outputs.length; k++) {
      if (k > 0) put(page, ",");
      put(page, names[k]!);
      putLine(page, outputs[k]!, 0, i * outputs[k]!.size, 3);
    }
    put(page, `\n${indent(2)}}`);
  }
  put(page, rows === 0 ? "]\n}" : `\n${indent(1)}]\n}`);
}

/** putLine writes a part of a tensor on one line: `[[1.0, 2.0], [3.0, 4.0]]`. */
function putLine(page: Page, output: Output, axis: number, from: number, depth: number): void {
  const { shape, run } = output;
  if (axis === shape.length) {
    run(page, from, 1, comma, depth);
    return;
  }
  const size = shape[axis]!;
  put(page, "[");
  if (axis + 1 === shape.length) {
    run(page, from, size, comma, depth);
  } else {
    const step = stepOf(shape, axis);
    for (let i = 0; i < size; i++) {
      if (i > 0) putBytes(page, comma);
      putLine(page, output, axis + 1, from + i * step, depth);
    }
  }
  put(page, "]");
}

/** putBlock writes a part of a tensor with each element on a line of its own. */
function putBlock(page: Page, output: Output, axis: number, from: number, depth: number): void {
  const { shape, run } = output;
  if (axis === shape.length) {
    run(page, from, 1, comma, depth);
    return;
  }
  const size = shape[axis]!;
  if (size === 0) {
    put(page, "[]");
    return;
  }
  put(page, `[\n${indent(depth + 1)}`);
  const between = separator(depth + 1);
  if (axis + 1 === shape.length) {
    run(page, from, size, between, depth + 1);
  } else {
    const step = stepOf(shape, axis);
    for (let i = 0; i < size; i++) {
      if (i > 0) putBytes(page, between);
      putBlock(page, output, axis + 1, from + i * step, depth + 1);
    }
  }
  put(page, `\n${indent(depth)}]`);
}

/** stepOf gives how many elements lie between two neighbours along an axis. */
function stepOf(shape: readonly number[], axis: number): number {
  let step = 1;
  for (let i = axis + 1; i < shape.length; i++) step *= shape[i]!;
  return step;
}

/** Separators of the first levels, made once; deeper ones are rare. */
const separators: readonly Uint8Array[] = Array.from({ length: 8 }, (_, depth) => encoder.encode(`,\n${indent(depth)}`));

function separator(depth: number): Uint8Array {
  return separators[depth] ?? encoder.encode(`,\n${indent(depth)}`);
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

function printColumns(page: Page, outputs: readonly Output[]): void {
  put(page, `{\n${indent(1)}"outputs": `);
  const [only, second] = outputs;
  if (only !== undefined && second === undefined) {
    putBlock(page, only, 0, 0, 1);
  } else {
    put(page, "{");
    outputs.forEach((output, k) => {
      put(page, `${k > 0 ? "," : ""}\n${indent(2)}${quotedText(output.alias)}: `);
      putBlock(page, output, 0, 0, 2);
    });
    put(page, `\n${indent(1)}}`);
  }
  put(page, "\n}");
}
